"""An audit export made by hand, and what a forger may do to it."""

import hashlib
import json
from typing import Any

from valetkey.core.audit import GENESIS, Head, Kind, append
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.audit_file import (
    CSV_HEADER,
    End,
    EntryLine,
    Format,
    HeadLine,
    Line,
    Start,
    end_message,
    head_message,
    write_line,
)

KEY = SigningKey(b"\x07" * 32)
OWNER, FIRST, SECOND = "agt_owner", "ses_first", "ses_second"
AT = 1_800_000_000


def chain(name: str, count: int, **facts: Any) -> list[EntryLine]:
    """A chain of holds."""
    head, lines = Head(name, 0, GENESIS), []
    for number in range(1, count + 1):
        entry, head = append(head, AT + number, Kind.HOLD_PLACED, name, {"hold": f"hld_{number}", **facts})
        lines.append(line_of(entry, head))
    return lines


def anchors(*told: EntryLine) -> list[EntryLine]:
    """The owner's chain, with an anchor for each of these entries."""
    head, lines = Head(OWNER, 0, GENESIS), []
    for one in told:
        facts = {"tree": one.chain, "seq": one.seq, "head": one.hash}
        entry, head = append(head, AT + 50, Kind.ANCHOR, None, facts)
        lines.append(line_of(entry, head))
    return lines


def line_of(entry: Any, head: Head) -> EntryLine:
    return EntryLine(
        entry.chain_id, entry.seq, entry.at, str(entry.kind), entry.session_id, entry.body, head.hash.hex()
    )


def signed(chains: list[list[EntryLine]], key: SigningKey = KEY, tree: str | None = None) -> list[Line]:
    """The export of these chains, as the platform writes it."""
    start = Start(version=1, owner=OWNER, tree=tree, at=AT + 100, key=key.public_key.hex())
    lines: list[Line] = [start]
    heads = hashlib.sha256()
    for entries in chains:
        head = Head(entries[-1].chain, entries[-1].seq, bytes.fromhex(entries[-1].hash))
        signature = key.sign(head_message(start, head))
        heads.update(signature)
        lines += [*entries, HeadLine(head.chain_id, head.seq, head.hash.hex(), signature.hex())]
    count = sum(map(len, chains))
    message = end_message(start, len(chains), count, heads.hexdigest())
    return [*lines, End(len(chains), count, heads.hexdigest(), key.sign(message).hex())]


def sound() -> list[Line]:
    """16 lines: start, two anchors and a head (2 to 4), five entries and a head (5 to 10), four and a head, end."""
    first, second = chain(FIRST, 5), chain(SECOND, 4)
    return signed([anchors(first[2], second[3]), first, second])


def written(lines: list[Line], form: Format = "jsonl") -> list[bytes]:
    """The file's lines."""
    return [CSV_HEADER] * (form == "csv") + [write_line(line, form) for line in lines]


def rehashed(lines: list[EntryLine]) -> list[EntryLine]:
    """A chain whose hashes were made anew by somebody who changed its entries."""
    head, made = Head(lines[0].chain, 0, GENESIS), []
    for number, one in enumerate(lines, 1):
        entry, head = append(head, one.at, Kind(one.kind), one.session, json.loads(one.body))
        assert entry.seq == number
        made.append(line_of(entry, head))
    return made
