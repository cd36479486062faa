"""The guard of channels: what the official package asks to be signed passes; what differs anywhere does not."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from x402.mechanisms.evm.batch_settlement import ChannelConfig as OfficialConfig
from x402.mechanisms.evm.batch_settlement import compute_channel_id
from x402.mechanisms.evm.batch_settlement.encoding import build_erc3009_deposit_nonce

from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey, address_of, checksum_address
from valetkey.crypto.signatures import recover_digest
from valetkey.sdk.errors import SigningRefused
from valetkey.sdk.x402.channel_guard import (
    ChannelBounds,
    ChannelGuard,
    check_sent_channel,
    payload_of,
    shown_config,
)
from valetkey.sdk.x402.channel_making import channel_config, make_refund, make_voucher
from valetkey.sdk.x402.channel_offers import ChannelTerms
from valetkey.sdk.x402.offers import Offer, Required
from valetkey.wire.authorizations import Fields
from valetkey.wire.channels import COLLECTOR, ChannelDeposit, read_signed
from valetkey.wire.http import encode

KEY = PrivateKey.generate()
TOKEN, PAYEE, AUTHORIZER = (checksum_address("0x" + byte * 20) for byte in ("12", "34", "56"))
STRANGER = checksum_address("0x" + "ab" * 20)
NOW, UNITS, DEPOSIT, SECONDS = 1_800_000_000, 10_000, 100_000, 60
SALT = "0x" + "5a" * 32
RAW = {
    "scheme": "batch-settlement", "network": "eip155:84532", "asset": TOKEN, "amount": str(UNITS), "payTo": PAYEE,
    "maxTimeoutSeconds": SECONDS,
    "extra": {"name": "USDC", "version": "2", "receiverAuthorizer": AUTHORIZER, "withdrawDelay": 900},
}  # fmt: skip
OFFER = Offer(
    version=2, scheme="batch-settlement", method="eip3009", chain_id=84532, asset=TOKEN, units=UNITS, payee=PAYEE,
    seconds=SECONDS, name="USDC", domain_version="2", facilitator=None, raw=RAW,
    channel=ChannelTerms(AUTHORIZER, 900, DEPOSIT),
)  # fmt: skip
CHANNEL = channel_config(OFFER, KEY.address, SALT)
REQUIRED = Required(2, (RAW,), None, None)
VOUCHING = ChannelBounds(OFFER, KEY.address, CHANNEL, 3 * UNITS, DEPOSIT, 0, NOW, NOW + 3_600)
OPENING = replace(VOUCHING, total=UNITS, deposit=DEPOSIT)


class Watching:
    """A guard's place at the package, which keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.address = KEY.address

    def sign_typed_data(self, *data: Any) -> bytes:
        self.asked.append(copy.deepcopy(data))
        return bytes(65)


def asked_by_the_package(bounds: ChannelBounds) -> list[tuple[Any, ...]]:
    """What it would have signed: the deposit, where there is one, then the voucher."""
    from valetkey.sdk.x402.channel_making import _payload

    watching: Any = Watching()
    _payload(watching, bounds, SECONDS)
    return list(watching.asked)


def now(bounds: ChannelBounds) -> ChannelBounds:
    """The same at the time of the package's own clock."""
    import time

    moment = int(time.time())
    return replace(bounds, now=moment, until=moment + 3_600)


def guard_of(bounds: ChannelBounds) -> ChannelGuard:
    return ChannelGuard(LocalSigner(KEY), bounds)


def test_the_identity_of_a_channel_and_its_deposit_is_the_package_s() -> None:
    official = OfficialConfig(KEY.address, KEY.address, PAYEE, AUTHORIZER, TOKEN, 900, SALT)
    assert CHANNEL.id(84532) == compute_channel_id(official, 84532)
    assert CHANNEL.id(1) == compute_channel_id(official, 1)
    assert shown_config(CHANNEL) == official.to_dict()
    deposit = ChannelDeposit(
        chain_id=84532, name="USDC", version="2", channel=CHANNEL, amount="1", valid_after="0", valid_before="9",
        salt="0x" + "77" * 32, signature="0x" + "00" * 65,
    )  # fmt: skip
    assert deposit.nonce == build_erc3009_deposit_nonce(CHANNEL.id(84532), deposit.salt)
    assert read_signed(encode(deposit)) == deposit
    with pytest.raises(InvalidInput):
        read_signed(encode(deposit).replace(b'"withdrawDelay":900', b'"withdrawDelay":-1'))


def test_a_deposit_and_its_voucher_are_signed_once() -> None:
    bounds = now(OPENING)
    guard = guard_of(bounds)
    made = make_voucher(REQUIRED, guard, bounds, SECONDS)
    assert made.deposit is not None
    assert made.deposit.channel == CHANNEL
    assert (made.deposit.amount, made.voucher.total) == (str(DEPOSIT), str(UNITS))
    for signed in (made.deposit, made.voucher):
        signature = bytes.fromhex(signed.signature[2:])
        assert address_of(recover_digest(signed.digest(), signature)) == KEY.address
    for data in asked_by_the_package(bounds):
        with pytest.raises(SigningRefused):
            guard.sign_typed_data(*data)
    assert KEY.to_hex() not in repr(guard) + repr(made)
    assert made.voucher.signature not in repr(made)


