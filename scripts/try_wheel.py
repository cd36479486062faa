"""Installs a wheel alone into an empty environment, and uses it from an empty folder as a stranger would.

    try_wheel.py WHEEL PYTHON... [--extras]

For each Python: the demo to its last base unit, `valetkey dev` from start to stop, the doctor, the version, and what an
import loads. With `--extras` also each extra by itself, in an environment of its own. Nothing of this machine is in
reach: home, configuration and state are an empty folder, and the path has the system's programs alone.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

HEAVY = (
    "web3",
    "eth",
    "aiohttp",
    "httpx",
    "starlette",
    "uvicorn",
    "apsw",
    "rich.console",
    "typer",
    "solders",
    "nicegui",
    "mcp",
)
OF_EXTRAS = {
    "server": "import asyncpg, uvloop, valetkey.stores.postgres",
    "solana": "",
    "keyring": "from valetkey.crypto.locks.os_keyring import KeyringLock; import keyring",
    "x402": "import valetkey.sdk.x402.making, valetkey.sdk.x402.seller, x402.mechanisms.evm",
    "mcp": "import valetkey.mcp.server, valetkey.mcp.run",
    "studio": "",
    "otel": "import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "all": "",
}
"""What has to be there for each; for those without words a command is run below."""


@dataclass(frozen=True)
class Place:
    """An environment with the wheel in it, and an empty folder with an empty home."""

    root: Path

    @property
    def python(self) -> str:
        return str(self.root / "venv" / "bin" / "python")

    @property
    def environ(self) -> dict[str, str]:
        home = str(self.root / "home")
        shelves = {f"XDG_{name}_HOME": home for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        return {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "VALETKEY_ANVIL": "", **shelves}

    def run(self, *words: str) -> str:
        """What a program of the environment prints, when all is well."""
        ran = subprocess.run(
            [str(self.root / "venv" / "bin" / words[0]), *words[1:]],
            cwd=self.root / "empty",
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
            check=False,
        )
        if ran.returncode:
            sys.exit(f"{' '.join(words)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stdout


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("pythons", nargs="+")
    parser.add_argument("--extras", action="store_true")
    given = parser.parse_args()
    for python in given.pythons:
        alone(given.wheel.resolve(), python)
        for extra in OF_EXTRAS if given.extras else ():
            with_extra(given.wheel.resolve(), python, extra)
    return 0


def alone(wheel: Path, python: str) -> None:
    """The wheel and what it needs, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="valetkey-wheel-") as folder:
        place = installed(Path(folder), python, str(wheel))
        told("version", lambda: versions(place, wheel))
        told("import valetkey", lambda: loads(place))
        told("valetkey doctor", lambda: looked_after(place))
        told("valetkey demo", lambda: played(place))
        told("valetkey dev", lambda: started_and_stopped(place))


def with_extra(wheel: Path, python: str, extra: str) -> None:
    """The wheel with one extra, and what that is for."""
    with tempfile.TemporaryDirectory(prefix="valetkey-wheel-") as folder:
        place = installed(Path(folder), python, f"{wheel}[{extra}]")
        if OF_EXTRAS[extra]:
            told(f"extra {extra}", lambda: place.run("python", "-c", OF_EXTRAS[extra]))
        if extra in ("solana", "all"):
            told("valetkey demo --chain solana", lambda: played(place, "--chain", "solana"))
        if extra in ("studio", "all"):
            told("valetkey dev, with the studio", lambda: started_and_stopped(place, studio=True))
        if extra in ("mcp", "all"):
            told("valetkey mcp", lambda: place.run("valetkey", "mcp", "--help")[:0])


def installed(root: Path, python: str, what: str) -> Place:
    """A new environment in which pip installed this. What pip is told by this machine, it keeps."""
    place = Place(root)
    for name in ("home", "empty"):
        (root / name).mkdir()
    subprocess.run([python, "-m", "venv", str(root / "venv")], env=bare(), check=True)
    began = time.monotonic()
    install = [place.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what]
    subprocess.run(install, env=bare(), check=True)
    listing = [place.python, "-m", "pip", "list", "--disable-pip-version-check", "--format", "json"]
    found = json.loads(subprocess.run(listing, env=bare(), stdout=subprocess.PIPE, check=True).stdout)
    bytes_ = sum(one.stat().st_size for one in (root / "venv" / "lib").rglob("*") if one.is_file())
    print(
        f"{place.run('python', '--version').strip()}, {Path(what).name}: {len(found)} packages,"
        f" {bytes_ >> 20} MiB, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return place


def bare() -> dict[str, str]:
    """This process's environment without what leads Python to a source tree."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


def told(name: str, check: Callable[[], object]) -> None:
    began = time.monotonic()
    found = check()
    print(f"  {name:<30} {time.monotonic() - began:5.1f} s  {found or ''}", flush=True)


def versions(place: Place, wheel: Path) -> str:
    """Each way of asking says the wheel's."""
    wanted = wheel.name.split("-")[1]
    where = place.run("python", "-c", "import valetkey; print(valetkey.__file__)").strip()
    said = {
        place.run(*words.split()).strip()
        for words in ("valetkey --version", "valetkey version", "python -m valetkey --version")
    }
    assert said == {wanted}, said
    assert where.startswith(str(place.root / "venv")), where
    return wanted


def loads(place: Place) -> str:
    """How long an import takes, and that nothing heavy comes with it."""
    program = f"import sys, valetkey; print(len(sys.modules), *(set({HEAVY}) & set(sys.modules)))"
    modules, *heavy = place.run("python", "-c", program).split()
    assert not heavy, heavy
    program = "import time; began = time.process_time(); import valetkey; print(time.process_time() - began)"
    seconds = min(float(place.run("python", "-c", program)) for _ in range(5))
    assert seconds < 0.3, seconds
    return f"{seconds * 1_000:.0f} ms of this processor, {modules} modules"


def looked_after(place: Place) -> str:
    """Nothing is wrong with an empty machine; what is not there is an extra."""
    seen = json.loads(place.run("valetkey", "doctor", "--json"))
    warned = {one["name"] for one in seen["checks"] if one["status"] == "warn"}
    assert seen["ok"] is True, seen
    assert warned, seen
    assert all(name.startswith("extra ") for name in warned), seen
    return f"{len(warned)} extras are not installed"


def played(place: Place, *options: str) -> str:
    story = json.loads(place.run("valetkey", "demo", "--json", *options))
    assert story["ok"] is True, story
    left = [one for folder in ("home", "empty") for one in (place.root / folder).rglob("*")]
    assert not left, left
    return f"{len(story['steps'])} steps"


def started_and_stopped(place: Place, *, studio: bool = False) -> str:
    words = ["dev", "--json", "--port", "0", "--rpc-port", "0", "--studio-port", "0"]
    with open(place.root / "dev.log", "w+") as log:
        process = subprocess.Popen(
            [str(place.root / "venv" / "bin" / "valetkey"), *words],
            cwd=place.root / "empty",
            env=place.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit(f"valetkey dev did not start:\n{(place.root / 'dev.log').read_text()}")
        running = json.loads(line)
        with urlopen(f"{running['base_url']}/readyz") as ready:  # noqa: S310 - our own, on loopback
            assert ready.status == 200
        assert (running["studio_url"] is not None) is studio, running["studio_url"]
        if studio:
            with urlopen(f"{running['studio_url']}/healthz") as healthy:  # noqa: S310 - likewise
                assert healthy.read() == b"ok"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        process.stdout.close()
    return "ready, and ended"


if __name__ == "__main__":
    sys.exit(main())
