"""Reorganisations of three blocks, transactions that nodes forget, fees that rise, a key that somebody else uses."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.pipeline.plant import USDC, Plant, Works
from valetkey.core.refusal import Refused
from valetkey.core.session import remaining
from valetkey.core.spend import HoldState
from valetkey.platform.grants import relaying
from valetkey.ports.relays import Relay, RelayLimits, RelayState
from valetkey.ports.wallet import Call
from valetkey.stores.sqlite import SqliteStore
from valetkey.wire import calls, grant_calls
from valetkey.wire.draws import DrawPayload, reference_of

PAYEE = "0x" + "5f" * 20
DEEP = 3


def play(plant: Plant, story: Callable[[SqliteStore, Works], Awaitable[None]], **rules: Any) -> None:
    """A story with one process."""

    async def run() -> None:
        store = plant.open()
        works = plant.works(store, **rules)
        try:
            await story(store, works)
        finally:
            await works.close()
            await store.close()

    asyncio.run(run())


def mine(plant: Plant, blocks: int) -> None:
    for _ in range(blocks):
        plant.chain("evm_mine")


def told(plant: Plant) -> list[str]:
    return [what for what, _ in plant.observed]


async def payment(
    plant: Plant, works: Works, store: SqliteStore, units: int, nonce: int = 1
) -> tuple[Any, Any]:
    """A session with a grant, and a payment of it that is in the relayer's queue."""
    _, signed = await plant.people(store)
    hold = await plant.hold(store, signed.session_id, PAYEE, units)
    asked = plant.asked(signed, hold, nonce, store.clock.now() + 3_600)
    await relaying.pay(works.platform, await works.caller(signed.session_id), hold.id, asked)
    return signed, hold


async def captured(store: SqliteStore, hold_id: str) -> bool:
    record = await store.spend_record(hold_id)
    return record is not None and record.hold.state is HoldState.CAPTURED


def test_a_reorganisation_of_three_blocks_is_survived(plant: Plant) -> None:
    """Nothing is told before four confirmations; what fell out of the chain is sent again, and settles once."""
    plant = replace(plant, confirmations=DEEP + 1)

    async def story(store: SqliteStore, works: Works) -> None:
        mine(plant, 10)
        before = plant.chain("evm_snapshot")
        _, hold = await payment(plant, works, store, 3 * USDC)
        while plant.units(PAYEE) == 0:
            await works.relayer.step()
        mine(plant, 1)
        assert plant.units(PAYEE) == 3 * USDC, "it is in a block"
        await works.follower.step()
        assert not await captured(store, hold.id), "which may still go"
        assert plant.chain("evm_revert", before) is True
        mine(plant, DEEP)
        assert plant.units(PAYEE) == 0, "as it did"
        await works.follower.step()
        assert not await captured(store, hold.id)
        for _ in range(12):
            await works.round()
            mine(plant, 1)
        assert await captured(store, hold.id)
        assert plant.units(PAYEE) == 3 * USDC
        assert plant.sent() == 2
        record = await store.spend_record(hold.id)
        assert record is not None
        session = await store.session(record.hold.session_id)
        assert session is not None
        assert remaining(session.session) == 47 * USDC

    play(plant, story)


def test_IDEMPOTENT_what_was_told_too_early_is_debited_once_when_it_comes_again(plant: Plant) -> None:
    """With one confirmation a block counts at once. The same transaction in another block is the same payment."""

    async def story(store: SqliteStore, works: Works) -> None:
        mine(plant, 80)
        before = plant.chain("evm_snapshot")
        signed, hold = await payment(plant, works, store, 3 * USDC)
        await works.until(lambda: captured(store, hold.id))
        # And one that the gate knows nothing of, by the key itself.
        call = grant_calls.spend_with_proof(
            plant.at.allowance, signed.grant, [], PAYEE, 2 * USDC, bytes(32), []
        )
        stolen = plant.send(plant.session_key, call)
        await works.follower.step()
        session = await store.session(signed.session_id)
        assert session is not None
        assert remaining(session.session) == 45 * USDC
        assert plant.chain("evm_revert", before) is True
        mine(plant, DEEP + 3)
        while await works.follower.step():
            pass
        assert "reorganised" in told(plant)
        # Their bytes are still about: whoever has them may send them again, in any block.
        relays = [
            relay
            for purpose in (f"register {signed.id.hex()}", f"pay {hold.id}")
            if (relay := await store.relay_of_purpose(84532, plant.relayer_key.address, purpose))
        ]
        for relay in relays:
            assert relay.raw is not None
            plant.chain("eth_sendRawTransaction", "0x" + relay.raw.hex())
        assert plant.send(plant.session_key, call) == stolen, "the very same transaction"
        while await works.follower.step():
            pass
        after = await store.session(signed.session_id)
        assert after is not None
        assert remaining(after.session) == 45 * USDC, "each once"
        assert plant.units(PAYEE) == 5 * USDC

    play(plant, story)


