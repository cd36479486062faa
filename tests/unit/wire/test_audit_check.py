"""AUDIT_IS_COMPLETE: whatever is done to an export, its check says where and why. Every kind of tampering is a row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.wire import exports
from tests.unit.wire.exports import FIRST, KEY, OWNER, SECOND, chain, rehashed, signed, sound, written
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.audit_check import Report, Unreadable, check
from valetkey.wire.audit_file import Format

Lines = list[Any]
FORMATS: list[Format] = ["jsonl", "csv"]


def told(report: Report) -> dict[str, tuple[int, str]]:
    """Each flaw by its chain, or by `file`: the line, and the first word of the reason."""
    found = {
        one.chain: (one.flaw.line, one.flaw.reason.partition(":")[0]) for one in report.chains if one.flaw
    }
    for flaw in report.flaws[:1]:
        found["file"] = (flaw.line, flaw.reason.partition(":")[0])
    return found


def edited(number: int, **members: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [replace(one, **members) if at == number else one for at, one in enumerate(lines, 1)]


def without(*numbers: int) -> Callable[[Lines], Lines]:
    return lambda lines: [one for at, one in enumerate(lines, 1) if at not in numbers]


def swapped(one: int, other: int) -> Callable[[Lines], Lines]:
    def swap(lines: Lines) -> Lines:
        made = list(lines)
        made[one - 1], made[other - 1] = lines[other - 1], lines[one - 1]
        return made

    return swap


def renumbered(lines: Lines) -> Lines:
    """An entry left out, and those after it numbered on."""
    kept = without(7)(lines)
    return [replace(one, seq=one.seq - 1) if 7 <= at <= 8 else one for at, one in enumerate(kept, 1)]


def rewritten(lines: Lines) -> Lines:
    """An entry changed, every hash after it made anew, the head too; the signature cannot be."""
    changed = [*lines[4:6], replace(lines[6], body='{"hold":"hld_9"}'), *lines[7:9]]
    made = rehashed(changed)
    return [*lines[:4], *made, replace(lines[9], hash=made[-1].hash), *lines[10:]]


def truncated(lines: Lines) -> Lines:
    """The chain's last entries cut, and its head told to be where it ends now."""
    return [*lines[:7], replace(lines[9], seq=3, hash=lines[6].hash), *lines[10:]]


