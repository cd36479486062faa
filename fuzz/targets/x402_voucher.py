"""What is signed for x402: authorizations, deposits of channels, vouchers; and what a payer keeps of them on disk."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from fuzz.making import changed_object
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import PrivateKey, address_of
from valetkey.crypto.signatures import recover_digest
from valetkey.sdk.x402.channels import Channel
from valetkey.sdk.x402.notes import Note
from valetkey.wire.authorizations import PermitTransfer, TransferAuthorization
from valetkey.wire.channels import ChannelConfig, ChannelDeposit, Voucher, deposit_of, read_pair, read_signed

KEY, OTHER = PrivateKey(b"\x11" * 32), PrivateKey(b"\x22" * 32)
TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
SIGNED, VOUCHER, NOTE, CHANNEL, PAIR = range(5)
Kept = Voucher | Note | Channel


def check(data: bytes) -> None:
    """The first byte says what the rest is."""
    if not data:
        return
    mode, rest = data[0] % 5, data[1:]
    if mode == SIGNED:
        _signed(rest)
    elif mode == VOUCHER:
        found = _kept(rest, Voucher)
        if isinstance(found, Voucher):
            digest = outcome(found.digest, InvalidInput)
            must(
                digest is REFUSED or digest == msgspec.structs.replace(found).digest(),
                "a voucher has one digest",
            )
    elif mode == NOTE:
        note = _kept(rest, Note)
        if isinstance(note, Note):
            must(note.total >= 0, "a voucher is for no debt")
    elif mode == CHANNEL:
        _channel(rest)
    else:
        outcome(lambda: read_pair(rest), ChainUnavailable)
    _voucher_of_ours(hashlib.sha256(data).digest())


def _signed(rest: bytes) -> None:
    found = outcome(lambda: read_signed(rest), InvalidInput)
    deposit = deposit_of(rest)
    must((deposit is not None) == isinstance(found, ChannelDeposit), "a deposit is one to both readers")
    if isinstance(found, (TransferAuthorization, PermitTransfer, ChannelDeposit)):
        again = read_signed(msgspec.json.encode(found))
        must(again == found, "what is signed reads the same when it is written")
        must(
            again.digest() == found.digest() and again.reference == found.reference,
            "it has one digest and one name",
        )
        must(found.reference == found.reference.lower(), "its name has no case")
        must(found.dead_from >= 0 and found.reference.isascii(), "it ends, and has a name of ASCII")
        if isinstance(found, ChannelDeposit):
            must(len(found.channel_id) == 66, "a channel has an id")


def _channel(rest: bytes) -> None:
    found = _kept(rest, Channel)
    if not isinstance(found, Channel):
        return
    try:
        found.units, found.config.id(found.deposit.chain_id)
    except InvalidInput:
        return
    for units in (0, 1, found.units):
        asked = found.asks("note", units)
        if asked is not None:
            must(asked.base <= asked.units, "no voucher is for more than the deposit")
            must(
                asked.unsigned().base == found.base and asked.unsigned().asked == found.asked,
                "a voucher that was not signed counts nothing",
            )


def _kept(rest: bytes, kind: type[Any]) -> Any:
    """What a payer reads back from its own disk, which somebody else may have written."""
    found = outcome(
        lambda: msgspec.json.decode(rest, type=kind), msgspec.MsgspecError, UnicodeError, RecursionError
    )
    if found is not REFUSED:
        again = msgspec.json.decode(msgspec.json.encode(found), type=kind)
        must(again == found or "NaN" in repr(found), "what is kept reads the same when it is written")
        must(
            not any(part in repr(found) for part in ("signature=0x",)) or kind is Voucher,
            "repr() tells no signature",
        )
    return found


@cache
def _voucher() -> Voucher:
    bare = Voucher(chain_id=84_532, channel_id="0x" + "33" * 32, total="12345", signature="0x" + "00" * 65)
    signature = KEY.sign_recoverable(bare.digest())
    return msgspec.structs.replace(
        bare, signature="0x" + signature[:64].hex() + bytes([signature[64] + 27]).hex()
    )


def _voucher_of_ours(change: bytes) -> None:
    """A voucher with one bit of its signature, its channel or its total changed recovers to somebody else."""
    good = _voucher()
    raw = bytes.fromhex(good.signature[2:])
    must(address_of(recover_digest(good.digest(), raw)) == KEY.address, "a voucher is its signer's")
    if change[0] % 3 == 0:
        other = msgspec.structs.replace(good, total=str(int(good.total) ^ (1 << change[1] % 100)))
    elif change[0] % 3 == 1:
        place, channel = change[1] % 32, bytearray.fromhex(good.channel_id[2:])
        channel[place] ^= 1 << change[2] % 8
        other = msgspec.structs.replace(good, channel_id="0x" + channel.hex())
    else:
        other = msgspec.structs.replace(good, chain_id=good.chain_id ^ (1 << change[1] % 30))
    try:
        signer = address_of(recover_digest(other.digest(), raw))
    except InvalidSignature:
        return
    must(signer != KEY.address, "a changed bit of a voucher is not signed")


@cache
def _config() -> ChannelConfig:
    return ChannelConfig(
        payer=KEY.address,
        payer_authorizer=KEY.address,
        receiver=OTHER.address,
        receiver_authorizer=OTHER.address,
        token=TOKEN,
        withdraw_delay=900,
        salt="0x" + "44" * 32,
    )


@cache
def _good() -> dict[int, list[Any]]:
    sign = "0x" + "55" * 65
    deposit = ChannelDeposit(
        chain_id=84_532,
        name="USDC",
        version="2",
        channel=_config(),
        amount="1000000",
        valid_after="0",
        valid_before="1772323260",
        salt="0x" + "66" * 32,
        signature=sign,
    )
    transfer = TransferAuthorization(
        chain_id=84_532,
        token=TOKEN,
        name="USDC",
        version="2",
        payer=KEY.address,
        payee=OTHER.address,
        amount="1",
        valid_after="0",
        valid_before="1772323260",
        nonce="0x" + "77" * 32,
        signature=sign,
    )
    permit = PermitTransfer(
        chain_id=84_532,
        token=TOKEN,
        payer=KEY.address,
        payee=OTHER.address,
        amount="1",
        spender="0x402085c248EeA27D92E8b30b2C58ed07f9E20001",
        valid_after="0",
        deadline="1772323260",
        nonce="7",
        signature=sign,
    )
    note = Note(b"[2,{}]", spend_id="spd_1", channel="c", voucher=_voucher(), units=5, opens=True)
    channel = Channel(deposit, "spd_1", 10, 20, "GET", "https://api.example.com/", 1)
    told = {SIGNED: [deposit, transfer, permit], VOUCHER: [_voucher()], NOTE: [note], CHANNEL: [channel]}
    return {mode: [json.loads(msgspec.json.encode(one)) for one in several] for mode, several in told.items()}


def strategy() -> st.SearchStrategy[bytes]:
    """Good ones in which something is wrong."""

    def of(mode: int, good: Any) -> st.SearchStrategy[bytes]:
        return changed_object(lambda: good).map(
            lambda one: bytes([mode]) + json.dumps(one).encode("utf-8", "surrogatepass")
        )

    return st.one_of([of(mode, one) for mode, several in _good().items() for one in several])


def seeds() -> Iterable[bytes]:
    """A good one of each kind."""
    for mode, several in _good().items():
        for one in several:
            yield bytes([mode]) + json.dumps(one).encode()
    yield bytes([PAIR]) + bytes(64)


TARGET = Target(
    name="x402-voucher",
    parser="wire/channels.py, wire/authorizations.py read_signed; sdk/x402/channels.py and notes.py as kept on disk",
    holds=(
        "InvalidInput alone comes out of what is signed",
        "what is signed reads the same when it is written: one digest, one name in the ledger",
        "no voucher is for more than the deposit, and one that was not signed counts nothing",
        "a changed bit of a voucher is not its signer's",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        '"kind":"eip3009"',
        '"kind":"permit2"',
        '"kind":"channel"',
        '"signature":"0x',
        '"channelId":"0x',
        '"total":"',
        '"amount":"',
        '"chainId":',
        '"validBefore":"',
        '"withdrawDelay":',
        '"nonce":"0x',
    ),
    bytes_max=4_096,
)