async def wanted(
    plant: Plant,
    store: SqliteStore,
    call: Call,
    purpose: str = "a",
    *,
    gas_limit: int = 100_000,
    **fields: Any,
) -> Relay:
    queued = await store.queue_relay(
        Relay(
            id=f"rly_{purpose:0>24}",
            chain_id=84532,
            sender=plant.relayer_key.address,
            purpose=purpose,
            owner_id="agt",
            to=call.to,
            data=call.data,
            gas=gas_limit,
            cost_max=10**14,
            made_at=store.clock.now(),
            **fields,
        ),
        RelayLimits(None, None),
    )
    assert not isinstance(queued, Refused)
    return queued


def harmless(plant: Plant, units: int = 1) -> Call:
    return calls.approve(plant.at.usdc, PAYEE, units)


def test_one_that_waits_too_long_offers_more_with_the_same_nonce(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        plant.chain("evm_setAutomine", False)
        relay = await wanted(plant, store, harmless(plant))
        await works.relayer.step()
        first = await store.relay(relay.id)
        await works.relayer.step()
        second = await store.relay(relay.id)
        assert first is not None
        assert second is not None
        assert (first.nonce, second.nonce) == (0, 0)
        assert len(second.hashes) == 2
        assert second.cost_max * 8 >= first.cost_max * 9, "an eighth more"
        plant.chain("evm_setAutomine", True)
        mine(plant, 1)
        await works.relayer.step()
        ended = await store.relay(relay.id)
        assert ended is not None
        assert ended.state is RelayState.DONE
        assert plant.sent() == 1
        assert "replaced" in told(plant)

    play(plant, story, patience_seconds=0)


def test_no_more_is_offered_than_may_be(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        plant.chain("evm_setAutomine", False)
        fee, _ = await works.sender.fees()
        relay = await wanted(plant, store, harmless(plant))
        for _ in range(12):
            await works.relayer.step()
        found = await store.relay(relay.id)
        assert found is not None
        assert found.cost_max <= 100_000 * fee * 2
        plant.chain("evm_setAutomine", True)

    async def probe() -> int:
        store = plant.open()
        works = plant.works(store)
        fee, _ = await works.sender.fees()
        await works.close()
        await store.close()
        return int(fee)

    play(plant, story, patience_seconds=0, fee_wei_max=2 * asyncio.run(probe()))


def test_what_the_contract_would_refuse_is_dropped_and_costs_no_nonce(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        empty = calls.transfer(plant.at.usdc, PAYEE, 10**12)
        bad = await wanted(plant, store, empty, "bad")
        late = await wanted(plant, store, harmless(plant), "late", until=store.clock.now())
        lost = await wanted(plant, store, harmless(plant), "lost", needs="nothing that anybody wanted")
        after = await wanted(plant, store, harmless(plant), "after", needs="bad")
        good = await wanted(plant, store, harmless(plant), "good")
        for _ in range(3):
            await works.relayer.step()
        found = {one.purpose: await store.relay(one.id) for one in (bad, late, lost, after, good)}
        states = {purpose: one.state for purpose, one in found.items() if one}
        assert states == {
            "bad": RelayState.DROPPED,
            "late": RelayState.DROPPED,
            "lost": RelayState.DROPPED,
            "after": RelayState.DROPPED,
            "good": RelayState.DONE,
        }
        assert all(one and one.reason for name, one in found.items() if name != "good")
        assert plant.sent() == 1

    play(plant, story)


def test_a_nonce_that_somebody_else_used_ends_it_loudly(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        plant.chain("evm_setAutomine", False)
        relay = await wanted(plant, store, harmless(plant))
        given = await store.give_nonce(relay.id, 0)
        assert given.nonce == 0
        plant.chain("evm_setAutomine", True)
        plant.send(plant.relayer_key, harmless(plant, 7))
        for _ in range(3):
            await works.relayer.step()
        ended = await store.relay(relay.id)
        assert ended is not None
        assert (ended.state, plant.sent()) == (RelayState.FAILED, 1)
        assert "overtaken" in told(plant)
        # Whoever wanted it may want it again.
        again = await wanted(plant, store, harmless(plant), "a2")
        for _ in range(3):
            await works.relayer.step()
        done = await store.relay(again.id)
        assert done is not None
        assert (done.state, done.nonce, plant.sent()) == (RelayState.DONE, 1, 2)

    play(plant, story, patience_seconds=0)


def test_a_final_block_that_is_gone_leaves_no_gap_behind(plant: Plant) -> None:
    """The nonces of what it held are used again, by the same bytes or by nothing: what comes later is not held up."""

    async def story(store: SqliteStore, works: Works) -> None:
        mine(plant, 10)
        before = plant.chain("evm_snapshot")
        done = await wanted(plant, store, harmless(plant, 1), "done")
        await works.relayer.step()
        await works.relayer.step()
        stranger = await wanted(plant, store, harmless(plant, 2), "failed")
        await store.give_nonce(stranger.id, 1)
        plant.send(plant.relayer_key, harmless(plant, 7))
        for _ in range(3):
            await works.relayer.step()
        ended = {one.purpose: await store.relay(one.id) for one in (done, stranger)}
        states = {purpose: one.state for purpose, one in ended.items() if one}
        assert states == {"done": RelayState.DONE, "failed": RelayState.FAILED}
        assert plant.sent() == 2
        assert plant.chain("evm_revert", before) is True
        mine(plant, 2)
        assert plant.sent() == 0
        later = await wanted(plant, store, harmless(plant, 3), "later")
        for _ in range(8):
            await works.relayer.step()
        found = {one.purpose: await store.relay(one.id) for one in (done, stranger, later)}
        states = {purpose: one.state for purpose, one in found.items() if one}
        assert states == {
            "done": RelayState.DONE,
            "failed": RelayState.FAILED,
            "later": RelayState.DONE,
        }
        assert plant.sent() == 3
        assert {"reopened", "filled"} <= set(told(plant))
        allowed = calls.allowance(plant.at.usdc, plant.relayer_key.address, PAYEE)
        assert (
            int(plant.chain("eth_call", {"to": allowed.to, "data": "0x" + allowed.data.hex()}, "latest"), 16)
            == 3
        )

    play(plant, story, patience_seconds=0)


def test_UNKNOWN_STAYS_HELD_what_nobody_submits_is_free_after_its_last_second_and_not_before(
    plant: Plant,
) -> None:
    from valetkey.core.commands import MarkUnknown
    from valetkey.ports.ledger import Payment
    from valetkey.wire.grants import GrantSpend
    from valetkey.wire.http import encode

    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        hold = await plant.hold(store, signed.session_id, PAYEE, USDC)
        now = int(plant.chain("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        until = now + 60
        asked = plant.asked(signed, hold, 1, until)
        spend = GrantSpend(payee=PAYEE, amount=USDC, reference=bytes(32), nonce=1, deadline=until)
        payload = encode(DrawPayload.of(signed, spend, bytes.fromhex(asked.signature[2:])))
        await store.settle(hold.id, MarkUnknown(), by="x", payment=Payment(payload, reference_of(bytes(32))))
        plant.chain("evm_setNextBlockTimestamp", hex(until - 1))
        mine(plant, 1)
        await works.round()
        record = await store.spend_record(hold.id)
        assert record is not None
        assert record.hold.state is HoldState.UNKNOWN
        plant.chain("evm_setNextBlockTimestamp", hex(until))
        mine(plant, 1)
        while await works.follower.step():
            pass
        await works.unknowns._end_draw(record)
        after = await store.spend_record(hold.id)
        assert after is not None
        assert after.hold.state is HoldState.VOIDED

    play(plant, story)


@pytest.mark.parametrize("used", [True, False])
def test_a_whole_epoch_ends_at_once(plant: Plant, used: bool) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        if used:
            signed, hold = await payment(plant, works, store, USDC)
            await works.until(lambda: captured(store, hold.id))
        else:
            _, signed = await plant.people(store)
        plant.send(plant.owner_key, grant_calls.revoke_all(plant.at.allowance))
        await works.follower.step()
        found = await store.grant(84532, signed.id)
        assert found is not None
        assert found.revoked_at is not None
        assert (found.known_at is not None) is used

    play(plant, story)
