"""A machine that the doctor looks at: all is well on it, until a test spoils it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from valetkey import BuyerAgent
from valetkey.cli.run import app


class Patient:
    """A machine on which all is well, until a test spoils it."""

    def __init__(self, environ: dict[str, str], folder: Path, owner: BuyerAgent) -> None:
        self.environ, self.folder, self.owner = environ, folder, owner

    def seen(self, code: int, **changes: str) -> dict[str, dict[str, Any]]:
        """The checks by their names, when it ends with this code."""
        ran = CliRunner().invoke(app, ["doctor", "--json"], env=self.environ | changes)
        assert ran.exit_code == code, ran.stdout + ran.stderr
        told = json.loads(ran.stdout)
        assert told["ok"] is (code == 0)
        assert not [one for one in told["checks"] if one["status"] != "ok" and not one["todo"]]
        return {one["name"]: one for one in told["checks"]}


BLOCKED = """
import sys
from importlib import util
blocked, found = sys.argv[1], util.find_spec
def is_blocked(name):
    return f"{name}.".startswith(f"{blocked}.")
class Nothing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if is_blocked(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing)
util.find_spec = lambda name, package=None: None if is_blocked(name) else found(name, package)
sys.argv = ["valetkey", *sys.argv[2:]]
from valetkey.cli.run import main
main()
"""
"""A process in which one package is not installed, whoever asks for it."""


def without(
    package: str, patient: Patient, *words: str, **changes: str
) -> "subprocess.CompletedProcess[str]":
    known = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, package, *words],
        env=known | patient.environ | changes,
        capture_output=True,
        text=True,
        timeout=60,
    )
