"""Reading an audit export without the platform: what holds, and the first line of each chain that does not.

Pure: lines in, a report out. Nothing of the file is believed but what is signed, and only by the key that is given.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import msgspec

from valetkey.core.audit import GENESIS, Entry, Head, Kind, entry_hash
from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import is_signed
from valetkey.wire.audit_file import (
    CSV_HEADER,
    FORMAT_VERSION,
    End,
    EntryLine,
    Format,
    HeadLine,
    Illegible,
    Line,
    Start,
    end_message,
    head_message,
    read_line,
)


class Unreadable(InvalidInput):
    """It is no export, or one of a version that is not known here."""

    code = "audit_file_unreadable"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a file does not hold, by the number of its line, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class ChainReport:
    """One chain: how many entries it has in the file, and what is wrong first, None when nothing is."""

    chain: str
    entries: int = 0
    flaw: Flaw | None = None


@dataclass(slots=True)
class Report:
    """What a file shows. `flaws` are those of no chain; `pinned`: the key was given, not taken from the file.

    `at` is when it was exported, unix seconds; `anchors` are the heads in the owner's chain that were compared.
    """

    owner: str
    tree: str | None
    at: int
    key: bytes
    pinned: bool
    chains: list[ChainReport] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    entries: int = 0
    anchors: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything is as it was written."""
        return not self.flaws and all(chain.flaw is None for chain in self.chains)


def check(lines: Iterable[bytes], key: bytes | None = None) -> Report:
    """Check an export, line by line with their ends. `key` is the platform's public key, 32 bytes.

    Without a key the signatures are checked against the key that the file itself brings, which whoever forges a
    file brings too. Raises Unreadable when the beginning is not that of an export.
    """
    numbered = enumerate(lines, 1)
    form, start, number = _begin(numbered)
    reading = _Reading(number, start, key)
    for number, text in numbered:
        reading.take(number, text, form)
    return reading.end(number)


def _begin(numbered: Iterator[tuple[int, bytes]]) -> tuple[Format, Start, int]:
    number, text = next(numbered, (0, b""))
    form: Format = "jsonl"
    if text == CSV_HEADER:
        form = "csv"
        number, text = next(numbered, (number, b""))
    try:
        start = read_line(text, form)
    except Illegible:
        raise Unreadable("this is no audit export: its first line is not that of one") from None
    if not isinstance(start, Start):
        raise Unreadable("this is no audit export: its first line is not that of one")
    if start.version != FORMAT_VERSION:
        raise Unreadable(f"this export is of version {start.version}, which is not known here")
    return form, start, number


@dataclass(slots=True)
class _Chain:
    """A chain while it is read. `gap`: the number of the entry that did not come when it was due."""

    report: ChainReport
    head: Head
    at: int = 0
    last_line: int = 0
    gap: int | None = None
    ended: bool = False

    def blame(self, line: int, reason: str) -> None:
        """The first flaw counts: the others may follow from it."""
        if self.report.flaw is None:
            self.report.flaw = Flaw(line, reason)


