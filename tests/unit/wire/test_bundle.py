"""Bundles beyond the vectors: round trips, bounds, and texts that never show what they hold."""

import base64
import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.leaks import parts_told
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import (
    BUNDLE_CHARS_MAX,
    BUNDLE_PREFIX,
    Bundle,
    BundleCode,
    BundleError,
    BundleExpired,
    parse_bundle,
)

NOW = 1_772_323_200
WALLET, E2E = PrivateKey((21).to_bytes(32)), PrivateKey((22).to_bytes(32))
TOKEN = "abba_session_5f1e2d3c4b5a69788796a5b4c3d2e1f0"
HUGE, TINY = "1e99999999999999999999", "1e-99999999999999999999"
"""Exponents that no decimal can hold."""
FIELDS: dict[str, object] = {
    "token": TOKEN,
    "agentId": "agt_1",
    "budgetUsdc": 50,
    "expiry": NOW + 3_600,
    "walletPrivateKey": WALLET.to_hex(),
    "walletAddress": WALLET.address,
    "e2ePrivateKey": E2E.to_hex(prefix=False),
    "e2ePublicKey": E2E.public_key_compressed.hex(),
}


def written(body: str) -> str:
    return BUNDLE_PREFIX + base64.b64encode(body.encode()).decode()


def changed(**fields: object) -> str:
    return written(json.dumps({**FIELDS, **fields}))


def code_of(text: object, now: int | None = NOW) -> str:
    with pytest.raises(BundleError) as caught:
        parse_bundle(text, now)  # type: ignore[arg-type]
    secrets = [TOKEN.removeprefix("abba_session_"), WALLET.to_hex(prefix=False), E2E.to_hex(prefix=False)]
    assert not parts_told(caught.value, *secrets)
    return caught.value.code


@given(
    st.text(),
    st.text(),
    st.none() | st.decimals(min_value=0, max_value=10**12, places=6),
    st.integers(min_value=0, max_value=2**50),
)
def test_bundles_round_trip(token: str, agent_id: str, budget: Decimal | None, expiry: int) -> None:
    bundle = Bundle(
        token=Secret(token),
        agent_id=agent_id,
        budget_usdc=budget,
        expiry=expiry,
        wallet_private_key=WALLET,
        e2e_private_key=E2E,
    )
    text = bundle.serialize()
    assert parse_bundle(text, None) == bundle
    assert parse_bundle(text, None).serialize() == text


@pytest.mark.parametrize("budget", ["0", "50", "12.5", "1e-7", "1E+2", "0.000001", "-0"])
def test_budgets_are_plain_amounts(budget: str) -> None:
    body = json.dumps({**FIELDS, "budgetUsdc": "@"}).replace('"@"', budget)
    assert parse_bundle(written(body), NOW).budget_usdc == abs(Decimal(budget))


@pytest.mark.parametrize("budget", ["1" * 30, "123456789012345678901234.567891", "0." + "1" * 30])
def test_budgets_of_many_digits_are_not_rounded(budget: str) -> None:
    body = json.dumps({**FIELDS, "budgetUsdc": "@"}).replace('"@"', budget)
    with localcontext(prec=5):
        assert str(parse_bundle(written(body), NOW).budget_usdc) == budget


@pytest.mark.parametrize("budget", ["-1", "1e400", "1e-400", HUGE, TINY, "1" * 31, "9" * 70, "0." + "1" * 70])
def test_other_budgets_are_refused(budget: str) -> None:
    body = json.dumps({**FIELDS, "budgetUsdc": "@"}).replace('"@"', budget)
    assert code_of(written(body)) == BundleCode.BAD_BUDGET


