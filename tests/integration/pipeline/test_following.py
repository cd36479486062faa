"""The follower and what a key does with its grant on its own: all that moves is debited, and each thing once."""

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from tests.integration.pipeline.plant import USDC, Plant, Works
from tests.integration.pipeline.test_reorganised import PAYEE, captured, mine, payment, play, told
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.commands import Capture, MarkUnknown, Void
from valetkey.core.errors import ChainUnavailable
from valetkey.core.grant import Grant
from valetkey.core.money import CURRENCY_DECIMALS, Asset, Money
from valetkey.core.session import remaining
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.platform.grants import relaying
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import Payment, Spend, SpendQuery, SpendRecord
from valetkey.ports.wallet import Call
from valetkey.stores.sqlite import SqliteStore
from valetkey.wire import grant_calls
from valetkey.wire.draws import reference_of
from valetkey.wire.grants import (
    GrantSpend,
    compact,
    grant_hash,
    grant_id,
    grant_message,
    grant_terms,
    revoke_message,
    spend_message,
)

BUDGET = 50 * USDC
PAYEE_STRUCT = "(address,bytes32[])"
BATCH_STRUCT = "(uint256,uint256,bytes32,uint256,uint256,bytes32,bytes32)"


async def followed(works: Works) -> None:
    while await works.follower.step():
        pass


async def left(store: SqliteStore, signed: SignedGrant) -> int | None:
    record = await store.session(signed.session_id)
    assert record is not None
    return remaining(record.session)


async def spends(store: SqliteStore, signed: SignedGrant) -> list[SpendRecord]:
    found, _ = await store.spends(SpendQuery(signed.owner_id, signed.session_id, None, 100))
    return found


def registered(plant: Plant, signed: SignedGrant) -> None:
    plant.send(plant.relayer_key, grant_calls.register(plant.at.allowance, signed.grant, signed.signature))


def own(
    plant: Plant, signed: SignedGrant, units: int, reference: bytes = bytes(32), payee: str = PAYEE
) -> str:
    """A payment that the key sends itself, and asks nobody for."""
    return plant.send(
        plant.session_key,
        grant_calls.spend_with_proof(plant.at.allowance, signed.grant, [], payee, units, reference, []),
    )


def reference(hold: Hold) -> bytes:
    return keccak256(hold.id.encode("ascii"))


def many(plant: Plant, grant: Grant, wanted: list[GrantSpend]) -> Call:
    """Several payments to PAYEE in one transaction: spendMany."""
    rows = []
    for one in wanted:
        data = plant.domain.typed_data("Spend", spend_message(grant_hash(grant), one))
        words = compact(LocalSigner(plant.session_key).sign_typed_data(data))
        rows.append((0, one.amount, one.reference, one.nonce, one.deadline, *words))
    kinds = (grant_calls.TERMS, f"{PAYEE_STRUCT}[]", f"{BATCH_STRUCT}[]")
    selector = keccak256(f"spendMany({','.join(kinds)})".encode())[:4]
    return Call(plant.at.allowance, selector + encode(kinds, (grant_terms(grant), [(PAYEE, [])], rows)))


