"""One that no node can try, that takes too much, or that others end at the same moment: the queue goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.pipeline.plant import USDC, Plant, Works
from tests.integration.pipeline.test_reorganised import (
    PAYEE,
    captured,
    harmless,
    mine,
    payment,
    play,
    told,
    wanted,
)
from valetkey.core.errors import ChainUnavailable, Contradiction
from valetkey.platform.grants import relaying
from valetkey.ports.relays import REVOKED_AGAIN_SECONDS, RelayState
from valetkey.ports.wallet import Call, NotAccepted
from valetkey.stores.sqlite import SqliteStore


class Between:
    """Something outside; one of its methods is another one."""

    def __init__(self, what: Any, name: str, other: Callable[..., Any]) -> None:
        self._what = what
        self._name = name
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return self._other if name == self._name else getattr(self._what, name)


def test_one_that_no_node_can_try_holds_up_no_other_one_and_not_for_ever(plant: Plant) -> None:
    """Such as the registration for an owner whose contract never comes to an end."""

    async def story(store: SqliteStore, works: Works) -> None:
        poison = harmless(plant, 13)
        estimate = works.sender.estimate

        async def refusing(call: Call) -> int:
            if call.data == poison.data:
                raise NotAccepted("gas required exceeds allowance")
            return int(await estimate(call))

        works.relayer._sender = Between(works.sender, "estimate", refusing)
        first = await wanted(plant, store, poison, "poison")
        behind = await wanted(plant, store, harmless(plant), "behind")
        for _ in range(3):
            await works.relayer.step()
        stuck, done = await store.relay(first.id), await store.relay(behind.id)
        assert stuck is not None
        assert done is not None
        assert (stuck.state, stuck.nonce) == (RelayState.QUEUED, None)
        assert (done.state, done.nonce, plant.sent()) == (RelayState.DONE, 0, 1)
        works.relayer._patience_seconds = 0
        await works.relayer.step()
        dropped = await store.relay(first.id)
        assert dropped is not None
        assert (dropped.state, dropped.nonce) == (RelayState.DROPPED, None)
        assert dropped.reason

    play(plant, story)


def test_a_node_that_is_away_leaves_all_as_it_was(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        async def away(_: Call) -> int:
            raise ChainUnavailable("the node did not answer")

        sender = works.sender
        works.relayer._sender = Between(sender, "estimate", away)
        relays = [await wanted(plant, store, harmless(plant, n), f"w{n}") for n in range(3)]
        assert await works.relayer.step() == 3
        assert told(plant) == ["unavailable"], "it asks no further"
        assert [await store.relay(one.id) for one in relays] == relays
        works.relayer._sender = sender
        for _ in range(3):
            await works.relayer.step()
        assert plant.sent() == 3

    play(plant, story)


def test_one_that_takes_more_gas_than_its_limit_is_not_sent_to_fail(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        relay = await wanted(plant, store, harmless(plant))
        gas = await works.sender.estimate(harmless(plant))
        await store.end_relay(relay.id, RelayState.DROPPED)
        tight = await wanted(plant, store, harmless(plant), "tight", gas_limit=gas - 1)
        fits = await wanted(plant, store, harmless(plant), "fits", gas_limit=gas)
        for _ in range(3):
            await works.relayer.step()
        dropped, done = await store.relay(tight.id), await store.relay(fits.id)
        assert dropped is not None
        assert done is not None
        assert (dropped.state, done.state, plant.sent()) == (RelayState.DROPPED, RelayState.DONE, 1)
        assert str(gas) in (dropped.reason or "")

    play(plant, story)


def test_what_another_replica_ended_meanwhile_gets_no_nonce_and_breaks_nothing(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        relay = await wanted(plant, store, harmless(plant))
        good = await wanted(plant, store, harmless(plant, 2), "good")
        nonce = works.sender.nonce

        async def slowly() -> int:
            await store.end_relay(relay.id, RelayState.DROPPED, reason="by another one")
            return int(await nonce())

        works.relayer._sender = Between(works.sender, "nonce", slowly)
        for _ in range(3):
            await works.relayer.step()
        ended, done = await store.relay(relay.id), await store.relay(good.id)
        assert ended is not None
        assert done is not None
        assert (ended.state, ended.nonce) == (RelayState.DROPPED, None)
        assert (done.state, done.nonce, plant.sent()) == (RelayState.DONE, 0, 1)

    play(plant, story)


def test_a_block_that_goes_while_it_is_looked_at_ends_nothing(plant: Plant) -> None:
    """The transaction was found; then its block went, and the chain grew past it without it."""

    async def story(store: SqliteStore, works: Works) -> None:
        mine(plant, 10)
        before = plant.chain("evm_snapshot")
        relay = await wanted(plant, store, harmless(plant))
        await works.relayer.step()
        assert plant.sent() == 1
        sent, reorganised = works.sender.sent, []

        async def and_then_it_goes(tx_hash: str) -> Any:
            found = await sent(tx_hash)
            if found is not None and not reorganised:
                reorganised.append(plant.chain("evm_revert", before))
                mine(plant, 12)
            return found

        works.reader._what._depth = 3
        works.relayer._sender = Between(works.sender, "sent", and_then_it_goes)
        await works.relayer.step()
        assert reorganised == [True]
        still = await store.relay(relay.id)
        assert still is not None
        assert still.is_open, "it is not done: it is in no block"
        for _ in range(3):
            await works.relayer.step()
            mine(plant, 4)
        await works.relayer.step()
        done = await store.relay(relay.id)
        assert done is not None
        assert (done.state, plant.sent()) == (RelayState.DONE, 1)

    play(plant, story)


def test_what_a_node_forgot_is_sent_again(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        plant.chain("evm_setAutomine", False)
        empty = plant.chain("evm_snapshot")
        relay = await wanted(plant, store, harmless(plant))
        await works.relayer.step()
        signed = await store.relay(relay.id)
        assert signed is not None
        assert plant.chain("eth_getTransactionByHash", signed.hashes[0]) is not None
        assert plant.chain("evm_revert", empty) is True
        plant.chain("evm_setAutomine", True)
        assert plant.chain("eth_getTransactionByHash", signed.hashes[0]) is None, "it forgot"
        for _ in range(3):
            await works.relayer.step()
        done = await store.relay(relay.id)
        assert done is not None
        assert (done.state, done.hashes, plant.sent()) == (RelayState.DONE, signed.hashes, 1)

    play(plant, story)


def test_a_revocation_that_comes_to_nothing_is_not_tried_without_end(plant: Plant) -> None:
    """An owner that is a contract may take its signature back; the queue must not fill with it."""

    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        await store.revoke_session(signed.session_id)
        purpose = f"revoke {signed.id.hex()}"
        await works.revoking.step()
        first = await store.relay_of_purpose(84532, plant.relayer_key.address, purpose)
        assert first is not None
        await store.end_relay(first.id, RelayState.FAILED, reason="it reverted")
        for _ in range(5):
            await works.revoking.step()
        again = await store.relay_of_purpose(84532, plant.relayer_key.address, purpose)
        assert again is not None
        assert again.id == first.id
        assert REVOKED_AGAIN_SECONDS >= 60

    play(plant, story)


def test_a_payment_that_is_asked_for_again_with_other_bytes_is_refused(plant: Plant) -> None:
    """UNKNOWN_STAYS_HELD: the money is free when the last second of what was signed first is over."""

    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        later = plant.asked(signed, hold, 2, store.clock.now() + 86_400)
        with pytest.raises(Contradiction):
            await relaying.pay(works.platform, await works.caller(signed.session_id), hold.id, later)
        await works.until(lambda: captured(store, hold.id))
        assert plant.units(PAYEE) == USDC
        assert plant.sent() == 2

    play(plant, story)
