"""A PostgreSQL server of the tests' own: on loopback, in a temporary folder, with production's durability.

VALETKEY_TEST_POSTGRES_URL names a server to use instead, by a role that may make databases; what stops the server needs
one of its own in any case.
"""

import asyncio
import atexit
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from valetkey.stores.postgres import open_postgres
from valetkey.stores.postgres.schema import migrate

SERVER = "VALETKEY_TEST_POSTGRES_URL"

KEPT = 16
"""Databases that are kept; whoever makes more is done with the older ones."""

_names = itertools.count()


def find_program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    raise RuntimeError(f"{name} is not on this machine: install PostgreSQL 15 or newer to run these tests")


def _user() -> list[str]:
    """PostgreSQL refuses to be root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Databases:
    """Databases of one server, each a copy of a migrated one."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._template = f"valetkey_template_{os.getpid()}_{next(_names)}"
        self._made: deque[str] = deque()
        asyncio.run(self._make_template())

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{database}"))

    def fresh(self) -> str:
        """The URL of a new database with our tables."""
        name = f"valetkey_test_{os.getpid()}_{next(_names)}"
        asyncio.run(self._execute(f"CREATE DATABASE {name} TEMPLATE {self._template}"))
        self._made.append(name)
        if len(self._made) > KEPT:
            self.drop(self.url(self._made[0]))
        return self.url(name)

    def drop(self, url: str) -> None:
        name = urlsplit(url).path[1:]
        asyncio.run(self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        if name in self._made:
            self._made.remove(name)

    def clean(self) -> None:
        """Drop everything that was made."""
        for name in [*self._made, self._template]:
            self.drop(self.url(name))

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self._server)
        await connection.execute(sql)
        await connection.close()

    async def _make_template(self) -> None:
        await self._execute(f"CREATE DATABASE {self._template}")
        connection = await asyncpg.connect(self.url(self._template))
        await migrate(connection)
        await connection.close()


class Cluster(Databases):
    """A server that a test may stop, kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        self._run(
            "initdb",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        )
        self.start()
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        )
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is what a crash leaves behind."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def promote(self) -> None:
        """Let a standby take over, which begins a timeline."""
        self._run("pg_ctl", "-w", "promote")

    def _run(self, program: str, *arguments: str) -> None:
        data = str(self.folder / "data")
        subprocess.run(
            [*_user(), find_program(program), "-D", data, *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


def make_cluster() -> Cluster:
    """A server of its own; stopped, and its folder removed, when the process ends."""
    # Not in pytest's folders: those are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="valetkey-postgres-"))
    cluster = Cluster(folder)

    def end() -> None:
        cluster.stop("immediate")
        shutil.rmtree(folder)

    atexit.register(end)
    return cluster


@cache
def databases() -> Databases:
    """The databases of the server that this process's tests share."""
    server = os.environ.get(SERVER)
    if server is None:
        return make_cluster()
    found = Databases(server)
    atexit.register(found.clean)
    return found


def open_postgres_in(folder: Path, time: Any) -> Any:
    """A store whose database belongs to a folder: opening the folder again finds what was kept. To be awaited."""
    place = folder / "database"
    if not place.exists():
        place.write_text(databases().fresh())
    return open_postgres(place.read_text(), system_time=time)