@pytest.mark.parametrize("budget", ["NaN", "Infinity", "-Infinity"])
def test_nan_is_not_even_json(budget: str) -> None:
    body = json.dumps({**FIELDS, "budgetUsdc": "@"}).replace('"@"', budget)
    assert code_of(written(body)) == BundleCode.BAD_JSON


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_its_type(name: str) -> None:
    wrongs: tuple[object, ...] = (True, [], {}, [["token", "x"]])
    for wrong in wrongs:
        assert code_of(changed(**{name: wrong})) == BundleCode.WRONG_TYPE
    if name not in {"budgetUsdc", "expiry"}:
        assert code_of(changed(**{name: 5})) == BundleCode.WRONG_TYPE
        assert code_of(changed(**{name: None})) == BundleCode.WRONG_TYPE
    else:
        assert code_of(changed(**{name: "5"})) == BundleCode.WRONG_TYPE


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_needed_once(name: str) -> None:
    left = {key: value for key, value in FIELDS.items() if key != name}
    wanted = BundleCode.MISSING_EXPIRY if name == "expiry" else BundleCode.MISSING_FIELD
    assert code_of(written(json.dumps(left))) == wanted
    twice = json.dumps(FIELDS)[:-1] + f',"{name}":{json.dumps(FIELDS[name])}}}'
    assert code_of(written(twice)) == BundleCode.EXTRA_FIELD


def test_a_field_too_many_is_refused() -> None:
    assert code_of(changed(more=1)) == BundleCode.EXTRA_FIELD


@pytest.mark.parametrize("expiry", ["1.5", "1e400", "1e20", "-1e20", HUGE, TINY, "9" * 70, "1e-50"])
def test_expiry_is_a_whole_number_of_seconds(expiry: str) -> None:
    body = json.dumps({**FIELDS, "expiry": "@"}).replace('"@"', expiry)
    assert code_of(written(body)) == BundleCode.WRONG_TYPE


def test_an_ended_session_is_refused_unless_its_money_is_wanted() -> None:
    text = changed(expiry=NOW - 1)
    with pytest.raises(BundleExpired):
        parse_bundle(text, NOW)
    assert parse_bundle(text, None).is_expired(NOW)
    assert not parse_bundle(changed(expiry=NOW), NOW).is_expired(NOW)


def test_keys_must_match_what_they_are_said_to_be() -> None:
    assert code_of(changed(walletAddress=E2E.address)) == BundleCode.KEY_MISMATCH
    assert code_of(changed(e2ePublicKey=WALLET.public_key_compressed.hex())) == BundleCode.KEY_MISMATCH
    assert parse_bundle(changed(walletAddress=WALLET.address.lower()), NOW).wallet_address == WALLET.address


def test_texts_that_are_no_bundles() -> None:
    text = changed()
    assert code_of(text + "A" * BUNDLE_CHARS_MAX) == BundleCode.TOO_LONG
    assert code_of(text[:-4] + "===="[:4]) in {BundleCode.BAD_BASE64, BundleCode.MISSING_PADDING}
    assert code_of(BUNDLE_PREFIX + "ab-_") == BundleCode.BAD_BASE64
    assert code_of(BUNDLE_PREFIX + "Zh==") == BundleCode.BAD_BASE64
    assert code_of(written("[" * 5_000)) == BundleCode.BAD_JSON
    assert code_of(b"abba_session_bundle_") == BundleCode.MISSING_PREFIX


@given(st.integers(min_value=0), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_changed_character_never_quotes_a_secret(place: int, char: str) -> None:
    text = changed()
    at = len(BUNDLE_PREFIX) + place % (len(text) - len(BUNDLE_PREFIX))
    try:
        parse_bundle(text[:at] + char + text[at + 1 :], NOW)
    except BundleError as error:
        secrets = [TOKEN.removeprefix("abba_session_"), WALLET.to_hex(prefix=False)]
        assert not parts_told(error, text[len(BUNDLE_PREFIX) :], *secrets)  # noqa: PT017 - either is right


def test_a_bundle_does_not_show_its_secrets() -> None:
    bundle = parse_bundle(changed(), NOW)
    shown = repr(bundle) + str(bundle) + f"{bundle}"
    assert WALLET.address in shown
    for secret in (TOKEN, WALLET.to_hex(prefix=False), E2E.to_hex(prefix=False)):
        assert secret not in shown
