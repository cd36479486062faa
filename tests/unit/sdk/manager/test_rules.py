"""What a manager makes of a session's config, and every row that it says no to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from valetkey.core.chains import chain_of
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import Asset
from valetkey.core.windows import Window
from valetkey.sdk.config_checks import check_key
from valetkey.sdk.manager.keeping import id_of, normal_hash
from valetkey.sdk.manager.rules import (
    Lifetimes,
    address_of,
    check_token,
    decimal_units,
    fingerprint,
    is_chain,
    policy_of,
    units_of,
)
from valetkey.sdk.session_config import SessionConfig

NOW = 1_800_000_000
CHAIN = chain_of("baseSepolia")
ASSET = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
LIVES = Lifetimes(60, 30 * 86_400)
CONFIG = SessionConfig(label="one", spending_limit="10", valid_until=timedelta(hours=1))
PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def made(**changes: Any) -> Any:
    return policy_of(replace(CONFIG, **changes), CHAIN, ASSET, LIVES, NOW)


def test_a_policy_has_what_the_config_says() -> None:
    policy = made(
        per_transaction_limit=2.5,
        daily_limit=Decimal(5),
        windows={3_600: "3"},
        spends_max=7,
        approval_above=1,
        refunds_restore=True,
        allowed_payees=[PAYEE],
        allowed_tokens=["USDC", ASSET.address.lower()],
        not_before=NOW + 60,
        chain="base-sepolia",
    )
    assert (policy.budget, policy.per_spend, policy.approval_above) == (10_000_000, 2_500_000, 1_000_000)
    assert policy.windows == (Window(3_600, 3_000_000), Window(86_400, 5_000_000))
    assert (policy.spends_max, policy.not_before, policy.expires_at) == (7, NOW + 60, NOW + 3_600)
    assert policy.allowed_payees == {PAYEE.lower()}
    assert policy.allowed_assets == {ASSET.id}
    assert policy.allowed_chains == {84532}
    assert policy.refunds_restore is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"spending_limit": "NaN"}, "invalid_amount"),
        ({"spending_limit": float("inf")}, "invalid_amount"),
        ({"spending_limit": -1}, "invalid_amount"),
        ({"spending_limit": "0.0000001"}, "invalid_amount"),
        ({"spending_limit": "1" * 40}, "invalid_amount"),
        ({"spending_limit": True}, "invalid_amount"),
        ({"per_transaction_limit": "1e-9"}, "invalid_amount"),
        ({"daily_limit": "x"}, "invalid_amount"),
        ({"valid_until": datetime(2000, 1, 1, tzinfo=UTC)}, "lifetime_out_of_bounds"),
        ({"valid_until": timedelta(days=31)}, "lifetime_out_of_bounds"),
        ({"valid_until": timedelta(seconds=59)}, "lifetime_out_of_bounds"),
        ({"valid_until": 3_600}, "ambiguous_time"),
        ({"valid_until": NOW * 1_000_000}, "ambiguous_time"),
        ({"valid_until": datetime(2027, 1, 1)}, "invalid_input"),  # noqa: DTZ001 - that is the point
        ({"chain": "ethereum"}, "wrong_chain"),
        ({"chain": 8453}, "wrong_chain"),
        ({"chain": "nowhere"}, "unknown_chain"),
        ({"allowed_tokens": ["WETH"]}, "unknown_token"),
        ({"allowed_tokens": ["usdc"]}, "unknown_token"),
        ({"allowed_tokens": ["0x" + "11" * 20]}, "unknown_token"),
        ({"allowed_tokens": "USDC"}, "invalid_input"),
        ({"allowed_tokens": []}, "invalid_input"),
        ({"allowed_tokens": 5}, "invalid_input"),
        ({"allowed_payees": 5}, "invalid_input"),
        ({"allowed_contracts": {PAYEE: 5}}, "invalid_input"),
        ({"allowed_payees": ["0x" + "0" * 40]}, "invalid_address"),
        ({"allowed_payees": [PAYEE.replace("a", "A")]}, "invalid_address"),
        ({"allowed_payees": ["somebody.eth"]}, "invalid_address"),
        ({"allowed_payees": []}, "invalid_input"),
        ({"windows": {86_400: 1}, "daily_limit": 2}, "invalid_input"),
        ({"windows": {0: 1}}, "invalid_input"),
        ({"funding": "wallet"}, "invalid_input"),
        ({"funding": "allotment"}, "invalid_input"),
        ({"limits": {"ETH": 1}}, "invalid_input"),
        ({"allowed_services": ["svc_1"]}, "invalid_input"),
        ({"sells": True, "spending_limit": 0}, "invalid_input"),
        ({"allowed_operations": ["purchase"]}, "invalid_input"),
        ({"allowed_contracts": {PAYEE: ["f()"]}}, "invalid_input"),
        ({"allowed_routers": [PAYEE]}, "invalid_input"),
        ({"spends_max": -1}, "invalid_input"),
        ({"not_before": timedelta(hours=2)}, "invalid_input"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_with_its_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(**changes)
    assert refused.value.code == code


def test_milliseconds_are_told_from_seconds() -> None:
    assert made(valid_until=(NOW + 600) * 1_000).expires_at == made(valid_until=NOW + 600).expires_at


def test_a_fingerprint_is_that_of_what_is_meant() -> None:
    assert fingerprint(CONFIG, CHAIN, ASSET) == fingerprint(
        replace(CONFIG, spending_limit=10.0, idempotency_key="x"), CHAIN, ASSET
    )
    for change in (
        {"spending_limit": 11},
        {"label": "two"},
        {"valid_until": timedelta(hours=2)},
        {"windows": {60: 1}},
        {"allowed_payees": [PAYEE]},
        {"daily_limit": 1},
        {"sole_label": True},
        {"refunds_restore": True},
    ):
        assert fingerprint(CONFIG, CHAIN, ASSET) != fingerprint(replace(CONFIG, **change), CHAIN, ASSET)


@pytest.mark.parametrize("amount", [0, "0", Decimal(0), -1, "nan", True, "0.0000001", None, [1]])
def test_what_is_no_payment_is_refused(amount: Any) -> None:
    with pytest.raises((InvalidAmount, InvalidInput)):
        units_of(amount, ASSET)


def test_amounts_are_told_exactly() -> None:
    assert decimal_units(1, ASSET) == Decimal("0.000001")
    assert decimal_units(-2_500_000, ASSET) == Decimal("-2.5")
    assert decimal_units(10**29, ASSET) == Decimal(10) ** 23


@pytest.mark.parametrize("text", ["0x12", "", PAYEE.swapcase(), "0x" + "0" * 40, None, 5])
def test_what_is_no_account_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        address_of(text, "to")
    assert refused.value.field == "to"


def test_a_chain_is_meant_by_name_number_and_caip_2() -> None:
    for given in (84532, "84532", "baseSepolia", "base-sepolia", "eip155:84532"):
        assert is_chain(given, CHAIN)
    for given in (1, "ethereum", "eip155:1"):
        assert not is_chain(given, CHAIN)
    with pytest.raises(InvalidInput):
        is_chain(True, CHAIN)


@pytest.mark.parametrize("key", ["", "x" * 201, "ü", 5])
def test_an_idempotency_key_is_plain_text(key: Any) -> None:
    with pytest.raises(InvalidInput):
        check_key(key)
    check_key(None)
    check_key("invoice 17")


def test_a_token_is_the_manager_s_own() -> None:
    check_token("USDC", ASSET)
    check_token(ASSET.address, ASSET)
    for wrong in ("ETH", "usdc", "0x" + "11" * 20, ASSET.address.swapcase(), None, 5):
        with pytest.raises(InvalidInput):
            check_token(wrong, ASSET)  # type: ignore[arg-type]


def test_a_session_has_the_same_id_in_every_file() -> None:
    digits = "ab" * 32
    assert normal_hash(digits.upper()) == normal_hash("0x" + digits) == normal_hash(bytes.fromhex(digits))
    assert id_of(digits) == id_of("0x" + digits) == "ses_" + digits[:40]
