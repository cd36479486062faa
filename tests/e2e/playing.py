"""Running the demo once for every test that looks at it, and watching its processes meanwhile."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.optional import hide_extras
from tests.e2e.processes import arguments, descendants

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class DemoRun:
    """One run of `valetkey demo --json`: what it said, and the folder with everything that it left."""

    folder: Path
    returncode: int
    stdout: str
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded

    @property
    def kept(self) -> Path:
        return self.folder / "kept"

    @property
    def secrets(self) -> dict[str, str]:
        """Every secret that the demo used, by name."""
        loaded: dict[str, str] = json.loads((self.kept / "secrets.json").read_text())
        return loaded

    @property
    def seen(self) -> Path:
        """Arguments and environments of its processes, and write-ahead logs, as they were while it ran."""
        return self.folder / "seen"


def run_demo(folder: Path, *options: str) -> DemoRun:
    """Run the demo as a stranger would: nothing else of ours on the PATH, no Node.js, and, unless the extra `solana` is
    asked for, no package of any extra: `pip install valetkey` alone plays it.
    """
    kept, seen = folder / "kept", folder / "seen"
    kept.mkdir(parents=True)
    seen.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    environment |= {"PATH": str(Path(sys.executable).parent), "VALETKEY_DEMO_KEEP": str(kept)}
    if "solana" not in options:
        hidden = str(hide_extras(folder / "hidden"))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [hidden, os.environ.get("PYTHONPATH")]))
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "valetkey", "demo", *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
        )
        arguments_seen: set[bytes] = set()
        while process.poll() is None:
            for pid in {process.pid} | descendants(process.pid):
                arguments_seen |= {arguments(pid), environment_of(pid)}
            keep_write_ahead_logs(kept, seen)
            time.sleep(LOOK_SECONDS)
    (seen / "arguments").write_bytes(b"\n".join(sorted(arguments_seen)))
    return DemoRun(
        folder, process.returncode, (folder / "stdout").read_text(), (folder / "stderr").read_text()
    )


def environment_of(pid: int) -> bytes:
    """The environment that a process was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def keep_write_ahead_logs(kept: Path, seen: Path) -> None:
    """Copy what a database has not yet taken over: it is gone after an orderly end."""
    for path in kept.rglob("*-wal"):
        target = seen / path.name
        try:
            if path.stat().st_size > (target.stat().st_size if target.exists() else 0):
                shutil.copyfile(path, target)
        except FileNotFoundError:
            continue
