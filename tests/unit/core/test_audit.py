"""Chains of the audit log: what was told cannot be changed, dropped or moved without it being seen."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.audit import GENESIS, Broken, Entry, Head, Kind, append, canonical, filled, form, verify

START = Head("ses_1", 0, GENESIS)
TOLD = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(Kind), st.none() | st.text(max_size=5), st.integers()),
    min_size=2,
    max_size=8,
)
Chain = list[tuple[Entry, bytes]]


def chain(told: list[tuple[int, Kind, str | None, int]]) -> tuple[Chain, Head]:
    """A chain of these entries, each so many seconds after the one before, and its head."""
    head, at, found = START, 0, []
    for seconds, kind, session_id, number in told:
        at += seconds
        entry, head = append(head, at, kind, session_id, {"number": str(number)})
        found.append((entry, head.hash))
    return found, head


@given(TOLD)
def test_AUDIT_IS_COMPLETE_a_chain_leads_to_its_head(told: list[tuple[int, Kind, str | None, int]]) -> None:
    entries, head = chain(told)
    assert verify(entries, START) == head
    assert head.seq == len(told)


@given(TOLD, st.data())
def test_AUDIT_IS_COMPLETE_a_chain_that_lost_or_moved_an_entry_leads_elsewhere(
    told: list[tuple[int, Kind, str | None, int]], data: st.DataObject
) -> None:
    entries, head = chain(told)
    index = data.draw(st.integers(0, len(entries) - 1))
    lost = entries[:index] + entries[index + 1 :]
    assert verify(lost, START) != head
    # The end of a chain can be cut without a trace in it: that shows in the signed head alone.
    assert isinstance(verify(lost, START), Broken) == (index < len(entries) - 1)
    if index:
        entries[index - 1], entries[index] = entries[index], entries[index - 1]
        assert isinstance(verify(entries, START), Broken)


@pytest.mark.parametrize(
    "change",
    [
        {"at": 10**6},
        {"kind": Kind.VOIDED},
        {"session_id": "ses_2"},
        {"body": '{"number":"8"}'},
        {"chain_id": "ses_2"},
        {"seq": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_AUDIT_IS_COMPLETE_an_entry_that_was_changed_breaks_the_chain(change: dict[str, object]) -> None:
    entries, _ = chain([(1, Kind.HOLD_PLACED, "ses_1", 7), (1, Kind.CAPTURED, "ses_1", 7)])
    entry, hashed = entries[1]
    entries[1] = (replace(entry, **change), hashed)  # type: ignore[arg-type]
    assert isinstance(verify(entries, START), Broken)


def test_nothing_is_told_from_before_what_was_told() -> None:
    entries, _ = chain([(5, Kind.HOLD_PLACED, "ses_1", 7)])
    late, head = append(Head("ses_1", 1, entries[0][1]), 4, Kind.CAPTURED, "ses_1", {})
    assert isinstance(verify([*entries, (late, head.hash)], START), Broken)


FACTS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.lists(st.text(max_size=3), max_size=2)
)
NAMES = st.text(max_size=3) | st.sampled_from(["%", "%s", "%%"])


@given(st.dictionaries(NAMES, FACTS, max_size=6), st.data())
def test_a_form_that_is_filled_is_the_one_json_text(facts: dict[str, Any], data: st.DataObject) -> None:
    text = canonical(facts)
    assert text == json.dumps(facts, sort_keys=True, separators=(",", ":"))
    later = sorted(data.draw(st.sets(st.sampled_from(sorted(facts))))) if facts else []
    known = {name: fact for name, fact in facts.items() if name not in later}
    assert filled(form(known, later), *[facts[name] for name in later]) == text
