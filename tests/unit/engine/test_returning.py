"""What came back out of a channel: counted when final blocks show that it went in, and that it is gone again."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.unit.engine.test_authorizing import HOLD, KEY, OTHER, PAYEE, PLACED, STRANGER, TOKEN, UNITS
from valetkey.core.commands import Capture, Refund, Void
from valetkey.core.errors import ChainUnavailable
from valetkey.core.spend import HoldState
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_digest
from valetkey.engine.authorizing import LOGS_BLOCKS, USED, outcome, unlike
from valetkey.engine.returning import returned
from valetkey.ports.chain import Block, Execution, Log, Transfer
from valetkey.ports.following import Place
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.ports.wallet import Call
from valetkey.wire.channels import COLLECTOR, SETTLEMENT, ChannelConfig, ChannelDeposit
from valetkey.wire.http import encode

CHANNEL = ChannelConfig(
    payer=KEY.address, payer_authorizer=KEY.address, receiver=PAYEE, receiver_authorizer=STRANGER, token=TOKEN,
    withdraw_delay=900, salt="0x" + "05" * 32,
)  # fmt: skip
HASH, BEFORE = "0x" + "78" * 32, PLACED + 60
IN = (Transfer(TOKEN, KEY.address, COLLECTOR, UNITS), Transfer(TOKEN, COLLECTOR, SETTLEMENT, UNITS))


def deposit(key: PrivateKey = KEY, **changes: Any) -> ChannelDeposit:
    channel = msgspec.structs.replace(CHANNEL, **changes.pop("channel", {}))
    asked: dict[str, Any] = {
        "chain_id": 84532, "name": "USDC", "version": "2", "channel": channel, "amount": str(UNITS), "valid_after": "0",
        "valid_before": str(BEFORE), "salt": "0x" + "06" * 32, "signature": "0x" + "00" * 65,
    }  # fmt: skip
    unsigned = ChannelDeposit(**asked | changes)
    return msgspec.structs.replace(unsigned, signature="0x" + sign_digest(key, unsigned.digest()).hex())


def record(*, refunded: int = 0, state: HoldState = HoldState.CAPTURED, captured: int = UNITS) -> SpendRecord:
    hold = replace(HOLD, state=state, captured=captured, refunded=refunded)
    return SpendRecord(hold, "agt_1", payment=Payment(encode(deposit()), deposit().reference))


class Chain:
    """Blocks of a second each from 95,000 on; the deposit went in with 5,010, and so much is left in its channel."""

    def __init__(
        self, left: int, moved: tuple[Transfer, ...] = IN, *, used: bool = True, end: int = 5_040
    ) -> None:
        self.left, self.moved, self.used, self.end = left, moved, used, end
        self.asked: list[tuple[int, int]] = []

    async def final(self) -> Block:
        return Block(self.end, 95_000 + self.end)

    async def view(self, call: Call, *, at_block: int | None = None) -> bytes:
        if call.to == SETTLEMENT:
            assert (at_block, call.data[4:]) == (self.end, bytes.fromhex(deposit().channel_id[2:]))
            return self.left.to_bytes(32) + (1).to_bytes(32)
        assert call.data[-32:] == bytes.fromhex(deposit().nonce[2:])
        return int(self.used).to_bytes(32)

    async def place(self, number: int) -> Place | None:
        return Place(number, bytes(32), 95_000 + number)

    async def execution(self, tx_hash: str) -> Execution | None:
        assert tx_hash == HASH
        return Execution(HASH, STRANGER, True, Block(5_010, 100_010), self.moved)

    async def logs(
        self, contract: str, first: int, last: int, topics: tuple[bytes | None, ...] = ()
    ) -> list[Log]:
        assert (contract, topics[0], topics[2]) == (TOKEN, USED, bytes.fromhex(deposit().nonce[2:])) or (
            topics[0] is None
        )
        self.asked.append((first, last))
        payer = bytes.fromhex(KEY.address[2:]).rjust(32, b"\0")
        told = Log(5_010, HASH, 0, (USED, payer, bytes.fromhex(deposit().nonce[2:])), b"")
        return [told] if self.used and first <= 5_010 <= last else []


def counted(chain: Chain, kept: SpendRecord | None = None) -> Refund | None:
    async def ask() -> Refund | None:
        return await returned(kept or record(), chain, await chain.final())

    return asyncio.run(ask())


def test_what_is_gone_from_the_channel_came_back() -> None:
    assert counted(Chain(UNITS)) is None
    assert counted(Chain(UNITS - 7)) == Refund(7)
    assert counted(Chain(0)) == Refund(UNITS)


def test_what_is_counted_already_is_not_counted_again() -> None:
    assert counted(Chain(UNITS - 7), record(refunded=7)) is None
    assert counted(Chain(UNITS - 9), record(refunded=7)) == Refund(9)
    # Somebody deposited again: nothing is taken back.
    assert counted(Chain(UNITS), record(refunded=7)) is None
    assert counted(Chain(3 * UNITS)) is None
    assert counted(Chain(0), record(captured=5)) == Refund(5)


def test_an_empty_channel_proves_nothing_of_money_that_never_went_in() -> None:
    assert counted(Chain(0, used=False)) is None
    stolen = (Transfer(TOKEN, KEY.address, STRANGER, UNITS),)
    assert counted(Chain(0, stolen)) is None
    # To the collector, and no further: what went on was somebody else's.
    stray = (
        Transfer(TOKEN, KEY.address, COLLECTOR, UNITS),
        Transfer(TOKEN, OTHER.address, COLLECTOR, UNITS),
        Transfer(TOKEN, COLLECTOR, SETTLEMENT, UNITS),
    )
    assert counted(Chain(0, stray)) is None
    assert counted(Chain(0, (IN[0], Transfer(TOKEN, COLLECTOR, STRANGER, UNITS)))) is None
    assert counted(Chain(0, (Transfer(TOKEN, KEY.address, COLLECTOR, UNITS - 1), IN[1]))) is None
    fake = tuple(replace(one, token=STRANGER) for one in IN)
    assert counted(Chain(0, fake)) is None


def test_others_deposits_in_the_same_transaction_do_no_harm() -> None:
    two = (*IN, Transfer(TOKEN, OTHER.address, COLLECTOR, 3), Transfer(TOKEN, COLLECTOR, SETTLEMENT, 3))
    assert counted(Chain(0, two)) == Refund(UNITS)


@pytest.mark.parametrize("state", [state for state in HoldState if state is not HoldState.CAPTURED])
def test_nothing_comes_back_of_what_was_not_captured(state: HoldState) -> None:
    assert counted(Chain(0), record(state=state)) is None


def test_a_spend_that_is_no_deposit_is_left_alone() -> None:
    plain = SpendRecord(replace(HOLD, state=HoldState.CAPTURED, captured=UNITS), "agt_1")
    assert counted(Chain(0), plain) is None
    assert counted(Chain(0), replace(plain, payment=Payment(b"0x00", "0x" + "11" * 32))) is None


def test_a_channel_that_is_closed_months_later_is_not_searched_for_from_today() -> None:
    chain = Chain(0, end=5_000_000)
    assert counted(chain) == Refund(UNITS)
    assert max(last for _, last in chain.asked) < 5_010 + 60 + 2 * LOGS_BLOCKS
    assert len(chain.asked) < 5


def test_a_node_that_shows_no_channels_is_no_proof() -> None:
    class Elsewhere(Chain):
        async def view(self, call: Call, *, at_block: int | None = None) -> bytes:
            return b""

    with pytest.raises(ChainUnavailable):
        counted(Elsewhere(0))


# The deposit itself is proven as every authorization is


@pytest.mark.parametrize(
    "signed",
    [
        deposit(OTHER), deposit(amount=str(UNITS + 1)), deposit(chain_id=1),
        deposit(channel={"receiver": STRANGER}), deposit(channel={"token": STRANGER}),
        deposit(channel={"payer": OTHER.address}), deposit(channel={"payer_authorizer": OTHER.address}),
        deposit(channel={"withdraw_delay": 899}), deposit(channel={"withdraw_delay": 2_592_001}),
        msgspec.structs.replace(deposit(), salt="0x" + "07" * 32),
        msgspec.structs.replace(deposit(), valid_before=str(BEFORE + 1)),
    ],
)  # fmt: skip
def test_a_deposit_that_is_not_the_hold_s_is_not_kept(signed: ChannelDeposit) -> None:
    assert unlike(HOLD, encode(deposit()), deposit().reference, KEY.address) is None
    assert unlike(HOLD, encode(signed), signed.reference, KEY.address) is not None
    assert unlike(HOLD, encode(signed), deposit().reference, KEY.address) is not None


def test_UNKNOWN_STAYS_HELD_until_the_deposit_s_nonce_is_used_or_dead() -> None:
    kept = record(state=HoldState.UNKNOWN, captured=0)

    def told(chain: Chain) -> Any:
        async def ask() -> Any:
            return await outcome(kept, chain, await chain.final(), KEY.address)

        return asyncio.run(ask())

    assert told(Chain(UNITS)) == Capture(UNITS)
    assert told(Chain(UNITS, used=False)) is None
    assert told(Chain(0, used=False, end=5_200)) == Void(proven=True)
    # The key used the nonce to pay somebody else: that is what is debited.
    assert told(Chain(0, (Transfer(TOKEN, KEY.address, STRANGER, UNITS - 5),))) == Capture(UNITS - 5)
