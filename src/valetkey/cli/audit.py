"""`valetkey audit verify`: reads an audit export without the platform, and says what of it holds."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from valetkey.cli.complaint import Complaint
from valetkey.cli.waiting import Waiting, unsaid
from valetkey.wire.audit_check import Report, Unreadable, check
from valetkey.wire.audit_file import LINE_BYTES_MAX
from valetkey.wire.errors import Exit
from valetkey.wire.timestamps import iso_timestamp

HOLDS, BROKEN, UNREADABLE = 0, 1, 2
STANDARD_INPUT = "-"
_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)


def run_verify(file: str, key: str | None, *, as_json: bool, waiting: Waiting = unsaid) -> int:
    """Check a file and print what was found: 0 when all of it holds, 1 when not. Raises Complaint (exit code 2)."""
    if key is not None and not _KEY.fullmatch(key.lower()):
        raise Complaint("--key is the platform's public key: 64 hex digits", Exit.INPUT)
    try:
        with waiting("checking the log"), _opened(file) as opened:
            report = check(_lines(opened), None if key is None else bytes.fromhex(key))
    except OSError as error:
        raise Complaint(f"the file cannot be read: {error.strerror}", UNREADABLE) from None
    except Unreadable as problem:
        raise Complaint(str(problem), UNREADABLE) from None
    if as_json:
        print(json.dumps(_data(report)))
    else:
        for line in _told(report):
            print(line)
    return HOLDS if report.holds else BROKEN


def _opened(file: str) -> "IO[bytes] | nullcontext[IO[bytes]]":
    return nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else Path(file).open("rb")


def _lines(opened: IO[bytes]) -> Iterator[bytes]:
    """The lines, each bounded: a file without line breaks must not fill the memory."""
    while line := opened.readline(LINE_BYTES_MAX):
        yield line


def _told(report: Report) -> Iterator[str]:
    for chain in report.chains:
        if chain.flaw is None:
            yield f"OK      {_safe(chain.chain)}: {chain.entries} entries"
        else:
            yield f"BROKEN  {_safe(chain.chain)}: line {chain.flaw.line}: {_safe(chain.flaw.reason)}"
    for flaw in report.flaws:
        yield f"BROKEN  line {flaw.line}: {_safe(flaw.reason)}"
    which = "all chains" if report.tree is None else f"the chain {_safe(report.tree)} only"
    yield (
        f"Export of {which} of {_safe(report.owner)} at {iso_timestamp(report.at)}: {len(report.chains)} chains,"
        f" {report.entries} entries, {report.anchors} anchors compared."
    )
    if report.pinned:
        yield f"Signatures were checked against the given key {report.key.hex()}."
    else:
        yield (
            f"NOTE: signatures were checked only against the key inside the file, {report.key.hex()}. Whoever forges a"
            " file can put a key of their own there: get the platform's key another way and give it with --key."
        )
    yield "Everything holds." if report.holds else "This export does NOT hold."


def _safe(text: str) -> str:
    """A text of the file without what would steer a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _data(report: Report) -> dict[str, object]:
    return {
        "holds": report.holds,
        "owner": report.owner,
        "tree": report.tree,
        "at": report.at,
        "key": report.key.hex(),
        "keyGiven": report.pinned,
        "entries": report.entries,
        "anchors": report.anchors,
        "chains": [
            {
                "chain": chain.chain,
                "entries": chain.entries,
                "line": chain.flaw and chain.flaw.line,
                "reason": chain.flaw and chain.flaw.reason,
            }
            for chain in report.chains
        ],
        "flaws": [{"line": flaw.line, "reason": flaw.reason} for flaw in report.flaws],
    }