class _Reading:
    def __init__(self, number: int, start: Start, key: bytes | None) -> None:
        self._start = start
        self._key = bytes.fromhex(start.key) if key is None else key
        self._report = Report(start.owner, start.tree, start.at, self._key, key is not None)
        self._chains: dict[str, _Chain] = {}
        self._anchors: dict[str, dict[int, tuple[int, str]]] = {}
        self._heads = hashlib.sha256()
        self._heads_count = 0
        self._closed = False
        if key is not None and key.hex() != start.key:
            self._blame(number, "bad signature: the file names another key than the one that was given")

    def take(self, number: int, text: bytes, form: Format) -> None:
        if self._closed:
            self._blame(number, "something stands after the end of the export")
            return
        if not text.endswith(b"\n"):
            self._blame(number, "cut end: the file ends within a line")
            return
        try:
            line: Line = read_line(text, form)
        except Illegible as problem:
            self._blame(number, f"edited line: {problem}")
            return
        match line:
            case EntryLine():
                self._entry(number, line)
            case HeadLine():
                self._head(number, line)
            case End():
                self._end_line(number, line)
            case _:
                self._blame(number, "an export begins within another")

    def end(self, number: int) -> Report:
        """The report, when no more lines come after this one."""
        if not self._closed:
            self._blame(number, "cut end: the export's last line is missing")
        for chain in self._chains.values():
            if not chain.ended:
                chain.blame(chain.last_line, "cut end: the chain's signed head is missing")
        self._left_anchors()
        self._report.chains = [chain.report for chain in self._chains.values()]
        return self._report

    def _blame(self, line: int, reason: str) -> None:
        # What follows from a line that could not be read at all is not told a million times.
        if len(self._report.flaws) < FLAWS_MAX:
            self._report.flaws.append(Flaw(line, reason))

    def _chain(self, name: str, number: int) -> _Chain:
        chain = self._chains.get(name)
        if chain is None:
            chain = self._chains[name] = _Chain(ChainReport(name), Head(name, 0, GENESIS))
            if self._start.tree not in (None, name):
                chain.blame(number, f"another chain than {self._start.tree}, which was asked for")
        return chain

    def _entry(self, number: int, line: EntryLine) -> None:
        chain = self._chain(line.chain, number)
        report, before = chain.report, chain.head
        report.entries += 1
        self._report.entries += 1
        chain.last_line = number
        if chain.ended:
            chain.blame(number, f"reordered: entry {line.seq} stands after the head of its chain")
            return
        if chain.gap == line.seq:
            assert report.flaw is not None
            report.flaw = Flaw(report.flaw.line, f"reordered: entry {line.seq} comes later, in line {number}")
        if line.seq != before.seq + 1:
            if line.seq > before.seq + 1 and report.flaw is None:
                chain.gap = before.seq + 1
                chain.blame(number, f"missing: entry {chain.gap} does not come before entry {line.seq}")
            chain.blame(number, f"reordered: entry {line.seq} comes after entry {before.seq}")
        claimed = bytes.fromhex(line.hash)
        # A kind that this version does not know is hashed like any other text.
        entry = Entry(line.chain, line.seq, line.at, cast("Kind", line.kind), line.session, line.body)
        if entry_hash(before.hash, entry) != claimed:
            chain.blame(number, f"edited: the hash of entry {line.seq} is not that of what it says")
        elif line.at < chain.at:
            chain.blame(number, f"edited: entry {line.seq} is from before the entry before it")
        elif line.kind == Kind.ANCHOR:
            self._anchor(number, line)
        chain.head, chain.at = Head(line.chain, line.seq, claimed), line.at
        self._compare(number, chain)

    def _anchor(self, number: int, line: EntryLine) -> None:
        """Remember what the owner's chain says of a tree, until that entry of the tree comes."""
        try:
            told = msgspec.json.decode(line.body, type=_Anchor)
        except msgspec.MsgspecError:
            self._chains[line.chain].blame(number, "an anchor that names no head of a tree")
            return
        known = self._chains.get(told.tree)
        if known is not None and known.head.seq >= told.seq:
            self._chains[line.chain].blame(number, f"reordered: an anchor comes after its tree {told.tree}")
            return
        self._anchors.setdefault(told.tree, {})[told.seq] = (number, told.head)

    def _compare(self, number: int, chain: _Chain) -> None:
        anchor = self._anchors.get(chain.report.chain, {}).pop(chain.head.seq, None)
        if anchor is None:
            return
        self._report.anchors += 1
        line, hashed = anchor
        if hashed != chain.head.hash.hex():
            chain.blame(number, f"anchor that does not match: line {line} says another hash of this entry")

    def _left_anchors(self) -> None:
        for tree, left in self._anchors.items():
            for seq, (line, _) in left.items():
                chain = self._chains.get(tree)
                if chain is None:
                    self._blame(line, f"missing: the anchored chain {tree} is not in the file")
                    break
                chain.blame(chain.last_line, f"cut end: entry {seq}, which line {line} anchors, is missing")

    def _head(self, number: int, line: HeadLine) -> None:
        chain = self._chain(line.chain, number)
        chain.last_line = number
        if chain.ended:
            chain.blame(number, "a second head of the chain")
            return
        chain.ended = True
        self._heads.update(bytes.fromhex(line.signature))
        self._heads_count += 1
        claimed = Head(line.chain, line.seq, bytes.fromhex(line.hash))
        signed = is_signed(self._key, head_message(self._start, claimed), bytes.fromhex(line.signature))
        if not signed:
            chain.blame(number, "bad signature: the platform did not sign this head")
        elif chain.head.seq < claimed.seq:
            chain.blame(
                number, f"cut end: the chain ends with entry {chain.head.seq}, its head says {claimed.seq}"
            )
        elif chain.head != claimed:
            chain.blame(number, "edited: the head is not that of the entries before it")

    def _end_line(self, number: int, line: End) -> None:
        self._closed = True
        message = end_message(self._start, line.chains, line.entries, line.heads)
        if not is_signed(self._key, message, bytes.fromhex(line.signature)):
            self._blame(number, "bad signature: the platform did not sign this export")
        elif line.chains != self._heads_count or line.heads != self._heads.hexdigest():
            self._blame(
                number,
                f"missing or reordered: {line.chains} chains were exported,"
                f" {self._heads_count} signed heads are here, and they are not the same",
            )
        elif line.entries != self._report.entries:
            self._blame(
                number, f"missing: {line.entries} entries were exported, {self._report.entries} are here"
            )


class _Anchor(msgspec.Struct):
    tree: str
    seq: int
    head: str


FLAWS_MAX = 100
