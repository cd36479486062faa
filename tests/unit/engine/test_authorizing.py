"""UNKNOWN_STAYS_HELD: what the chain proves about an authorization, and that anything less leaves the money held."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from valetkey.core.commands import Capture, Void
from valetkey.core.errors import ChainUnavailable
from valetkey.core.money import Asset, Money
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_digest
from valetkey.engine import authorizing
from valetkey.engine.authorizing import (
    CANCELED,
    INVALIDATED,
    LAPSED_MARGIN_SECONDS,
    LOGS_BLOCKS,
    MOVED,
    USED,
    outcome,
    unlike,
)
from valetkey.ports.chain import Block, Execution, Log, Transfer
from valetkey.ports.following import Place
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.ports.wallet import Call
from valetkey.wire.authorizations import (
    EXACT_SPENDER,
    PERMIT2_ADDRESS,
    UPTO_SPENDER,
    PermitTransfer,
    TransferAuthorization,
)
from valetkey.wire.http import encode

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
TOKEN, PAYEE, STRANGER = "0x" + "12" * 20, "0x" + "34" * 20, "0x" + "eF" * 20
USDC = Asset("USDC", 84532, TOKEN, 6)
UNITS = 5_000_000
PLACED, BEFORE = 100_000, 100_060
HASH = "0x" + "77" * 32
NONCE = "0x" + "01" * 32
HOLD = Hold(
    "hld_1", "ses_1", SpendRequest(Money(UNITS, USDC), None, PAYEE, "x402"), UNITS, HoldState.UNKNOWN,
    PLACED, PLACED + 300,
)  # fmt: skip


def transfer(key: PrivateKey = KEY, **changes: Any) -> TransferAuthorization:
    asked = {
        "chain_id": 84532, "token": TOKEN, "name": "USDC", "version": "2", "payer": KEY.address, "payee": PAYEE,
        "amount": str(UNITS), "valid_after": "0", "valid_before": str(BEFORE), "nonce": NONCE,
        "signature": "0x" + "00" * 65,
    }  # fmt: skip
    unsigned = TransferAuthorization(**asked | changes)
    return msgspec.structs.replace(unsigned, signature="0x" + sign_digest(key, unsigned.digest()).hex())


def permit(key: PrivateKey = KEY, **changes: Any) -> PermitTransfer:
    asked = {
        "chain_id": 84532, "token": TOKEN, "payer": KEY.address, "payee": PAYEE, "amount": str(UNITS),
        "spender": EXACT_SPENDER, "valid_after": "0", "deadline": str(BEFORE - 1), "nonce": str(7 << 8 | 5),
        "signature": "0x" + "00" * 65,
    }  # fmt: skip
    unsigned = PermitTransfer(**asked | changes)
    return msgspec.structs.replace(unsigned, signature="0x" + sign_digest(key, unsigned.digest()).hex())


def upto(**changes: Any) -> PermitTransfer:
    return permit(spender=UPTO_SPENDER, facilitator=STRANGER, **changes)


def record(signed: Any, reference: str | None = None) -> SpendRecord:
    return SpendRecord(HOLD, "agt_1", payment=Payment(encode(signed), reference or signed.reference))


# What is kept at all


@pytest.mark.parametrize(
    "signed", [transfer(), transfer(primary_type="ReceiveWithAuthorization"), permit(), upto()]
)
def test_a_payment_of_the_hold_is_kept(signed: Any) -> None:
    assert unlike(HOLD, encode(signed), signed.reference, KEY.address) is None
    assert unlike(HOLD, encode(signed), signed.reference, KEY.address.lower()) is None


@pytest.mark.parametrize(
    "signed",
    [
        transfer(OTHER), transfer(payer=OTHER.address), transfer(OTHER, payer=OTHER.address), transfer(payee=STRANGER),
        transfer(amount=str(UNITS - 1)), transfer(amount=str(UNITS + 1)), transfer(token=STRANGER),
        transfer(chain_id=8453), msgspec.structs.replace(transfer(), valid_before=str(BEFORE + 1)),
        msgspec.structs.replace(transfer(), name="EvilCoin"),
        msgspec.structs.replace(transfer(), nonce="0x" + "02" * 32),
        msgspec.structs.replace(transfer(), signature="0x" + "00" * 65), permit(OTHER), permit(payee=STRANGER),
        permit(amount="1"), permit(token=STRANGER), permit(spender=STRANGER), permit(spender=UPTO_SPENDER),
        upto(payee=STRANGER), msgspec.structs.replace(upto(), facilitator=OTHER.address),
        msgspec.structs.replace(permit(), deadline=str(BEFORE)), msgspec.structs.replace(upto(), spender=EXACT_SPENDER),
    ],
)  # fmt: skip
def test_what_is_no_payment_of_the_hold_is_not_kept_and_proves_nothing(signed: Any) -> None:
    assert unlike(HOLD, encode(signed), signed.reference, KEY.address) is not None
    assert isinstance(proven(record(signed), Chain(used_at=None, final=Block(500, 10**9))), str)


def test_reference_and_payload_belong_together() -> None:
    assert unlike(HOLD, encode(transfer()), permit().reference, KEY.address) is not None
    assert (
        unlike(HOLD, encode(transfer()), transfer(nonce="0x" + "03" * 32).reference, KEY.address) is not None
    )
    assert unlike(HOLD, encode(transfer()), transfer().reference, None) is not None
    for junk in (b"", b"{}", b"[" * 10, b'{"kind":"eip3009"}', encode(transfer())[:-1], b"\xff"):
        assert unlike(HOLD, junk, transfer().reference, KEY.address) is not None
    anyone = replace(HOLD, request=replace(HOLD.request, payee=None))
    assert unlike(anyone, encode(transfer()), transfer().reference, KEY.address) is not None


# What the chain tells


class Chain:
    """Blocks of a second each from 95,000 on: a nonce that is used in one of them, logs, and what a use moved."""

    def __init__(
        self,
        *,
        used_at: int | None = 5_010,
        final: Block | None = None,
        logs: list[Log] | None = None,
        moved: tuple[Transfer, ...] = (Transfer(TOKEN, KEY.address, PAYEE, UNITS),),
        succeeded: bool = True,
        word: bytes | None = None,
    ) -> None:
        self.used_at, self.end, self.kept, self.moved = used_at, final or Block(5_040, 100_040), logs, moved
        self.succeeded, self.word = succeeded, word
        self.asked: list[tuple[int, int]] = []
        self.mined_at = used_at or 0

    async def final(self) -> Block:
        return self.end

    async def view(self, call: Call, *, at_block: int | None = None) -> bytes:
        assert at_block is not None
        if self.word is not None:
            return self.word
        used = self.used_at is not None and at_block >= self.used_at
        if call.to == PERMIT2_ADDRESS:
            assert call.data[-32:] == (7).to_bytes(32)
            return (int(used) << 5).to_bytes(32)
        assert call.data[-32:] == bytes.fromhex(NONCE[2:])
        return int(used).to_bytes(32)

    async def place(self, number: int) -> Place | None:
        return Place(number, bytes(32), 95_000 + number)

    async def execution(self, tx_hash: str) -> Execution | None:
        assert tx_hash == HASH
        block = Block(self.mined_at, 95_000 + self.mined_at)
        return Execution(HASH, STRANGER, self.succeeded, block, self.moved if self.succeeded else ())

    async def logs(
        self, contract: str, first: int, last: int, topics: tuple[bytes | None, ...] = ()
    ) -> list[Log]:
        assert last - first < LOGS_BLOCKS
        self.asked.append((first, last))
        kept = [told(USED)] if self.kept is None else self.kept
        return [
            one
            for one in kept
            if first <= one.block <= last
            and all(want in (None, got) for want, got in zip(topics, one.topics, strict=False))
        ]


def account(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def told(kind: bytes, block: int = 5_010) -> Log:
    return Log(block, HASH, 0, (kind, account(KEY.address), bytes.fromhex(NONCE[2:])), b"")


def moves(units: int, block: int = 5_010) -> Log:
    return Log(block, HASH, 0, (MOVED, account(KEY.address), account(PAYEE)), units.to_bytes(32))


def proven(one: SpendRecord, chain: Chain) -> Any:
    return asyncio.run(outcome(one, chain, chain.end, KEY.address))


def test_used_is_captured() -> None:
    assert proven(record(transfer()), Chain()) == Capture(UNITS)
    beside = (Transfer(TOKEN, KEY.address, STRANGER, 9), Transfer(TOKEN, KEY.address, PAYEE, UNITS))
    assert proven(record(transfer()), Chain(moved=beside)) == Capture(UNITS)


def test_cancelled_moved_nothing() -> None:
    assert proven(record(transfer()), Chain(logs=[told(CANCELED)])) == Void(proven=True)


@pytest.mark.parametrize(
    ("late", "command"),
    [(-1, None), (0, None), (LAPSED_MARGIN_SECONDS - 1, None), (LAPSED_MARGIN_SECONDS, Void(True))],
)
@pytest.mark.parametrize("signed", [transfer(), permit(), upto()])
def test_unused_is_dead_after_its_end_alone(signed: Any, late: int, command: Any) -> None:
    chain = Chain(used_at=None, final=Block(5_100, BEFORE + late), logs=[])
    assert proven(record(signed), chain) == command


def test_UNKNOWN_STAYS_HELD_while_the_use_is_in_no_final_block() -> None:
    """It is used in a block that may be undone: at the final one before it, it is not used."""
    assert proven(record(transfer()), Chain(used_at=5_041)) is None


def test_a_use_that_the_token_does_not_tell_of_proves_nothing() -> None:
    assert isinstance(proven(record(transfer()), Chain(logs=[])), str)
    assert isinstance(proven(record(transfer()), Chain(moved=())), str)
    with pytest.raises(ChainUnavailable):
        proven(record(transfer()), Chain(succeeded=False))


@pytest.mark.parametrize("word", [b"", bytes(31), (2).to_bytes(32), b"\xff" * 32])
def test_a_token_that_answers_no_truth_value_proves_nothing(word: bytes) -> None:
    with pytest.raises(ChainUnavailable):
        proven(record(transfer()), Chain(word=word))


def test_another_authorization_with_the_same_nonce_is_debited_as_it_moved() -> None:
    dearer = (Transfer(TOKEN, KEY.address, STRANGER, 2 * UNITS),)
    assert proven(record(transfer()), Chain(moved=dearer)) == Capture(2 * UNITS)
    # What others moved, and other tokens, are nobody's payment here.
    noise = (Transfer(TOKEN, STRANGER, PAYEE, UNITS), Transfer(STRANGER, KEY.address, PAYEE, UNITS))
    assert isinstance(proven(record(transfer()), Chain(moved=noise)), str)


def test_logs_are_looked_for_in_pieces_no_further_back_than_the_hold() -> None:
    chain = Chain(used_at=5_010, final=Block(60_000, 155_000), logs=[told(USED)])
    assert proven(record(transfer()), chain) == Capture(UNITS)
    assert min(first for first, _ in chain.asked) >= 4_900 - LOGS_BLOCKS
    assert len(chain.asked) <= 60


@pytest.mark.parametrize(
    ("signed", "logs", "expected"),
    [
        (permit(), [moves(UNITS)], Capture(UNITS)),
        (upto(), [moves(30_000)], Capture(30_000)),
        (upto(), [moves(30_000, 5_009), moves(40_000)], Capture(40_000)),
        (upto(), [moves(30_000), moves(40_000)], Capture(40_000)),
        # More than it permits is another payment.
        (upto(), [moves(UNITS + 1)], None),
        (permit(), [], None),
        (permit(), [moves(UNITS, 5_009)], None),
    ],
)
def test_permit2(signed: Any, logs: list[Log], expected: Any) -> None:
    found = proven(record(signed), Chain(logs=logs))
    assert isinstance(found, str) if expected is None else found == expected


def test_permit2_invalidated_moved_nothing() -> None:
    data = (7).to_bytes(32) + (1 << 5).to_bytes(32)
    log = Log(5_010, HASH, 0, (INVALIDATED, account(KEY.address)), data)
    assert proven(record(permit()), Chain(logs=[log])) == Void(proven=True)
    other = replace(log, data=(7).to_bytes(32) + (1 << 6).to_bytes(32))
    assert isinstance(proven(record(permit()), Chain(logs=[other])), str)
    later = replace(log, block=5_020)
    assert isinstance(proven(record(permit()), Chain(logs=[later])), str)


def test_the_margin_is_told() -> None:
    assert authorizing.LAPSED_MARGIN_SECONDS == 30
