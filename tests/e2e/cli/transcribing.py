"""Commands that are run in this process, and their transcript with everything volatile named instead of told."""

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from valetkey.cli.run import app

FOLDER = Path(__file__).with_name("transcripts")
WRITE = "TRANSCRIPTS"
"""TRANSCRIPTS=write writes them anew; then read what changed."""

COLUMNS = "100"

_NAMED = {
    "link": r"https?://[^\s\"]+/claim/clm_[0-9a-z]+#[A-Za-z0-9_-]{43}",
    "sealed": r"-----BEGIN AGE ENCRYPTED FILE-----[^-]+-----END AGE ENCRYPTED FILE-----",
    "recipient": r"\bage1[0-9a-z]{58}\b",
    "clm": r"\bclm_[0-9a-z]{16,}\b",
    "bundle": r"abba_session_bundle_[A-Za-z0-9+/=.]+",
    "api-key": r"\baba_[0-9a-f]{64}\b",
    "hash": r"0x[0-9a-fA-F]{64}\b",
    "address": r"0x[0-9a-fA-F]{40}\b",
    "ses": r"\bses_[0-9a-z]{16,}\b",
    "agt": r"\bagt_[0-9a-z]{16,}\b",
    "dev": r"\bdev_[0-9a-z]{16,}\b",
    "key": r"\bkey_[0-9a-z]{16,}\b",
    "svc": r"\bsvc_[0-9a-z]{16,}\b",
    "txn": r"\b(?:txn|tx)_[0-9a-z]{16,}\b",
    "hld": r"\bhld_[0-9a-z]{16,}\b",
    "code": r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b",
    "public-key": r"\b0[23][0-9a-f]{64}\b|\b[0-9a-f]{64}\b",
    "request": r"(?<=request id: )[0-9a-f]{16}|(?<=\"request_id\": \")[0-9a-f]{16}",
}
"""What is another one each time: the same one has the same number throughout a transcript."""

_BLURRED = (
    (r"\"[A-Za-z0-9+/=]{24,}\"", '"<data>"'),
    (r"\b1[0-9]{12}\b", "<milliseconds>"),
    (r"(\"cursor\": )\"\d+\"", r'\1"<cursor>"'),
    (r"version 0 -> \d+", "version 0 -> <version>"),
    (r"(\"(?:before|after)\": )\d+", r"\1<version>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", "<ISO time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<time>"),
    (r"http://127\.0\.0\.1:\d{4,5}", "<platform>"),
    (r"valetkey \d+\.\d+\.\d+, Python [\d.]+", "valetkey <version>, Python <version>"),
    (r"valetkey \d+\.\d+\.\d+, as here", "valetkey <version>, as here"),
    (r"^\d+\.\d+\.\d+$", "<version>"),
    (r"\"version\": \"\d+\.\d+\.\d+\"", '"version": "<version>"'),
    (r"block \d+, \d+ s old", "block <number>, <age> s old"),
    (r"(at block +)\d+", r"\1<number>"),
    (r"(\"block\": )\d+", r"\1<number>"),
    (r"\d+(?:\.\d+)? ETH", "<gas> ETH"),
    (r"[\d,]+ MiB", "<room> MiB"),
    (r"\b\d+ s ahead", "<skew> s ahead"),
)


@dataclass
class Scribe:
    """Runs commands and writes down what they say. `places` are texts that get a name, such as folders."""

    environ: dict[str, str]
    places: dict[str, str]
    lines: list[str] = field(default_factory=list)
    last: str = ""
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)

    def run(self, command: str, code: int = 0, *, stdin: str = "", **environ: str) -> str:
        """Run a command, which ends with this exit code; its standard output."""
        ran = CliRunner().invoke(app, shlex.split(command), input=stdin, env=self._environ(environ))
        assert ran.exception is None or isinstance(ran.exception, SystemExit), repr(ran.exception)
        assert ran.exit_code == code, f"{command}: {ran.exit_code}\n{ran.stdout}\n{ran.stderr}"
        told = [f"$ valetkey {command}", *ran.stdout.splitlines()]
        told += [f"! {line}" for line in ran.stderr.splitlines()]
        self.lines += [*told, f"-> {code}", ""]
        self.last = ran.stderr
        return ran.stdout

    def text(self) -> str:
        """The transcript, without what is volatile."""
        text = "\n".join(self.lines)
        for place, name in sorted(self.places.items(), key=lambda one: -len(one[0])):
            text = text.replace(place, name)
        for name, pattern in _NAMED.items():
            text = re.sub(pattern, lambda found, name=name: self._numbered(name, found[0]), text)
        for pattern, told in _BLURRED:
            text = re.sub(pattern, told, text, flags=re.MULTILINE)
        # Columns are as wide as what was in them.
        return re.sub(r"(?<=\S) {2,}", "  ", text)

    def check(self, name: str) -> None:
        """Compare with the committed transcript, or write it."""
        path, text = FOLDER / f"{name}.txt", self.text()
        if os.environ.get(WRITE) == "write":
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{path}: {WRITE}=write writes it anew"

    def _numbered(self, name: str, value: str) -> str:
        known = self._numbers.setdefault(name, {})
        return f"<{name}-{known.setdefault(value.lower(), len(known) + 1)}>"

    def _environ(self, more: dict[str, str]) -> dict[str, Any]:
        clean: dict[str, Any] = {name: None for name in os.environ if name.startswith("VALETKEY_")}
        return clean | {"COLUMNS": COLUMNS, "TERM": "dumb", "NO_COLOR": "1"} | self.environ | more


def commands(group: Any = None, path: str = "") -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}
    for name, one in (group or get_command(app)).commands.items():
        words = f"{path} {name}".strip()
        found |= commands(one, words) if isinstance(one, TyperGroup) else {words: one}
    return found


def mark_of(scribe: Scribe) -> str:
    return next(value for value, name in scribe.places.items() if name == "MARK")


def registered(scribe: Scribe) -> None:
    scribe.run(
        f"agent register --name owner-{mark_of(scribe)} --out {scribe.environ['VALETKEY_API_KEY_FILE']}"
    )