def test_a_voucher_alone_is_signed_for_its_total() -> None:
    made = make_voucher(REQUIRED, guard_of(VOUCHING), VOUCHING, SECONDS)
    assert made.deposit is None
    assert (made.voucher.total, made.voucher.channel_id) == (str(3 * UNITS), CHANNEL.id(84532))
    header, value = make_refund(REQUIRED, guard_of(VOUCHING), VOUCHING)
    assert header == "PAYMENT-SIGNATURE"
    assert value


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": 0},
        {"total": DEPOSIT + 1},
        {"deposit": DEPOSIT - 1},
        {"deposit": DEPOSIT + 1},
        {"wallet": STRANGER},
        {"offer": replace(OFFER, channel=None)},
        {"offer": replace(OFFER, payee=STRANGER)},
        {"offer": replace(OFFER, asset=STRANGER)},
        {"offer": replace(OFFER, channel=ChannelTerms(STRANGER, 900, DEPOSIT))},
        {"offer": replace(OFFER, channel=ChannelTerms(AUTHORIZER, 901, DEPOSIT))},
        {"channel": msgspec.structs.replace(CHANNEL, payer=STRANGER)},
        {"channel": msgspec.structs.replace(CHANNEL, payer_authorizer=STRANGER)},
        {"channel": msgspec.structs.replace(CHANNEL, receiver=STRANGER)},
        {"channel": msgspec.structs.replace(CHANNEL, receiver_authorizer=STRANGER)},
        {"channel": msgspec.structs.replace(CHANNEL, token=STRANGER)},
        {"channel": msgspec.structs.replace(CHANNEL, withdraw_delay=899)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_bounds_that_do_not_fit_each_other_sign_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(SigningRefused):
        guard_of(replace(OPENING, **wrong))


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from paths(one, (*at, name))
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from paths(one, (*at, place))
    else:
        yield at


OTHERS: dict[type, Callable[[Any], Any]] = {
    int: lambda old: old + 1,
    str: lambda old: STRANGER if old.startswith("0x") else old + "x",
    bytes: lambda old: bytes(len(old)),
}
DEPOSITED, VOUCHED = 0, 1


@pytest.mark.parametrize("which", [DEPOSITED, VOUCHED], ids=["deposit", "voucher"])
def test_every_field_that_differs_is_refused(which: int) -> None:
    bounds = now(OPENING)
    data = asked_by_the_package(bounds)[which]
    found = list(paths(list(data)))
    assert len(found) > 10
    for path in found:
        changed: Any = copy.deepcopy(list(data))
        place = changed
        for step in path[:-1]:
            place = place[step]
        old = place[path[-1]]
        if path[-1] in ("validAfter", "nonce"):
            # What the package draws itself; see the two tests below.
            continue
        place[path[-1]] = OTHERS[type(old)](old)
        if path[-1] == "validBefore":
            place[path[-1]] = bounds.until + 10
        guard = guard_of(bounds if which == DEPOSITED else replace(bounds, deposit=0))
        with pytest.raises(SigningRefused):
            guard.sign_typed_data(*changed)
        assert (guard.authorization, guard.voucher) == (None, None)


@pytest.mark.parametrize("moment", [("validAfter", NOW * 2), ("validBefore", 1), ("validBefore", NOW * 2)])
def test_a_deposit_holds_now_and_for_as_long_as_was_offered(moment: tuple[str, int]) -> None:
    bounds = now(OPENING)
    data: Any = copy.deepcopy(list(asked_by_the_package(bounds)[0]))
    data[3][moment[0]] = moment[1]
    with pytest.raises(SigningRefused):
        guard_of(bounds).sign_typed_data(*data)


def test_a_nonce_that_binds_the_money_to_another_channel_is_never_sent() -> None:
    bounds = now(OPENING)
    guard = guard_of(bounds)
    data: Any = copy.deepcopy(list(asked_by_the_package(bounds)[0]))
    data[3]["nonce"] = bytes(32)
    guard.sign_typed_data(*data)
    salted = {"deposit": {"authorization": {"erc3009Authorization": {"salt": SALT}}}}
    for payload in (salted, {}, None, {"deposit": []}):
        with pytest.raises(SigningRefused):
            guard.opened(payload)


def test_no_voucher_before_its_deposit_and_no_deposit_that_is_not_held() -> None:
    bounds = now(OPENING)
    deposit, voucher = asked_by_the_package(bounds)
    with pytest.raises(SigningRefused, match="before it is opened"):
        guard_of(bounds).sign_typed_data(*voucher)
    with pytest.raises(SigningRefused, match="another amount"):
        guard_of(replace(bounds, deposit=0)).sign_typed_data(*deposit)


def test_what_is_sent_is_what_was_signed() -> None:
    made = make_voucher(REQUIRED, guard_of(VOUCHING), VOUCHING, SECONDS)
    right = payload_of("voucher", CHANNEL, made.voucher, None)
    check_sent_channel(right, right)
    for path in paths(right):
        wrong: Any = copy.deepcopy(right)
        place = wrong
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "0x00"
        with pytest.raises(SigningRefused):
            check_sent_channel(wrong, right)
    with pytest.raises(SigningRefused):
        check_sent_channel(None, right)


def test_a_wallet_that_signs_something_else_is_found_out() -> None:
    other = PrivateKey.generate()

    class Other:
        address = KEY.address

        def sign_typed_data(self, data: Any) -> bytes:
            return LocalSigner(other).sign_typed_data(data)

    signer: Any = Other()
    with pytest.raises(SigningRefused, match="something else"):
        make_voucher(REQUIRED, ChannelGuard(signer, VOUCHING), VOUCHING, SECONDS)


def test_the_collector_is_the_payee_that_the_token_sees() -> None:
    made = make_voucher(REQUIRED, guard_of(now(OPENING)), now(OPENING), SECONDS)
    assert made.deposit is not None
    assert made.deposit.authorization().payee == COLLECTOR
    assert made.deposit.payee == PAYEE
    shape: Fields = (("channelId", "bytes32"), ("maxClaimableAmount", "uint128"))
    assert made.voucher.typed_data()["types"]["Voucher"] == [
        {"name": name, "type": kind} for name, kind in shape
    ]
