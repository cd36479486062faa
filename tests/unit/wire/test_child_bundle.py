"""Bundles of sessions that nobody registered yet: what leads to them travels along, and leads to nothing else."""

import base64
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from valetkey.core.tree import Narrowing
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.attenuation import Attenuation, SignedNarrowing, sign
from valetkey.wire.bundle import Bundle, BundleCode, BundleError, BundleExpired, parse_bundle
from valetkey.wire.child_bundle import NARROWINGS_CHARS_MAX, parse_child, serialize_child, session_id_of

ROOT = "ses_" + "0" * 25
END = 2_000_000_000


def child(parent_id: str, parent_key: PrivateKey, **more: Any) -> tuple[Bundle, SignedNarrowing, Attenuation]:
    bundle = Bundle(
        token=new_session_token(),
        agent_id="agt_1",
        budget_usdc=Decimal("1.5"),
        expiry=END,
        wallet_private_key=PrivateKey.generate(),
        e2e_private_key=PrivateKey.generate(),
    )
    told = Attenuation(
        parent_id=parent_id,
        wallet=bundle.wallet_address,
        e2e_public_key=bundle.e2e_private_key.public_key_compressed,
        token_hash=credential_hash(bundle.token.reveal()),
        label="child",
        narrowing=Narrowing(budget=1_500_000),
    )
    told = replace(told, **more)
    return bundle, sign(told, parent_key), told


def test_a_line_goes_there_and_back() -> None:
    first, one, told = child(ROOT, PrivateKey.generate())
    second, two, _ = child(told.child_id, first.wallet_private_key)
    text = serialize_child(second, (one, two))
    plain, mark, _ = text.partition(".")
    assert (plain, mark) == (second.serialize(), ".")
    assert parse_bundle(plain, 0).serialize() == plain
    bundle, narrowings = parse_child(text, END)
    assert bundle.serialize() == plain
    assert narrowings == (one, two)
    assert session_id_of(narrowings[:1]) == told.child_id


def test_a_bundle_without_narrowings_is_a_plain_one() -> None:
    bundle, _, _ = child(ROOT, PrivateKey.generate())
    text = serialize_child(bundle, ())
    assert text == bundle.serialize()
    assert parse_child(text, 0)[1] == ()


def test_an_ended_one_is_read_only_to_reclaim() -> None:
    bundle, one, _ = child(ROOT, PrivateKey.generate())
    text = serialize_child(bundle, (one,))
    with pytest.raises(BundleExpired):
        parse_child(text, END + 1)
    assert parse_child(text, None)[1] == (one,)


@pytest.mark.parametrize("more", [{"wallet": PrivateKey.generate().address}, {"token_hash": b"\0" * 32}])
def test_narrowings_of_another_bundle_are_refused(more: dict[str, Any]) -> None:
    bundle, one, _ = child(ROOT, PrivateKey.generate(), **more)
    with pytest.raises(BundleError) as caught:
        parse_child(serialize_child(bundle, (one,)), 0)
    assert caught.value.code == BundleCode.KEY_MISMATCH


def test_narrowings_that_are_not_one_line_are_refused() -> None:
    _, one, _ = child(ROOT, PrivateKey.generate())
    bundle, two, _ = child(ROOT, PrivateKey.generate())
    with pytest.raises(BundleError, match="not one line") as caught:
        parse_child(serialize_child(bundle, (one, two)), 0)
    assert caught.value.code == BundleCode.KEY_MISMATCH


def base64_of(told: object) -> str:
    return base64.b64encode(json.dumps(told).encode()).decode()


SIGNED = {"message": "Valetkey attenuation v1\n{}", "signature": "0x" + "00" * 65}


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("", BundleCode.BAD_JSON),
        ("!!!!", BundleCode.BAD_BASE64),
        ("YQ", BundleCode.BAD_BASE64),
        ("\u00e4", BundleCode.BAD_BASE64),
        ("YQ==", BundleCode.BAD_JSON),
        ("/w==", BundleCode.BAD_JSON),
        (base64_of([]), BundleCode.BAD_JSON),
        (base64_of({"narrowings": []}), BundleCode.BAD_JSON),
        (base64_of({"narrowings": [SIGNED] * 9}), BundleCode.BAD_JSON),
        (base64_of({"narrowings": [SIGNED]}), BundleCode.BAD_JSON),
        ("YWFh." + "YQ==", BundleCode.BAD_BASE64),
        ("Y" * (NARROWINGS_CHARS_MAX + 1), BundleCode.TOO_LONG),
    ],
)
def test_what_is_no_line_of_narrowings_is_refused_and_not_quoted(told: str, code: BundleCode) -> None:
    bundle, _, _ = child(ROOT, PrivateKey.generate())
    with pytest.raises(BundleError) as caught:
        parse_child(f"{bundle.serialize()}.{told}", 0)
    assert caught.value.code == code
    assert bundle.token.reveal() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_text_is_no_bundle() -> None:
    for nothing in (None, b"abba_session_bundle_", "", "."):
        with pytest.raises(BundleError):
            parse_child(nothing, 0)  # type: ignore[arg-type]
