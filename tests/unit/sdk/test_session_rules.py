"""From a config to the rules of the gate: tokens, payees, contracts, functions, routers, and bad configs."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sdk.test_actions import NETWORK, OTHER, TO, WRONG
from valetkey import InvalidInput, SessionConfig
from valetkey.core.money import NATIVE
from valetkey.sdk.session_rules import lifetime_of, rules_of, terms_of

NOW = 1_800_000_000
DAY = 86_400


def config(**members: Any) -> SessionConfig:
    return SessionConfig(**{"label": "ops", "spending_limit": "10", "valid_until": NOW + DAY, **members})


def test_nothing_but_transfers_is_allowed_unless_it_is_named() -> None:
    rules = rules_of(config(), NETWORK)
    assert rules.operations == ["transfer"]
    assert (rules.payees, rules.assets, rules.chains) == (None, None, [84532])


def test_services_and_what_is_done_are_named() -> None:
    asked = config(
        allowed_services=("svc_b", "svc_a"), allowed_operations=["transfer", "purchase", "purchase"]
    )
    rules = rules_of(asked, NETWORK)
    assert (rules.services, rules.operations) == (["svc_b", "svc_a"], ["purchase", "transfer"])
    assert rules_of(config(), NETWORK).services == []


def test_what_comes_back_is_spent_again_where_that_is_said() -> None:
    assert rules_of(config(), NETWORK).members()["refunds_restore"] is False
    again = config(refunds_restore=True)
    assert rules_of(again, NETWORK).members()["refunds_restore"] is True
    assert terms_of(again, rules_of(again, NETWORK), 1) != terms_of(config(), rules_of(config(), NETWORK), 1)
    for members, field in (({"refunds_restore": 1}, "refunds_restore"), ({"funding": "gold"}, "funding")):
        with pytest.raises(InvalidInput) as refused:
            config(**members)
        assert refused.value.field == field
    assert config(funding="allotment").funding == "allotment"


def test_who_sells_spends_nothing() -> None:
    selling = config(sells=True, spending_limit=0)
    assert terms_of(selling, rules_of(selling, NETWORK), 1) != terms_of(
        config(spending_limit=0), rules_of(selling, NETWORK), 1
    )
    for members, field in (
        ({"spending_limit": "1"}, "spending_limit"),
        ({"spending_limit": None}, "spending_limit"),
        ({"spending_limit": 0, "funding": "grant"}, "funding"),
        ({"spending_limit": 0, "sells": 1}, "sells"),
    ):
        with pytest.raises(InvalidInput) as refused:
            config(**{"sells": True, **members})
        assert refused.value.field == field


def test_contracts_functions_and_routers_become_operations_and_payees() -> None:
    asked = config(
        allowed_payees=[OTHER],
        allowed_contracts={TO: ["deposit(uint256)", "withdraw(uint)"]},
        allowed_routers=(one for one in ["0x" + "44" * 20]),
        allowed_tokens=["USDC", "ETH"],
        daily_limit=3,
        windows={60: 1},
    )
    rules = rules_of(asked, NETWORK)
    assert rules.operations == [
        "transfer",
        "approve." + "11" * 20,
        "call.2e1a7d4d." + "11" * 20,
        "call.b6b55f25." + "11" * 20,
        "swap." + "44" * 20,
    ]
    assert rules.payees == sorted([TO, OTHER, "0x" + "44" * 20])
    assert rules.assets == ["eip155:84532/erc20:0x" + "33" * 20, "eip155:84532/slip44:60"]
    assert rules.windows == {60: 1, DAY: 3}
    wallet = "0x" + "55" * 20
    assert wallet in (rules_of(asked, NETWORK, wallet).payees or ())
    assert rules_of(config(allowed_payees=[OTHER]), NETWORK, wallet).payees == [OTHER], "nothing is brought"
    assert terms_of(asked, rules, 1) == terms_of(asked, rules_of(asked, NETWORK), 1)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"allowed_payees": [WRONG]}, "allowed_payees"),
        ({"allowed_payees": TO}, "allowed_payees"),
        ({"allowed_payees": [NATIVE]}, "allowed_payees"),
        ({"allowed_services": []}, "allowed_services"),
        ({"allowed_services": "svc_1"}, "allowed_services"),
        ({"allowed_operations": "transfer"}, "allowed_operations"),
        ({"allowed_contracts": {WRONG: []}}, "allowed_contracts"),
        ({"allowed_contracts": {TO: "deposit(uint256)"}}, "allowed_contracts"),
        ({"allowed_contracts": {TO: ["deposit"]}}, "function"),
        ({"allowed_contracts": [TO]}, "allowed_contracts"),
        ({"allowed_routers": [NATIVE]}, "allowed_routers"),
        ({"allowed_routers": TO}, "allowed_routers"),
        ({"allowed_tokens": ["DOGE"]}, "allowed_tokens"),
        ({"allowed_tokens": "USDC"}, "allowed_tokens"),
        ({"daily_limit": 1, "windows": {DAY: 2}}, "daily_limit"),
    ],
)
def test_rules_that_cannot_be_meant(members: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules_of(config(**members), NETWORK)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"valid_until": NOW}, "valid_until"),
        ({"valid_until": NOW - 1}, "valid_until"),
        ({"valid_until": timedelta(0)}, "valid_until"),
        ({"valid_until": (NOW - 1) * 1_000}, "valid_until"),
        ({"valid_until": 86_400}, "valid_until"),
        ({"not_before": NOW + DAY}, "not_before"),
    ],
)
def test_lives_that_cannot_be_meant(members: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        lifetime_of(config(**members), NOW)
    assert refused.value.field == field


def test_milliseconds_are_told_apart() -> None:
    assert lifetime_of(config(valid_until=(NOW + DAY) * 1_000), NOW) == (None, NOW + DAY)


def test_terms_are_the_same_for_the_same_rules_alone() -> None:
    rules = rules_of(config(), NETWORK)
    first = terms_of(config(), rules, 84532)
    assert first == terms_of(config(), rules, 84532)
    assert first != terms_of(config(label="other"), rules, 84532)
    assert first != terms_of(config(), rules, 8453)
    assert first != terms_of(config(), rules_of(config(spending_limit="11"), NETWORK), 84532)
    moving = config(valid_until=timedelta(days=1))
    assert terms_of(moving, rules, 1) == terms_of(config(valid_until=timedelta(days=1)), rules, 1)
