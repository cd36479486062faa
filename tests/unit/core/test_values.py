"""Values without rules of their own: refusals, errors, escrows, services and agents."""

from dataclasses import fields

import pytest

from valetkey.core.agent import Agent
from valetkey.core.decide import Allowed, SpendRequest
from valetkey.core.errors import (
    ChainUnavailable,
    Contradiction,
    EnvironmentFailure,
    InvalidAmount,
    InvalidInput,
    ValetkeyError,
)
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.ledger import Capture, Expire, Hold, MarkUnknown, PlaceHold, State, Void
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refusal, Refused, refuse
from valetkey.core.service import Service, ServiceQuery, ServiceStatus
from valetkey.core.session import Session, Usage
from valetkey.core.transaction import Transaction


def test_a_refusal_has_a_reason() -> None:
    with pytest.raises(AssertionError):
        Refused(())


def test_the_first_reason_is_the_most_fundamental() -> None:
    first, second = Refusal(Code.OWNER_ONLY, "a", "b"), Refusal(Code.WRONG_STATUS, "c", "d")
    assert Refused((first, second)).first is first


def test_a_reason_that_is_no_amount_carries_none() -> None:
    assert refuse(Code.SELF_PURCHASE, "seller", "no", hint="ask another") == Refused(
        (Refusal(Code.SELF_PURCHASE, "seller", "no", None, None, None, None, "ask another"),)
    )
    assert refuse(Code.OWNER_ONLY, "owner", "no").first.hint is None


def test_codes_are_stable_words() -> None:
    assert len({str(code) for code in Code}) == len(Code)
    assert all(code.isascii() and code == code.lower() and " " not in code for code in Code)


@pytest.mark.parametrize(
    ("error", "family", "code"),
    [
        (ValetkeyError("x"), ValetkeyError, "error"),
        (InvalidInput("x"), ValueError, "invalid_input"),
        (InvalidAmount("x"), InvalidInput, "invalid_amount"),
        (Contradiction("x"), ValetkeyError, "contradiction"),
        (EnvironmentFailure("x"), ValetkeyError, "environment"),
        (ChainUnavailable("x"), EnvironmentFailure, "chain_unavailable"),
        (InvalidInput("x", code="lifetime_out_of_bounds"), InvalidInput, "lifetime_out_of_bounds"),
    ],
)
def test_errors_have_a_family_and_a_code(error: ValetkeyError, family: type[Exception], code: str) -> None:
    assert isinstance(error, family)
    assert isinstance(error, ValetkeyError)
    assert error.code == code
    assert str(error) == "x"


def test_a_code_of_one_error_is_not_that_of_its_class() -> None:
    InvalidInput("x", code="odd")
    assert InvalidInput("x").code == "invalid_input"


def test_the_environment_may_be_asked_again() -> None:
    assert EnvironmentFailure("x").retryable
    assert ChainUnavailable("x").retryable


def test_an_escrow_holds_the_seller_s_part_and_the_fee() -> None:
    escrow = Escrow(
        buyer="0xb",
        seller="0xs",
        token="0xt",
        locked_amount=2_500_000,
        platform_fee=50_000,
        status=EscrowStatus.FUNDED,
        created_at=1,
        deadline=2,
        dispute_window=3_600,
        abandonment_grace=172_800,
        delivered_at=0,
        proof_hash=bytes(32),
        criteria_hash=bytes(32),
    )
    assert escrow.amount == 2_550_000


def test_a_search_without_wishes_gives_the_newest_twenty() -> None:
    query = ServiceQuery()
    assert (query.text, query.sort_by, query.limit, query.offset) == ("", "newest", 20, 0)
    assert {query.category, query.currency, query.network} == {None}
    assert set(ServiceStatus) == {"active", "paused", "archived"}


FACTS = [
    *(Agent, Allowed, Asset, Escrow, Hold, Money, Policy, Refusal, Refused, Service, ServiceQuery, Session),
    *(SpendRequest, State, Transaction, Usage, PlaceHold, MarkUnknown, Capture, Void, Expire),
]


@pytest.mark.parametrize("value", FACTS)
def test_facts_do_not_change_behind_anybody_s_back(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(value)


@pytest.mark.parametrize("value", [Agent, Hold, Session, Transaction, Service])
def test_no_fact_of_the_rules_is_a_secret(value: type) -> None:
    words = {word for field in fields(value) for word in field.name.split("_")}
    assert not words & {"private", "token", "secret", "password", "bundle", "mnemonic"}
