"""Processes of a benchmark: platforms and consoles as `valetkey` runs them, the bare route, and the load."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valetkey.cli.serving import listen

ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"


@contextmanager
def platform(database: str, folder: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """A platform: its port and its process id. `settings`: variables without their prefix, which win over ours."""
    network = {"network": "base-sepolia", "rpcUrl": "http://127.0.0.1:1"}
    network |= {"escrow": ADDRESS, "score": ADDRESS, "usdc": ADDRESS}
    environ = {
        "VALETKEY_DATABASE": database,
        "VALETKEY_NETWORKS": json.dumps([network]),
        "VALETKEY_MASTER_SECRET": "0" * 64,
        "VALETKEY_WEBHOOK_SECRET": "0" * 64,
        "VALETKEY_TEST_MODE": "1",
        "VALETKEY_RECONCILE_SECONDS": "3600",
        **{f"VALETKEY_{name}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "valetkey", "serve", "--fd", "{}"]
    with _served(command, environ, "/healthz", folder) as found:
        yield found


@contextmanager
def studio(platform_port: int, folder: Path) -> Iterator[tuple[int, int]]:
    """A console before a platform."""
    environ = {
        "VALETKEY_BASE_URL": f"http://127.0.0.1:{platform_port}",
        "VALETKEY_HOME": str(folder / "studio"),
    }
    with _served(
        [sys.executable, "-m", "valetkey", "studio", "--fd", "{}"], environ, "/healthz", folder
    ) as found:
        yield found


@contextmanager
def bare(folder: Path) -> Iterator[tuple[int, int]]:
    """The bare route, with the loop and the parser that the platform has."""
    command = [sys.executable, "-m", "bench.floor_app", "{}"]
    with _served(command, {"BENCH_FILE": str(folder / "floor.db")}, "/", folder) as found:
        yield found


@contextmanager
def _served(
    command: list[str], environ: dict[str, str], probe: str, folder: Path
) -> Iterator[tuple[int, int]]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    with listen("127.0.0.1", 0) as listener, open(folder / f"log{listener.fileno()}", "wb") as log:
        number = listener.fileno()
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [word.format(number) if word == "{}" else word for word in command],
            env=outer | environ,
            stderr=log,
            stdout=log,
            pass_fds=[number],
        )
        try:
            _wait(f"http://127.0.0.1:{port}{probe}", process)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def load() -> Iterator[Any]:
    """A process that floods: call it with an order, see load.py."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told, heard = process.stdin, process.stdout

    def flood(**order: Any) -> Any:
        told.write(json.dumps(order) + "\n")
        told.flush()
        return json.loads(heard.readline())

    try:
        yield flood
    finally:
        told.close()
        process.wait(20)
