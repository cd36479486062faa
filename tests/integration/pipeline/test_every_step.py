"""kill -9 between any two steps of the pipeline: each payment settles exactly once, and ledger and chain agree.

The steps are not listed by hand: a run counts every call to store, node and account, and is then killed after each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import apsw
import pytest

from tests.integration.pipeline.plant import MONEY, USDC, Fate, Killed, Plant, Works
from tests.stores.making import a_purchase, a_service, an_agent, an_api_key, digest
from valetkey.core.money import Money
from valetkey.core.spend import Hold, HoldState
from valetkey.core.transaction import PaymentStatus, Transaction
from valetkey.crypto.keys import checksum_address
from valetkey.platform.grants import relaying
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.wire.granting import RelayFundingRequest, RelaySpendRequest

PAYEE = "0x" + "5e" * 20
AMOUNT = 3 * USDC
STEPS_LEAST = 20

Story = Callable[[Works], Awaitable[None]]


def ran(plant: Plant, fate: Fate, story: Story) -> None:
    """One process, from its start to its end, which may come at any step."""

    async def live() -> None:
        store = plant.open()
        works = plant.works(store, fate)
        try:
            await story(works)
        finally:
            await works.close()
            await store.close()

    asyncio.run(live())


def killed_everywhere(
    plant: Plant,
    again: Callable[[], None],
    story: Story,
    where: Callable[[], int] | None = None,
    every: int = 1,
) -> int:
    """Kill a story after each n-th call, let another process finish it, and look; how many calls there are."""
    counted = Fate()
    database = plant.folder / "valetkey.db"
    original = database.read_bytes()
    ran(plant, counted, story)
    agree(plant, where)
    for number in range(1, counted.count + 1, every):
        again()
        for part in plant.folder.glob("valetkey.db*"):
            part.unlink()
        database.write_bytes(original)
        fate = Fate(number)
        try:
            ran(plant, fate, story)
        except Killed:
            ran(plant, Fate(), story)
        agree(plant, where)
    return counted.count


def agree(plant: Plant, where: Callable[[], int] | None = None) -> None:
    """What the chain moved is what the ledger says; no nonce is missing, and none was used twice."""
    db = apsw.Connection(str(plant.folder / "valetkey.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        captured = sum(int(one) for (one,) in db.execute("SELECT captured FROM holds"))
        states = [one for (one,) in db.execute("SELECT state FROM holds")]
        nonces = [one for (one,) in db.execute("SELECT nonce FROM relays WHERE nonce IS NOT NULL")]
        open_ones = list(db.execute("SELECT purpose FROM relays WHERE state IN ('queued', 'signed')"))
        purposes = [one for (one,) in db.execute("SELECT purpose FROM relays WHERE state = 'done'")]
    finally:
        db.close()
    assert set(states) <= {"captured"}, states
    assert (
        captured == MONEY - plant.units(plant.owner_key.address) == (where or (lambda: plant.units(PAYEE)))()
    )
    assert sorted(nonces) == list(range(plant.sent())), "neither gap nor double"
    assert open_ones == []
    assert len(purposes) == len(set(purposes)), "one transaction for each purpose"


def granted(plant: Plant) -> SignedGrant:
    """A session with a grant that nobody used."""

    async def make() -> SignedGrant:
        store = plant.open()
        _, signed = await plant.people(store)
        await store.close()
        return signed

    return asyncio.run(make())


def made(plant: Plant) -> tuple[SignedGrant, Hold, RelaySpendRequest]:
    """A session with a grant, and a spend of it that its key signed."""

    async def make() -> tuple[SignedGrant, Hold, RelaySpendRequest]:
        store = plant.open()
        _, signed = await plant.people(store)
        hold = await plant.hold(store, signed.session_id, PAYEE, AMOUNT)
        asked = plant.asked(signed, hold, 5, store.clock.now() + 600)
        await store.close()
        return signed, hold, asked

    return asyncio.run(make())


def test_UNKNOWN_STAYS_HELD_a_payment_settles_once_wherever_it_is_killed(
    plant: Plant, again: Callable[[], None]
) -> None:
    """Asked for, written down, registered, signed, sent, mined, followed, captured."""
    signed, hold, asked = made(plant)

    async def story(works: Works) -> None:
        # The delegate's client asks until it is answered.
        await relaying.pay(works.platform, await works.caller(signed.session_id), hold.id, asked)

        async def settled() -> bool:
            record = await works.store.spend_record(hold.id)
            return record is not None and record.hold.state is HoldState.CAPTURED

        await works.until(settled)

    steps = killed_everywhere(plant, again, story)
    print(f"killed after each of {steps} calls")
    assert steps >= 2 * STEPS_LEAST


def bought(plant: Plant) -> tuple[str, RelayFundingRequest]:
    """A purchase of a session with a grant that nobody used, and what its key signed for the escrow."""

    async def make() -> tuple[str, RelayFundingRequest]:
        store = plant.open()
        owner, signed = await plant.people(store)
        seller = an_agent(wallet_address=checksum_address(PAYEE))
        await store.add_agent(seller, digest(seller.id), an_api_key(seller))
        service = a_service(seller)
        await store.add_service(service)
        record = await store.session(signed.session_id)
        now = store.clock.now()
        wanted = a_purchase(
            service,
            owner,
            record,
            AMOUNT,
            total=Money(AMOUNT, plant.asset),
            buyer_address=plant.owner_key.address,
            session_key=plant.session_key.address,
            seller_address=seller.wallet_address,
            escrow_address=plant.at.escrow,
            checkout_ends_at=now + 1_800,
            created_at=now,
            updated_at=now,
        )
        placed = await store.place(wanted, None)
        assert isinstance(placed, Transaction), placed
        asked = plant.asked_for_escrow(signed, placed, 5, now + 3_600)
        await store.close()
        return placed.id, asked

    return asyncio.run(make())


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_UNKNOWN_STAYS_HELD_an_escrow_is_paid_once_wherever_it_is_killed(
    plant: Plant, again: Callable[[], None], every: int
) -> None:
    """The grant is registered first; then the escrow is made, followed, and the purchase is paid."""
    transaction_id, asked = bought(plant)

    async def story(works: Works) -> None:
        purchase = await works.store.transaction(transaction_id)
        if purchase.payment_status is not PaymentStatus.PAID:
            caller = await works.caller(purchase.session_id)
            await relaying.fund(works.platform, caller, transaction_id, asked)

        async def settled() -> bool:
            now = await works.store.transaction(transaction_id)
            return bool(now.payment_status is PaymentStatus.PAID)

        await works.until(settled)

    steps = killed_everywhere(plant, again, story, where=plant.escrowed, every=every)
    print(f"killed after each of {steps} calls")
    assert steps >= 2 * STEPS_LEAST


def test_REVOKED_IS_DEAD_a_revocation_reaches_the_chain_wherever_it_is_killed(
    plant: Plant, again: Callable[[], None]
) -> None:
    signed = granted(plant)

    async def story(works: Works) -> None:
        await works.store.revoke_session(signed.session_id)

        async def revoked() -> bool:
            grant = await works.store.grant_of_session(signed.session_id, signed.chain_id)
            return grant.status is GrantStatus.REVOKED

        await works.until(revoked)

    assert killed_everywhere(plant, again, story) >= STEPS_LEAST


@pytest.mark.parametrize("confirmations", [1, 3])
def test_many_payments_of_two_processes_at_once_are_each_made_once(plant: Plant, confirmations: int) -> None:
    """Two replicas with one relayer's key on one database."""
    plant = replace(plant, confirmations=confirmations)

    async def run() -> None:
        store = plant.open()
        _, signed = await plant.people(store)
        holds = [await plant.hold(store, signed.session_id, PAYEE, USDC) for _ in range(6)]
        until = store.clock.now() + 600
        one, other = plant.works(store), plant.works(store)
        caller = await one.caller(signed.session_id)
        for number, hold in enumerate(holds):
            works = (one, other)[number % 2]
            await relaying.pay(works.platform, caller, hold.id, plant.asked(signed, hold, number, until))
        for _ in range(30):
            plant.chain("evm_mine")
            await asyncio.gather(one.relayer.step(), other.relayer.step())
            await asyncio.gather(one.follower.step(), other.follower.step())
        states = {(await store.spend_record(hold.id)).hold.state for hold in holds}  # type: ignore[union-attr]
        assert states == {HoldState.CAPTURED}
        await one.close()
        await other.close()
        await store.close()

    asyncio.run(run())
    agree(plant)
    assert plant.units(PAYEE) == 6 * USDC
    assert plant.sent() == 7, "one registration, six payments"