def test_NO_OVERSPEND_what_nobody_asked_for_is_debited_once_over_restarts(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        registered(plant, signed)
        own(plant, signed, 2 * USDC)
        own(plant, signed, 3 * USDC)
        await followed(works)
        assert await left(store, signed) == BUDGET - 5 * USDC
        # Another process, and one that finds no place: it tells all of it again.
        fresh = plant.works(store)
        await followed(fresh)
        place = await store.followed(84532, plant.at.allowance)
        assert place is not None
        block = await fresh.reader.place(0)
        assert await store.follow(84532, plant.at.allowance, place, block)
        await followed(fresh)
        assert await left(store, signed) == BUDGET - 5 * USDC
        assert told(plant).count("unasked") == 2
        assert {one.hold.state for one in await spends(store, signed)} == {HoldState.CAPTURED}
        await fresh.close()

    play(plant, story)


def test_NO_OVERSPEND_a_reference_that_a_key_uses_twice_pays_for_one_hold(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, 3 * USDC)
        await works.until(lambda: captured(store, hold.id))
        own(plant, signed, 3 * USDC, reference(hold))
        await followed(works)
        assert await left(store, signed) == BUDGET - 6 * USDC == BUDGET - plant.units(PAYEE)
        assert told(plant).count("unasked") == 1

    play(plant, story)


def test_NO_OVERSPEND_what_moved_beyond_what_a_session_said_is_debited(plant: Plant) -> None:
    """A key that marks a payment of one dollar as made, captures it, and sends one of twenty with its reference."""

    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        registered(plant, signed)
        await store.settle(hold.id, Capture(USDC), by="session")
        own(plant, signed, 20 * USDC, reference(hold))
        await followed(works)
        assert plant.units(PAYEE) == 20 * USDC
        assert await left(store, signed) == BUDGET - 20 * USDC
        fresh = plant.works(store)
        place = await store.followed(84532, plant.at.allowance)
        assert await store.follow(84532, plant.at.allowance, place, await fresh.reader.place(0))
        await followed(fresh)
        assert await left(store, signed) == BUDGET - 20 * USDC, "once"
        await fresh.close()

    play(plant, story)


def test_NO_OVERSPEND_more_than_was_held_is_captured_as_it_moved(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        registered(plant, signed)
        own(plant, signed, 20 * USDC, reference(hold))
        await followed(works)
        record = await store.spend_record(hold.id)
        assert record is not None
        assert (record.hold.state, record.hold.captured) == (HoldState.CAPTURED, 20 * USDC)
        assert await left(store, signed) == BUDGET - 20 * USDC

    play(plant, story)


def test_NO_OVERSPEND_a_payment_with_the_reference_of_another_assets_hold_is_debited_as_what_it_is(
    plant: Plant,
) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        registered(plant, signed)
        hold = await plant.hold(store, signed.session_id, PAYEE, USDC)
        other = Asset("USDC", 1, plant.at.usdc, CURRENCY_DECIMALS["USDC"])
        spend = Spend(
            signed.session_id,
            hold.id.replace(hold.id[-4:], "0000"),
            SpendRequest(Money(USDC, other), None, PAYEE, "payment"),
            store.clock.now() + 600,
        )
        elsewhere = await store.hold_spend(spend, None)
        assert isinstance(elsewhere, SpendRecord)
        named = Payment(b"{}", reference_of(reference(elsewhere.hold)))
        await store.settle(elsewhere.hold.id, MarkUnknown(), by="session", payment=named)
        own(plant, signed, 20 * USDC, reference(elsewhere.hold))
        await followed(works)
        record = await store.spend_record(elsewhere.hold.id)
        assert record is not None
        assert record.hold.state is HoldState.UNKNOWN
        assert await left(store, signed) == BUDGET - 22 * USDC, "twenty moved, and two are still held"

    play(plant, story)


def test_NO_OVERSPEND_what_moves_though_its_hold_was_given_back_is_debited(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, 4 * USDC)
        registered(plant, signed)
        await store.settle(hold.id, Void(proven=True), by="owner")
        assert await left(store, signed) == BUDGET
        own(plant, signed, 4 * USDC, reference(hold))
        await followed(works)
        assert await left(store, signed) == BUDGET - 4 * USDC

    play(plant, story)


@pytest.mark.parametrize("same", [True, False])
def test_NO_OVERSPEND_several_payments_of_one_transaction_are_each_debited(plant: Plant, same: bool) -> None:
    """Also with the same payee, amount and reference; one of them is what was held."""

    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        registered(plant, signed)
        hold = await plant.hold(store, signed.session_id, PAYEE, 2 * USDC)
        until = store.clock.now() + 3_600
        asked = plant.asked(signed, hold, 900, until)
        await relaying.pay(works.platform, await works.caller(signed.session_id), hold.id, asked)
        wanted = [
            GrantSpend(
                payee=PAYEE,
                amount=2 * USDC,
                reference=reference(hold) if same else bytes([number]) * 32,
                nonce=number,
                deadline=until,
            )
            for number in range(3)
        ]
        plant.send(plant.owner_key, many(plant, signed.grant, wanted))
        await followed(works)
        held = 0 if same else 2 * USDC
        assert await left(store, signed) == BUDGET - 6 * USDC - held
        assert told(plant).count("unasked") == (2 if same else 3)
        await followed(plant.works(store))
        assert await left(store, signed) == BUDGET - 6 * USDC - held

    play(plant, story)


def test_a_successor_takes_the_place_of_the_grant_before(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        await works.until(lambda: captured(store, hold.id))
        record = await store.session(signed.session_id)
        assert record is not None
        after = plant.grant(record.session)
        grant = replace(after.grant, predecessor=grant_hash(signed.grant), salt=b"\7" * 32)
        second = resigned(plant, after, grant)
        kept = await store.add_grant(second, signed.owner_id)
        assert isinstance(kept, SignedGrant), kept
        next_hold = await plant.hold(store, signed.session_id, PAYEE, 2 * USDC)
        asked = plant.asked(kept, next_hold, 2, store.clock.now() + 600)
        await relaying.pay(works.platform, await works.caller(signed.session_id), next_hold.id, asked)
        await works.until(lambda: captured(store, next_hold.id))
        old, new = await store.grant(84532, signed.id), await store.grant(84532, second.id)
        assert old is not None
        assert new is not None
        assert (old.status, new.status) == (GrantStatus.REVOKED, GrantStatus.KNOWN)
        assert await left(store, signed) == BUDGET - 3 * USDC == BUDGET - plant.units(PAYEE)

    play(plant, story)


def resigned(plant: Plant, like: SignedGrant, grant: Grant) -> SignedGrant:
    signer, hashed = LocalSigner(plant.owner_key), grant_hash(grant)
    return replace(
        like,
        id=grant_id(grant.owner, hashed),
        grant=grant,
        signature=signer.sign_typed_data(plant.domain.typed_data("Grant", grant_message(grant))),
        revocation=signer.sign_typed_data(plant.domain.typed_data("Revoke", revoke_message(hashed))),
    )


def a_child(plant: Plant, parent: Grant, parent_key: PrivateKey, key: PrivateKey, cap: int) -> Grant:
    """A grant that the parent's key signs, and registers: the platform hears nothing of it."""
    child = replace(
        parent,
        key=key.address,
        cap=cap,
        per_spend=cap,
        parent=grant_hash(parent),
        salt=bytes([cap % 251]) * 32,
    )
    data = plant.domain.typed_data("Grant", grant_message(child))
    kinds = (grant_calls.TERMS, grant_calls.TERMS, "bytes32", "bytes32")
    words = compact(LocalSigner(parent_key).sign_typed_data(data))
    selector = keccak256(f"registerChild({','.join(kinds)})".encode())[:4]
    values = (grant_terms(child), grant_terms(parent), *words)
    plant.send(plant.relayer_key, Call(plant.at.allowance, selector + encode(kinds, values)))
    return child


def test_NO_OVERSPEND_what_children_move_that_a_key_made_by_itself_is_debited(plant: Plant) -> None:
    """A leaked key signs a child on the chain alone, and that one another: their events name none of ours."""

    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        await works.until(lambda: captured(store, hold.id))
        thief, heir = PrivateKey.generate(), PrivateKey.generate()
        for key in (thief, heir):
            plant.give(key.address, 10**18)
        child = a_child(plant, signed.grant, plant.session_key, thief, 30 * USDC)
        grandchild = a_child(plant, child, thief, heir, 7 * USDC)
        spend = grant_calls.spend_with_proof
        reason = bytes(32)
        plant.send(thief, spend(plant.at.allowance, child, [signed.grant], PAYEE, 20 * USDC, reason, []))
        plant.send(
            heir, spend(plant.at.allowance, grandchild, [child, signed.grant], PAYEE, 7 * USDC, reason, [])
        )
        own(plant, signed, 2 * USDC)
        await followed(works)
        assert await left(store, signed) == BUDGET - 30 * USDC == BUDGET - plant.units(PAYEE)
        assert told(plant).count("unasked") == 3
        fresh = plant.works(store)
        place = await store.followed(84532, plant.at.allowance)
        assert await store.follow(84532, plant.at.allowance, place, await fresh.reader.place(0))
        await followed(fresh)
        assert await left(store, signed) == BUDGET - 30 * USDC, "once"
        await fresh.close()

    play(plant, story)


def test_nothing_of_strangers_is_told(plant: Plant) -> None:
    """Grants of owners that this platform does not know."""

    async def story(store: SqliteStore, works: Works) -> None:
        _, signed = await plant.people(store)
        strange = resigned(plant, signed, replace(signed.grant, salt=b"\x09" * 32))
        registered(plant, strange)
        own(plant, strange, 2 * USDC)
        await followed(works)
        assert await left(store, signed) == BUDGET
        assert told(plant) == []

    play(plant, story)


def test_a_node_that_is_away_stops_nothing_for_good(plant: Plant) -> None:
    async def story(store: SqliteStore, works: Works) -> None:
        signed, hold = await payment(plant, works, store, USDC)
        original, away = type(works.sender).__getattr__, {"is": True}

        def broken(self: Any, name: str) -> Any:
            if away["is"] and name in ("estimate", "nonce", "sent", "final", "logs"):

                async def fail(*given: Any, **named: Any) -> Any:
                    raise ChainUnavailable("the node did not answer")

                return fail
            return original(self, name)

        mortal = type(works.sender)
        mortal.__getattr__ = broken
        try:
            assert await works.relayer.step() == 2
            with pytest.raises(ChainUnavailable):
                await works.follower.step()
            away["is"] = False
            await works.until(lambda: captured(store, hold.id))
        finally:
            mortal.__getattr__ = original
        assert "unavailable" in told(plant)
        assert plant.units(PAYEE) == USDC
        assert await left(store, signed) == BUDGET - USDC
        mine(plant, 1)

    play(plant, story)
