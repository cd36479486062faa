"""The record of an escrow is packed: whatever its fields hold, none of them touches another."""

from dataclasses import dataclass

import boa
from hypothesis import given
from hypothesis import strategies as st

from contracts.tests.world import (
    DELIVERED,
    DISPUTED,
    FUNDED,
    REFUNDED,
    RESOLVED,
    World,
    at,
    call,
    fresh_id,
    names,
    send,
)
from valetkey.core.fees import escrow_split

# The first second that no record can hold.
TIME_LIMIT = 2**40
HASHES = st.one_of(st.just(bytes(32)), st.just(b"\xff" * 32), st.binary(min_size=32, max_size=32))
ADDRESSES = st.one_of(
    st.sampled_from(["0x" + "00" * 19 + "01", "0x" + "ff" * 20, "0xff" + "00" * 19]),
    st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a record is made of; times in seconds, `life` until the deadline, `late` from creation to delivery."""

    buyer: str
    seller: str
    amount: int
    created_at: int
    life: int
    window: int
    grace: int
    late: int
    criteria: bytes
    proof: bytes
    decision: tuple[int, int, int]


@st.composite
def purchases(draw: st.DrawFn) -> Purchase:
    grace = draw(st.one_of(st.sampled_from([3_600, 2_592_000]), st.integers(3_600, 2_592_000)))
    life = draw(st.one_of(st.sampled_from([1, 315_360_000]), st.integers(1, 315_360_000)))
    latest = TIME_LIMIT - 1 - grace - life
    share = draw(st.integers(0, 100))
    buyer, seller = draw(st.lists(ADDRESSES, min_size=2, max_size=2, unique_by=str.lower))
    return Purchase(
        buyer=buyer,
        seller=seller,
        amount=draw(st.one_of(st.sampled_from([1, 2**128 - 1]), st.integers(1, 2**128 - 1))),
        created_at=draw(st.one_of(st.sampled_from([0, latest]), st.integers(0, latest))),
        life=life,
        window=draw(st.one_of(st.sampled_from([300, 86_400]), st.integers(300, 86_400))),
        grace=grace,
        late=draw(st.one_of(st.just(life + grace - 1), st.integers(0, life + grace - 1))),
        criteria=draw(HASHES),
        proof=draw(HASHES),
        decision=draw(st.sampled_from([(1, 100, 0), (2, 0, 100), (3, 100 - share, share)])),
    )


@given(purchase=purchases())
def test_every_field_reads_back_as_it_was_written(deployed: World, purchase: Purchase) -> None:
    """From creation to decision, at the largest and smallest values that each field can have."""
    world, deal = deployed, purchase
    escrow_id, (locked, fee) = fresh_id(), escrow_split(deal.amount)
    token = world.odd.address
    deadline = deal.created_at + deal.life

    def expect(status: int, delivered_at: int, proof: bytes, decision: tuple[int, int, int]) -> None:
        found = call(world.escrow, "getEscrow", escrow_id)
        assert tuple(str(party).lower() for party in found[:3]) == (
            str(token).lower(),
            deal.buyer,
            deal.seller,
        )
        assert found[3:] == (
            *(locked, fee, status, deal.created_at, deadline, deal.window, deal.grace),
            *(delivered_at, proof, deal.criteria),
        )
        assert call(world.escrow, "getResolution", escrow_id) == decision

    with boa.env.anchor():
        world.must(world.owner, world.odd, "mint", deal.buyer, deal.amount)
        world.must(deal.buyer, world.odd, "approve", world.escrow.address, deal.amount)
        at(deal.created_at)
        terms = (deal.seller, deal.amount, token, deadline, deal.window, deal.grace, deal.criteria)
        world.must(deal.buyer, world.escrow, "createEscrow", escrow_id, *terms)
        expect(FUNDED, 0, bytes(32), (0, 0, 0))
        at(deal.created_at + deal.late)
        world.must(deal.seller, world.escrow, "submitDelivery", escrow_id, deal.proof)
        delivered_at = deal.created_at + deal.late
        expect(DELIVERED, delivered_at, deal.proof, (0, 0, 0))
        world.must(deal.buyer, world.escrow, "dispute", escrow_id)
        expect(DISPUTED, delivered_at, deal.proof, (0, 0, 0))
        world.must(world.resolver, world.escrow, "resolveDispute", escrow_id, *deal.decision)
        status = REFUNDED if deal.decision[0] == 1 else RESOLVED
        expect(status, delivered_at, deal.proof, deal.decision)


def test_no_record_reaches_beyond_its_time(world: World) -> None:
    grace = 3_600
    at(TIME_LIMIT - grace - 10)
    refused = world.create(deadline=TIME_LIMIT - grace, abandonment_grace=grace)
    assert refused.reason == "deadline too far"
    escrow_id = world.funded(deadline=TIME_LIMIT - grace - 1, abandonment_grace=grace)
    at(TIME_LIMIT - 2)
    with boa.env.anchor():
        world.must(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32))
        assert call(world.escrow, "getEscrow", escrow_id)[10] == TIME_LIMIT - 2
    # After the last second that fits, the money still leaves.
    at(TIME_LIMIT)
    assert send(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32)).reason == "abandoned"
    world.must(world.buyer, world.escrow, "claimAbandoned", escrow_id)


def test_records_of_different_ids_are_strangers(world: World) -> None:
    (other,) = names("yet another seller")
    ids = [world.funded(), world.funded(seller=other), world.disputed()]
    before = [call(world.escrow, "getEscrow", escrow_id) for escrow_id in ids]
    world.must(world.resolver, world.escrow, "resolveDispute", ids[2], 3, 40, 60)
    world.must(other, world.escrow, "submitDelivery", ids[1], b"\x02" * 32)
    assert call(world.escrow, "getEscrow", ids[0]) == before[0]
    assert call(world.escrow, "getEscrow", ids[1])[:5] == before[1][:5]
    assert [call(world.escrow, "getResolution", escrow_id)[0] for escrow_id in ids] == [0, 0, 3]
