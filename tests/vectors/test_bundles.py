"""bundles.json: what the real client hands over, and every malformed bundle with its typed error."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.vectors.files import names, vectors
from tests.vectors.leaks import parts_told
from valetkey.wire.bundle import BUNDLE_PREFIX, BundleCode, BundleError, BundleExpired, parse_bundle

BUNDLES = vectors("bundles")
NOW = 1_772_323_200
TOKEN_PREFIX = "abba_session_"

MALFORMED = {
    "empty_string": BundleCode.MISSING_PREFIX,
    "prefix_only": BundleCode.BAD_BASE64,
    "leading_space": BundleCode.MISSING_PREFIX,
    "trailing_newline": BundleCode.BAD_BASE64,
    "no_padding": BundleCode.MISSING_PADDING,
    "truncated_half": BundleCode.MISSING_PADDING,
    "not_base64": BundleCode.BAD_BASE64,
    "json_null": BundleCode.BAD_JSON,
    "json_array": BundleCode.BAD_JSON,
    "json_empty_object": BundleCode.MISSING_EXPIRY,
    "trailing_garbage_json": BundleCode.BAD_JSON,
    "invalid_utf8": BundleCode.BAD_BASE64,
    "nonstring_null": BundleCode.MISSING_PREFIX,
}
INIT = {
    "valid": None,
    "expiry_equals_now": None,
    "expiry_now_minus_1": BundleCode.EXPIRED,
    "expiry_now_plus_1": None,
    "expiry_missing": BundleCode.MISSING_EXPIRY,
    "expiry_null": BundleCode.WRONG_TYPE,
    "expiry_string": BundleCode.WRONG_TYPE,
    "expiry_milliseconds": None,
    "expiry_zero": BundleCode.EXPIRED,
    "expiry_negative": BundleCode.EXPIRED,
    "wallet_key_without_0x": BundleCode.BAD_KEY,
    "wallet_key_short": BundleCode.BAD_KEY,
    "wallet_key_zero": BundleCode.BAD_KEY,
    "wallet_key_missing": BundleCode.MISSING_FIELD,
    "wallet_address_mismatch": BundleCode.KEY_MISMATCH,
    "e2e_public_mismatch": BundleCode.KEY_MISMATCH,
    "e2e_key_with_0x": BundleCode.BAD_KEY,
    "e2e_key_zero": BundleCode.BAD_KEY,
    "e2e_key_uppercase": None,
    "e2e_key_missing": BundleCode.MISSING_FIELD,
    "empty_object": BundleCode.MISSING_EXPIRY,
    "seller_bundle": None,
}


def secrets_in(serialized: object) -> list[str]:
    """The parts of a bundle that nothing may quote: its text, and the secrets that it holds."""
    if not isinstance(serialized, str):
        return []
    body = serialized.strip().removeprefix(BUNDLE_PREFIX)
    secrets = [body]
    try:
        fields = json.loads(base64.b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        secrets += [
            str(fields[name]).removeprefix("0x").removeprefix(TOKEN_PREFIX)
            for name in ("token", "walletPrivateKey", "e2ePrivateKey")
            if name in fields
        ]
    return secrets


def test_the_prefix_is_the_client_s() -> None:
    assert BUNDLES["prefix"] == BUNDLE_PREFIX


@pytest.mark.parametrize("case", BUNDLES["serialized"], ids=names(BUNDLES["serialized"]))
def test_round_trips_byte_for_byte(case: dict[str, Any]) -> None:
    bundle = parse_bundle(case["serialized"], NOW)
    payload = json.loads(case["payloadJson"], parse_float=Decimal, parse_int=Decimal)
    assert bundle.token.reveal() == payload["token"]
    assert bundle.agent_id == payload["agentId"]
    assert bundle.budget_usdc == payload["budgetUsdc"]
    assert bundle.expiry == payload["expiry"]
    assert bundle.wallet_private_key.to_hex() == payload["walletPrivateKey"]
    assert bundle.wallet_address == payload["walletAddress"]
    assert bundle.e2e_private_key.to_hex(prefix=False) == payload["e2ePrivateKey"]
    assert bundle.e2e_public_key == payload["e2ePublicKey"]
    if case["name"] != "key_order_shuffled":
        assert bundle.serialize() == case["serialized"]
    again = parse_bundle(bundle.serialize(), NOW)
    assert again == bundle


@pytest.mark.parametrize("case", BUNDLES["deserializeMalformed"], ids=names(BUNDLES["deserializeMalformed"]))
def test_malformed_bundles_are_typed_errors_that_quote_nothing(case: dict[str, Any]) -> None:
    with pytest.raises(BundleError) as caught:
        parse_bundle(case.get("input"), NOW)  # type: ignore[arg-type]  # one case is null
    assert caught.value.code == MALFORMED[case["name"]]
    assert not parts_told(caught.value, *secrets_in(case.get("input")))


@pytest.mark.parametrize("case", BUNDLES["initWithSession"], ids=names(BUNDLES["initWithSession"]))
def test_a_session_starts_from_sound_bundles_only(case: dict[str, Any]) -> None:
    code = INIT[case["name"]]
    if code is None:
        bundle = parse_bundle(case["serialized"], case["now"])
        assert case["ok"], "whatever the client refuses is refused here"
        assert bundle.wallet_address == case["walletAddressAfter"]
        assert bundle.e2e_public_key == case["cryptoPublicKeyAfter"]
        assert not [part for part in secrets_in(case["serialized"]) if part and part in repr(bundle)]
        return
    with pytest.raises(BundleError) as caught:
        parse_bundle(case["serialized"], case["now"])
    assert caught.value.code == code
    assert isinstance(caught.value, BundleExpired) is (code == BundleCode.EXPIRED)
    assert not parts_told(caught.value, *secrets_in(case["serialized"]))
