"""The file of an audit export, as JSON Lines or CSV: its lines, and what is signed. See docs/reference/audit.md.

Every line has one spelling, so that reading a line and writing it again gives the same bytes.
"""

import json
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from valetkey.core.audit import Head
from valetkey.wire.shape import END

FORMAT_VERSION = 1
HEAD_DOMAIN = b"valetkey audit head v1\0"
EXPORT_DOMAIN = b"valetkey audit export v1\0"

LINE_BYTES_MAX = 4 * 1_048_576
"""Longer than any line of an export; a reader need not hold more."""

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a spreadsheet may take for a formula, and the apostrophe that stands before it instead."""

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END)]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{128}" + END)]
Count = Annotated[int, Meta(ge=0, le=2**62)]


class Start(msgspec.Struct, frozen=True, tag="export", forbid_unknown_fields=True):
    """The first line. `at` is unix seconds, `tree` the only chain of it, `key` the platform's public key."""

    version: int
    owner: str
    tree: str | None
    at: Count
    key: Hex32


class EntryLine(msgspec.Struct, frozen=True, tag="entry", forbid_unknown_fields=True):
    """One entry of a chain; `body` is the text exactly as it was hashed."""

    chain: str
    seq: Count
    at: Count
    kind: str
    session: str | None
    body: str
    hash: Hex32


class HeadLine(msgspec.Struct, frozen=True, tag="head", forbid_unknown_fields=True):
    """Where a chain ended when it was exported; it comes after the chain's entries."""

    chain: str
    seq: Count
    hash: Hex32
    signature: Hex64


class End(msgspec.Struct, frozen=True, tag="end", forbid_unknown_fields=True):
    """The last line. `heads` is the SHA-256 of the heads' signatures, in their order."""

    chains: Count
    entries: Count
    heads: Hex32
    signature: Hex64


Line = Start | EntryLine | HeadLine | End
Format = Literal["jsonl", "csv"]
MEDIA: dict[Format, str] = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8; header=present",
}

_KINDS: dict[str, type[Any]] = {"export": Start, "entry": EntryLine, "head": HeadLine, "end": End}
COLUMNS = (
    *("type", "chain", "seq", "at", "kind", "session", "body", "hash", "signature"),
    *("version", "owner", "tree", "key", "chains", "entries", "heads"),
)
"""Of a CSV file: those of entries first. A row leaves the others empty."""

CSV_HEADER = (",".join(COLUMNS) + "\r\n").encode("ascii")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)
_text_of = json.JSONEncoder(separators=(",", ":")).encode
_CELL = re.compile(r'"((?:[^"]|"")*)"|([^",\r\n]*)')


class Illegible(ValueError):
    """A line that no export has."""


def write_line(line: Line, form: Format) -> bytes:
    """A line with its end: LF in JSON Lines, CR LF in CSV (RFC 4180)."""
    if form == "jsonl":
        return _encoder.encode(line) + b"\n"
    told = msgspec.to_builtins(line)
    return (",".join(_cell(told.get(name)) for name in COLUMNS) + "\r\n").encode("utf-8")


def read_line(text: bytes, form: Format) -> Line:
    """The line behind its bytes, without or with its end. Raises Illegible, also for another spelling of it."""
    body = text.removesuffix(b"\n")
    if form == "csv":
        body = body.removesuffix(b"\r")
    problem = "it is no line of an export"
    try:
        line = _decoder.decode(body) if form == "jsonl" else _row(body.decode("utf-8"))
        if write_line(line, form).rstrip(b"\r\n") == body:
            return line
        problem = "it is not spelled as an export spells it"
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        problem = "it is no line of an export"
    raise Illegible(problem)


def is_whole(tail: bytes) -> bool:
    """Whether the end of a file is that of an export. `tail` is its last kilobyte, or more."""
    last = tail.removesuffix(b"\n").rpartition(b"\n")[2]
    return tail.endswith(b"\n") and last.startswith((b'{"type":"end",', b"end,"))


def head_message(start: Start, head: Head) -> bytes:
    """What the platform signs of a head."""
    told = [start.owner, head.chain_id, head.seq, head.hash.hex(), start.at]
    return HEAD_DOMAIN + _text_of(told).encode("ascii")


def end_message(start: Start, chains: int, entries: int, heads: str) -> bytes:
    """What the platform signs of the whole export."""
    told = [start.owner, start.tree, start.at, chains, entries, heads]
    return EXPORT_DOMAIN + _text_of(told).encode("ascii")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    if text.startswith(FORMULA_BEGINNINGS):
        text = "'" + text
    if any(one in text for one in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _row(text: str) -> Line:
    """A row of CSV; a cell never holds a line break, because the texts in it are JSON."""
    cells: list[str] = []
    at = 0
    while found := _CELL.match(text, at):
        cell = found[2] if found[1] is None else found[1].replace('""', '"')
        cells.append(cell.removeprefix("'"))
        at = found.end() + 1
        if found.end() == len(text):
            break
        if text[found.end()] != ",":
            raise Illegible("it is no row of CSV")
    if len(cells) != len(COLUMNS):
        raise Illegible(f"a row has {len(COLUMNS)} cells")
    told = dict(zip(COLUMNS, cells, strict=True))
    kind = _KINDS.get(told["type"])
    if kind is None:
        raise Illegible("it is no line of an export")
    members = {name: told[name] or None for name in kind.__struct_fields__}
    # A body is never empty, and only what may be absent is read from an empty cell.
    line: Line = msgspec.convert(members, kind, strict=False)
    return line
