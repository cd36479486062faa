"""A PostgreSQL server of the tests' own: on loopback, in a temporary folder, with production's durability."""

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
from pathlib import Path

import asyncpg

from valetkey.stores.postgres.schema import migrate

_names = itertools.count()


def _program(name: str) -> str:
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


class Cluster:
    """A server that a test may stop, kill and start again; each database of it is a copy of a migrated one."""

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
        asyncio.run(self._make_template())

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        )
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is what a crash leaves behind."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def fresh(self) -> str:
        """The URL of a new database with our tables."""
        name = f"test_{os.getpid()}_{next(_names)}"
        asyncio.run(self._execute(f"CREATE DATABASE {name} TEMPLATE valetkey_template"))
        return self.url(name)

    def drop(self, url: str) -> None:
        asyncio.run(self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)"))

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        await connection.execute(sql)
        await connection.close()

    async def _make_template(self) -> None:
        await self._execute("CREATE DATABASE valetkey_template")
        connection = await asyncpg.connect(self.url("valetkey_template"))
        await migrate(connection)
        await connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        data = str(self.folder / "data")
        subprocess.run(
            [*_user(), _program(program), "-D", data, *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