BODY = '{"hold":"hld_2","more":1}'
TAMPERED: dict[str, tuple[Callable[[Lines], Lines], dict[str, tuple[int, str]]]] = {
    "an edited body": (edited(6, body=BODY), {FIRST: (6, "edited")}),
    "an edited time": (edited(6, at=exports.AT + 3), {FIRST: (6, "edited")}),
    "an edited kind": (edited(6, kind="hold_refused"), {FIRST: (6, "edited")}),
    "a kind that nobody knows": (edited(6, kind="nothing"), {FIRST: (6, "edited")}),
    "an edited session": (edited(6, session=None), {FIRST: (6, "edited")}),
    "an edited hash": (edited(6, hash="0" * 64), {FIRST: (6, "edited")}),
    "an edited hash of the last entry": (edited(9, hash="0" * 64), {FIRST: (9, "edited")}),
    "an entry of another chain": (edited(6, chain=SECOND), {FIRST: (7, "missing"), SECOND: (6, "reordered")}),
    "the first entry missing": (without(5), {FIRST: (5, "missing"), "file": (15, "missing")}),
    "an entry missing": (without(6), {FIRST: (6, "missing"), "file": (15, "missing")}),
    "two entries missing": (without(6, 7), {FIRST: (6, "missing"), "file": (14, "missing")}),
    "an entry missing, and the others renumbered": (
        renumbered,
        {FIRST: (7, "edited"), "file": (15, "missing")},
    ),
    "two entries swapped": (swapped(6, 7), {FIRST: (6, "reordered")}),
    "the first and the last swapped": (swapped(5, 9), {FIRST: (5, "reordered")}),
    "an entry after its head": (swapped(9, 10), {FIRST: (9, "cut end")}),
    "an entry twice": (
        lambda lines: [*lines[:6], lines[5], *lines[6:]],
        {FIRST: (7, "reordered"), "file": (17, "missing")},
    ),
    "the last entry cut": (without(9), {FIRST: (9, "cut end"), "file": (15, "missing")}),
    "the last entries and the head cut": (
        without(8, 9, 10),
        {FIRST: (7, "cut end"), "file": (13, "missing or reordered")},
    ),
    "the last entries cut, and another head": (
        truncated,
        {FIRST: (8, "bad signature"), "file": (14, "missing")},
    ),
    "a chain missing": (
        without(*range(11, 16)),
        {"file": (11, "missing or reordered")},
    ),
    "the owner's chain missing": (without(2, 3, 4), {"file": (13, "missing or reordered")}),
    "the owner's chain at the end": (
        lambda lines: [lines[0], *lines[4:15], *lines[1:4], lines[15]],
        {OWNER: (13, "reordered"), "file": (16, "missing or reordered")},
    ),
    "the last line cut": (without(16), {"file": (15, "cut end")}),
    "everything cut but the first line": (without(*range(2, 17)), {"file": (1, "cut end")}),
    "a line after the end": (
        lambda lines: [*lines, lines[5]],
        {"file": (17, "something stands after the end of the export")},
    ),
    "a chain written anew": (rewritten, {FIRST: (7, "anchor that does not match")}),
    "an anchor changed": (
        lambda lines: [
            *lines[:2],
            replace(lines[2], body=lines[2].body.replace(lines[13].hash, "0" * 64)),
            *lines[3:],
        ],
        {OWNER: (3, "edited")},
    ),
    "a head's signature": (
        edited(10, signature="0" * 128),
        {FIRST: (10, "bad signature"), "file": (16, "missing or reordered")},
    ),
    "another head's signature": (
        lambda lines: edited(10, signature=lines[14].signature)(lines),
        {FIRST: (10, "bad signature"), "file": (16, "missing or reordered")},
    ),
    "two heads": (
        lambda lines: [*lines[:10], lines[9], *lines[10:]],
        {FIRST: (11, "a second head of the chain")},
    ),
    "the end's signature": (edited(16, signature="0" * 128), {"file": (16, "bad signature")}),
    "the end's counts": (edited(16, entries=10), {"file": (16, "bad signature")}),
    "another time": (
        edited(1, at=exports.AT),
        {
            OWNER: (4, "bad signature"),
            FIRST: (10, "bad signature"),
            SECOND: (15, "bad signature"),
            "file": (16, "bad signature"),
        },
    ),
    "another owner": (
        edited(1, owner="agt_other"),
        {
            OWNER: (4, "bad signature"),
            FIRST: (10, "bad signature"),
            SECOND: (15, "bad signature"),
            "file": (16, "bad signature"),
        },
    ),
    "another key": (
        edited(1, key=SigningKey(b"\x08" * 32).public_key.hex()),
        {"file": (1, "bad signature")},
    ),
    "one chain passed for all": (
        edited(1, tree=FIRST),
        {
            OWNER: (2, f"another chain than {FIRST}, which was asked for"),
            SECOND: (11, f"another chain than {FIRST}, which was asked for"),
            "file": (16, "bad signature"),
        },
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", TAMPERED)
def test_AUDIT_IS_COMPLETE_tampering_is_found_and_placed(name: str, form: Format) -> None:
    tamper, expected = TAMPERED[name]
    report = check(written(tamper(sound()), form), KEY.public_key)
    assert not report.holds
    # In a CSV file the names of the columns are the first line.
    shift = 1 if form == "csv" else 0
    assert told(report) == {who: (line + shift, reason) for who, (line, reason) in expected.items()}


@pytest.mark.parametrize("form", FORMATS)
def test_AUDIT_IS_COMPLETE_what_was_not_touched_holds(form: Format) -> None:
    report = check(written(sound(), form), KEY.public_key)
    assert report.holds
    assert report.pinned
    assert [(one.chain, one.entries) for one in report.chains] == [(OWNER, 2), (FIRST, 5), (SECOND, 4)]
    assert (report.entries, report.anchors) == (11, 2)


def test_one_chain_alone_and_nothing_at_all_hold() -> None:
    assert check(written(signed([chain(FIRST, 3)], tree=FIRST))).holds
    assert check(written(signed([]))).holds


def test_a_forger_with_a_key_of_their_own_needs_a_reader_without_one() -> None:
    forged = written(signed([chain(FIRST, 3, units="1")], SigningKey(b"\x09" * 32)))
    alone, pinned = check(forged), check(forged, KEY.public_key)
    assert alone.holds
    assert not alone.pinned
    assert told(pinned) == {FIRST: (5, "bad signature"), "file": (1, "bad signature")}


def test_an_anchor_that_names_no_entry_of_its_tree() -> None:
    first = chain(FIRST, 5)
    later = replace(first[4], seq=7)
    report = check(written(signed([exports.anchors(later), first])))
    assert told(report) == {FIRST: (9, "cut end")}
    report = check(written(signed([exports.anchors(chain(SECOND, 1)[0]), first])))
    assert told(report) == {"file": (2, "missing")}


@pytest.mark.parametrize("cut", [1, 7])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_ends_within_a_line(cut: int, form: Format) -> None:
    lines = written(sound(), form)
    report = check([*lines[:-1], lines[-1][:-cut]], KEY.public_key)
    assert report.flaws[0].reason == "cut end: the file ends within a line"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\xff\n",
        b'{"type":"entry"}\n',
        b"[" * 100_000 + b"\n",
        b'"' + b"\n",
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_a_line_of_nonsense_is_told_and_the_rest_is_read(line: bytes, form: Format) -> None:
    lines = written(sound(), form)
    report = check([*lines[:5], line, *lines[5:]], KEY.public_key)
    assert [(flaw.line, flaw.reason.partition(":")[0]) for flaw in report.flaws] == [(6, "edited line")]
    assert all(one.flaw is None for one in report.chains)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"seq":2', b'"seq": 2'),
        lambda text: text.replace(b'"seq":2', b'"seq":2.0'),
        lambda text: text.replace(b'"seq":2', b'"seq":2,"seq":2'),
        lambda text: text.replace(b'"seq":2', b'"seq":2,"units":"9"'),
        lambda text: text.replace(b'"kind":"h', b'"kind":"\\u0068'),
        lambda text: text.replace(b'"seq":2,"at"', b'"seq":2,"body":"{}","at"'),
    ],
)
def test_one_spelling_only_so_that_no_reader_sees_anything_else(change: Callable[[bytes], bytes]) -> None:
    lines = written(sound())
    changed = change(lines[5])
    assert changed != lines[5]
    report = check([*lines[:5], changed, *lines[6:]], KEY.public_key)
    assert told(report)["file"] == (6, "edited line")
    assert told(report)[FIRST] == (7, "missing")


@pytest.mark.parametrize("file", [[], [b""], [b"\n"], [b"root:x:0:0\n"], [b"{}\n"], written(sound())[1:]])
def test_what_is_no_export_is_unreadable(file: list[bytes]) -> None:
    with pytest.raises(Unreadable):
        check(file)


def test_a_version_that_is_not_known_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="version 2"):
        check(written(edited(1, version=2)(sound())))


def test_a_file_of_nonsense_does_not_fill_the_report() -> None:
    report = check([*written(sound()), *[b"x\n"] * 10_000])
    assert len(report.flaws) == 100


@given(st.data())
def test_AUDIT_IS_COMPLETE_no_changed_byte_passes(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMATS))
    lines = written(sound(), form)
    number = data.draw(st.integers(1 if form == "csv" else 0, len(lines) - 1))
    text = bytearray(lines[number])
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    try:
        report = check(
            b"".join([*lines[:number], bytes(text), *lines[number + 1 :]]).splitlines(keepends=True),
            KEY.public_key,
        )
    except Unreadable:
        assert number <= 1
        return
    assert not report.holds, json.dumps(text.decode("latin-1"))
