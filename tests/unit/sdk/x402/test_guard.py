"""The last guard: what the official package asks to be signed passes, and anything that differs anywhere does not."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.mechanisms.evm.eip712 import build_typed_data_for_signing
from x402.mechanisms.evm.exact.permit2_utils import _build_permit2_typed_data
from x402.mechanisms.evm.types import (
    ExactEIP3009Authorization,
    ExactPermit2Authorization,
    ExactPermit2TokenPermissions,
    ExactPermit2Witness,
    UptoPermit2Authorization,
    UptoPermit2Witness,
)
from x402.mechanisms.evm.upto.client import _build_upto_permit2_typed_data

from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey, address_of, checksum_address
from valetkey.crypto.signatures import recover_digest
from valetkey.sdk.errors import SigningRefused
from valetkey.sdk.x402.guard import CLOCK_SECONDS, Bounds, Guard, check_sent, checked
from valetkey.sdk.x402.making import make
from valetkey.sdk.x402.offers import Offer, Required
from valetkey.wire.authorizations import EXACT_SPENDER, PERMIT2_ADDRESS, UPTO_SPENDER, read_authorization

KEY = PrivateKey.generate()
TOKEN, PAYEE, SETTLER = (checksum_address("0x" + byte * 20) for byte in ("12", "34", "56"))
STRANGER = checksum_address("0x" + "ab" * 20)
NOW, UNITS, SECONDS = 1_800_000_000, 10_000, 60
RAW = {
    "scheme": "exact", "network": "eip155:84532", "asset": TOKEN, "amount": str(UNITS), "payTo": PAYEE,
    "maxTimeoutSeconds": SECONDS, "extra": {"name": "USDC", "version": "2"},
}  # fmt: skip
OFFER = Offer(
    version=2, scheme="exact", method="eip3009", chain_id=84532, asset=TOKEN, units=UNITS, payee=PAYEE,
    seconds=SECONDS, name="USDC", domain_version="2", facilitator=None, raw=RAW,
)  # fmt: skip
BOUNDS = Bounds(OFFER, KEY.address, UNITS, NOW, NOW + 3_600)
PERMIT2 = replace(BOUNDS, offer=replace(OFFER, method="permit2"))
UPTO = replace(BOUNDS, offer=replace(OFFER, method="permit2", scheme="upto", facilitator=SETTLER))

Typed = tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]


def typed(kind: str) -> Typed:
    """What the package would have a signer sign, with plain dictionaries in place of its classes."""
    permitted = ExactPermit2TokenPermissions(TOKEN, str(UNITS))
    asked: Any
    if kind == "exact":
        authorization = ExactEIP3009Authorization(
            KEY.address, PAYEE, str(UNITS), "0", str(NOW + SECONDS), "0x" + "07" * 32
        )
        domain, types, primary, message = build_typed_data_for_signing(
            authorization, 84532, TOKEN, "USDC", "2"
        )
        plain = {
            "name": domain.name, "version": domain.version, "chainId": domain.chain_id,
            "verifyingContract": domain.verifying_contract,
        }  # fmt: skip
        return plain, copy.deepcopy(types), primary, message
    if kind == "permit2":
        witness = ExactPermit2Witness(PAYEE, "0")
        asked = _build_permit2_typed_data(
            ExactPermit2Authorization(
                KEY.address, permitted, EXACT_SPENDER, "9", str(NOW + SECONDS), witness
            ),
            84532,
        )
    else:
        settled = UptoPermit2Witness(PAYEE, SETTLER, "0")
        asked = _build_upto_permit2_typed_data(
            UptoPermit2Authorization(KEY.address, permitted, UPTO_SPENDER, "9", str(NOW + SECONDS), settled),
            84532,
        )
    domain_, fields, primary, message = asked
    shapes = {
        name: [{"name": one.name, "type": one.type} for one in listed] for name, listed in fields.items()
    }
    return dict(domain_), shapes, primary, message


KINDS = {"exact": BOUNDS, "permit2": PERMIT2, "upto": UPTO}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_package_makes_is_signed_once(kind: str) -> None:
    guard = Guard(LocalSigner(KEY), KINDS[kind])
    signature = guard.sign_typed_data(*typed(kind))
    assert guard.signed is not None
    assert address_of(recover_digest(guard.signed.digest(), signature)) == KEY.address
    with pytest.raises(SigningRefused, match="already"):
        guard.sign_typed_data(*typed(kind))
    assert KEY.to_hex() not in repr(guard)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every leaf of typed data."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from paths(one, (*at, name))
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from paths(one, (*at, place))
    else:
        yield at


def changed(data: Typed, path: tuple[Any, ...], value: Any) -> Typed:
    whole: Any = copy.deepcopy(list(data))
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return tuple(whole)  # type: ignore[return-value]


def leaf(data: Typed, path: tuple[Any, ...]) -> Any:
    value: Any = data
    for step in path:
        value = value[step]
    return value


FREE = {(3, "nonce"), (3, "validBefore"), (3, "deadline")}
"""What the package chooses itself, within bounds that have tests of their own."""

LEAVES = [(kind, path) for kind in KINDS for path in paths(typed(kind)) if path not in FREE]


@pytest.mark.parametrize(("kind", "path"), LEAVES, ids=lambda one: str(one))
def test_each_field_changed_by_one_is_refused(kind: str, path: tuple[Any, ...]) -> None:
    data = typed(kind)
    before = leaf(data, path)
    others: list[Any] = [None, [], "", True, -1, 1.5, b"", STRANGER, 2**256]
    if isinstance(before, int):
        # It may begin to hold at any time before now.
        others += [NOW + 1 if path[-1] == "validAfter" else before + 1, str(before), float(before)]
    elif isinstance(before, str):
        others += [before + "x", before[:-1], 0]
    signer = LocalSigner(KEY)
    for other in others:
        if other == before and type(other) is type(before):
            continue
        with pytest.raises(SigningRefused):
            Guard(signer, KINDS[kind]).sign_typed_data(*changed(data, path, other))


@pytest.mark.parametrize("kind", KINDS)
def test_members_too_many_or_too_few_are_refused(kind: str) -> None:
    data = typed(kind)
    for part in (0, 1, 3):
        for name in data[part]:
            fewer = {one: value for one, value in data[part].items() if one != name}  # type: ignore[union-attr]
            with pytest.raises(SigningRefused):
                checked(KINDS[kind], *_with(data, part, fewer))
        more = {**data[part], "salt": "0x" + "00" * 32}  # type: ignore[dict-item]
        with pytest.raises(SigningRefused):
            checked(KINDS[kind], *_with(data, part, more if part != 1 else {**data[1], "Extra": []}))


def _with(data: Typed, part: int, value: Any) -> Typed:
    return tuple(value if place == part else one for place, one in enumerate(data))  # type: ignore[return-value]


@pytest.mark.parametrize("kind", KINDS)
def test_times(kind: str) -> None:
    name = "validBefore" if kind == "exact" else "deadline"
    most = NOW + SECONDS + CLOCK_SECONDS
    for ends, fits in (
        (NOW, False),
        (NOW + 1, True),
        (most, True),
        (most + 1, False),
        (2**255, False),
        (0, False),
    ):
        data = changed(typed(kind), (3, name), ends)
        if fits:
            assert checked(KINDS[kind], *data).dead_from - (kind != "exact") == ends
        else:
            with pytest.raises(SigningRefused):
                checked(KINDS[kind], *data)
    # Nothing outlives the session.
    short = replace(KINDS[kind], until=NOW + 30)
    with pytest.raises(SigningRefused):
        checked(short, *typed(kind))
    # What is held is what was offered.
    with pytest.raises(SigningRefused):
        checked(replace(KINDS[kind], units=UNITS - 1), *typed(kind))


@pytest.mark.parametrize("nonce", ["07" * 32, "0x" + "07" * 31, b"\x07" * 31, b"", 7, None, "0x" + "zz" * 32])
def test_a_nonce_has_thirty_two_bytes(nonce: Any) -> None:
    with pytest.raises(SigningRefused):
        checked(BOUNDS, *changed(typed("exact"), (3, "nonce"), nonce))


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.binary(max_size=40) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(LEAVES), _ANY)
def test_NO_OVERSPEND_whatever_is_put_in_the_place_of_a_field(
    at: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    """Only what is the same passes; whatever passes is worth exactly what is held, and nothing else is raised."""
    kind, path = at
    data = changed(typed(kind), path, value)
    try:
        found = checked(KINDS[kind], *data)
    except SigningRefused:
        return
    bounds = KINDS[kind]
    assert (found.payer, found.payee, found.token) == (bounds.wallet, PAYEE, TOKEN)
    assert int(found.amount) == UNITS
    assert found.dead_from <= NOW + SECONDS + CLOCK_SECONDS + 1
    before = leaf(typed(kind), path)
    is_spelled_otherwise = isinstance(value, str) and value.lower() == str(before).lower()
    assert value == before or is_spelled_otherwise or path[-1] == "validAfter"


@given(_ANY, _ANY, _ANY, _ANY)
def test_anything_at_all_is_refused_by_type(domain: Any, types: Any, primary: Any, message: Any) -> None:
    for bounds in KINDS.values():
        with pytest.raises(SigningRefused):
            checked(bounds, domain, types, primary, message)


def test_a_signer_that_signs_something_else_is_found_out() -> None:
    class Liar:
        address = KEY.address

        def sign_typed_data(self, data: Any) -> bytes:
            message = {**data["message"], "value": 10**12}
            return LocalSigner(KEY).sign_typed_data({**data, "message": message})

    with pytest.raises(SigningRefused, match="something else"):
        Guard(Liar(), BOUNDS).sign_typed_data(*typed("exact"))  # type: ignore[arg-type]


def test_what_is_sent_is_what_was_signed() -> None:
    import time

    bounds = replace(BOUNDS, now=int(time.time()), until=int(time.time()) + 3_600)
    required = Required(2, (RAW,), {"url": "https://api.example.com"}, {"bazaar": {"info": {}}})
    made = make(OFFER, required, Guard(LocalSigner(KEY), bounds), SECONDS)
    assert made.header == "PAYMENT-SIGNATURE"
    assert made.value not in repr(made)
    assert read_authorization(made.payload) == made.signed
    sent = {
        "authorization": {
            "from": made.signed.payer, "to": PAYEE, "value": str(UNITS), "validAfter": made.signed.valid_after,
            "validBefore": made.signed.valid_before, "nonce": made.signed.nonce,  # type: ignore[union-attr]
        },
        "signature": made.signed.signature,
    }  # fmt: skip
    check_sent(sent, made.signed)
    for path in paths(sent):
        with pytest.raises(SigningRefused):
            check_sent(changed((sent,), (0, *path), "0x00")[0], made.signed)  # type: ignore[arg-type]
    for wrong in (None, {}, [], {**sent, "more": 1}):
        with pytest.raises(SigningRefused):
            check_sent(wrong, made.signed)
    with pytest.raises(SigningRefused):
        check_sent(sent, None)
    assert checksum_address(PERMIT2_ADDRESS) == PERMIT2_ADDRESS
