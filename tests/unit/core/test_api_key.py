"""API keys by themselves: what they may do, when they end, and what one may make."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.api_key import (
    INCLUDES,
    KEYS_MAX,
    ApiKey,
    KeyStatus,
    Scope,
    check_makes,
    check_room,
    granted,
    status,
)
from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code, Refused

NOW = 1_800_000_000
some_scopes = st.frozensets(st.sampled_from(Scope), min_size=1)
ends = st.none() | st.integers(NOW - 2, NOW + 5)


def a_key(*scopes: Scope, **fields: Any) -> ApiKey:
    plain: dict[str, Any] = {
        "id": "key_" + "0" * 25,
        "owner_id": "agt_" + "0" * 25,
        "name": "a key",
        "scopes": frozenset(scopes or (Scope.FULL,)),
        "created_at": NOW,
    }
    return ApiKey(**{**plain, **fields})


@pytest.mark.parametrize("name", ["", "x" * 65, "line\nbreak", "\u200b", "\x00"])
def test_names_that_cannot_be_meant(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        a_key(name=name)
    assert caught.value.field == "name"


def test_a_key_has_a_scope() -> None:
    with pytest.raises(InvalidInput) as caught:
        a_key(scopes=frozenset())
    assert caught.value.field == "scopes"
    assert a_key(name="x" * 64).actor == "key:key_" + "0" * 25


def test_the_end_of_a_key_is_half_open_and_a_revocation_stays() -> None:
    key = a_key(expires_at=NOW + 10)
    assert status(key, NOW + 9) is KeyStatus.ACTIVE
    assert status(key, NOW + 10) is KeyStatus.EXPIRED
    assert status(replace(key, revoked_at=NOW), NOW) is KeyStatus.REVOKED
    assert status(replace(key, revoked_at=NOW), NOW + 10) is KeyStatus.REVOKED
    assert status(a_key(), 2**40) is KeyStatus.ACTIVE


def test_what_scopes_bring_along() -> None:
    assert granted(frozenset({Scope.FULL})) == frozenset(Scope)
    assert granted(frozenset({Scope.READ})) == {
        Scope.READ,
        Scope.SESSIONS_READ,
        Scope.SPENDS_READ,
        Scope.MARKET_READ,
        Scope.AUDIT_READ,
        Scope.KEYS_READ,
    }
    assert granted(frozenset({Scope.SESSIONS_WRITE, Scope.AUDIT_READ})) == {
        Scope.SESSIONS_WRITE,
        Scope.SESSIONS_READ,
        Scope.AUDIT_READ,
    }
    assert granted(frozenset({Scope.SPENDS_APPROVE})) == {Scope.SPENDS_APPROVE, Scope.SPENDS_READ}


@given(some_scopes)
def test_nothing_is_brought_along_by_a_detour(scopes: frozenset[Scope]) -> None:
    assert granted(granted(scopes)) == granted(scopes)
    if Scope.FULL not in scopes:
        assert Scope.FULL not in granted(scopes)
    if all(scope is Scope.READ or scope.endswith(":read") for scope in scopes):
        assert all(scope is Scope.READ or scope.endswith(":read") for scope in granted(scopes))
    assert all(brought <= granted(frozenset({scope})) for scope, brought in INCLUDES.items())


@given(some_scopes, some_scopes, ends, ends)
def test_NARROW_ONLY_a_key_can_nothing_that_its_maker_cannot(
    has: frozenset[Scope], asked: frozenset[Scope], ends_at: int | None, asked_end: int | None
) -> None:
    maker = a_key(scopes=has, expires_at=ends_at)
    wanted = a_key(scopes=asked, expires_at=asked_end)
    try:
        refused = check_makes(maker, wanted, 1, NOW)
    except InvalidInput:
        assert asked_end is not None
        assert asked_end <= NOW
        return
    forever = 2**60
    within = granted(asked) <= granted(has) and (asked_end or forever) <= (ends_at or forever)
    alive = status(maker, NOW) is KeyStatus.ACTIVE
    assert (refused is None) is (within and alive)
    if refused is not None:
        assert refused.first.code is Code.NOT_NARROWER


def test_a_revoked_key_makes_none() -> None:
    refused = check_makes(a_key(revoked_at=NOW - 1), a_key(Scope.READ), 1, NOW)
    assert isinstance(refused, Refused)
    assert (refused.first.code, refused.first.rule) == (Code.NOT_NARROWER, "status")


def test_an_owner_has_room_for_so_many() -> None:
    assert check_room(KEYS_MAX - 1) is None
    for refused in (check_room(KEYS_MAX), check_makes(a_key(), a_key(), KEYS_MAX, NOW)):
        assert refused is not None
        assert refused.first.code is Code.KEYS_FULL
