"""stepSigned: what a buyer or its session key signs, and anybody submits. Each rule of it, and each way around it."""

from collections.abc import Callable

import boa
import pytest

from contracts.tests.purse import key
from contracts.tests.stall import LOCKED, Stall
from contracts.tests.world import ABANDONED, DAY, DISPUTED, RELEASED, Outcome, at, now, send
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    ACCEPT,
    CLAIM,
    DISPUTE,
    ESCROW_NAME,
    Domain,
    compact,
    step_message,
    struct_hash,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def signed(
    stall: Stall,
    escrow_id: bytes,
    step: int,
    by: PrivateKey,
    deadline: int,
    domain: Domain | None = None,
) -> tuple[bytes, bytes]:
    """A step's two words of signature."""
    domain = domain or Domain(boa.env.evm.patch.chain_id, str(stall.world.escrow.address), ESCROW_NAME)
    return compact(
        sign_digest(by, domain.digest(struct_hash("BuyerStep", step_message(escrow_id, step, deadline))))
    )


def submit(
    stall: Stall, escrow_id: bytes, step: int, deadline: int, signature: tuple[bytes, bytes]
) -> Outcome:
    return send(
        str(stall.purse.relayer), stall.world.escrow, "stepSigned", escrow_id, step, deadline, *signature
    )


def take(stall: Stall, escrow_id: bytes, step: int, by: PrivateKey) -> Outcome:
    until = now() + 300
    return submit(stall, escrow_id, step, until, signed(stall, escrow_id, step, by, until))


@pytest.fixture
def bought(stall: Stall) -> bytes:
    """An escrow that a session key paid for its owner, and that the seller delivered."""
    _, escrow_id = stall.funded()
    stall.world.must(stall.world.seller, stall.world.escrow, "submitDelivery", escrow_id, b"\1" * 32)
    return escrow_id


def test_a_key_without_a_coin_takes_every_step(stall: Stall, bought: bytes) -> None:
    outcome = take(stall, bought, ACCEPT, stall.purse.key)
    assert outcome.ok, outcome.reason
    assert stall.world.status(bought) == RELEASED
    _, second = stall.funded()
    stall.world.must(stall.world.seller, stall.world.escrow, "submitDelivery", second, b"\1" * 32)
    assert take(stall, second, DISPUTE, stall.purse.key).ok
    assert stall.world.status(second) == DISPUTED
    _, third = stall.funded()
    before = stall.owned()
    assert take(stall, third, CLAIM, stall.purse.key).reason == "not abandoned yet"
    at(now() + 10 * DAY)
    assert take(stall, third, CLAIM, stall.purse.key).ok
    assert stall.world.status(third) == ABANDONED
    assert stall.owned() == before + LOCKED, "to the owner, whoever asked"


def test_the_owner_signs_as_well(stall: Stall, bought: bytes) -> None:
    assert take(stall, bought, ACCEPT, stall.purse.owner).ok


def test_replayed_it_does_nothing(stall: Stall, bought: bytes) -> None:
    until = now() + 300
    signature = signed(stall, bought, ACCEPT, stall.purse.key, until)
    assert submit(stall, bought, ACCEPT, until, signature).ok
    assert submit(stall, bought, ACCEPT, until, signature).reason == "not delivered"


def test_it_is_for_one_step_of_one_escrow_until_a_time(stall: Stall, bought: bytes) -> None:
    until = now() + 300
    signature = signed(stall, bought, ACCEPT, stall.purse.key, until)
    _, other = stall.funded()
    stall.world.must(stall.world.seller, stall.world.escrow, "submitDelivery", other, b"\1" * 32)
    for escrow_id, step, deadline in (
        (other, ACCEPT, until),
        (bought, DISPUTE, until),
        (bought, ACCEPT, until + 1),
    ):
        assert submit(stall, escrow_id, step, deadline, signature).reason == "not the buyer"
    at(until - 1)
    assert submit(stall, bought, ACCEPT, until, signature).ok
    at(until)
    assert take(stall, other, ACCEPT, stall.purse.key).ok
    assert submit(stall, other, ACCEPT, until, signature).reason == "past its deadline"


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda here: Domain(here.chain_id + 1, here.contract, ESCROW_NAME),
        lambda here: Domain(here.chain_id, "0x" + "11" * 20, ESCROW_NAME),
        lambda here: Domain(here.chain_id, here.contract),
    ],
    ids=["another chain id", "another contract", "another domain"],
)
def test_it_is_for_this_contract_on_this_chain(
    stall: Stall, bought: bytes, elsewhere: Callable[[Domain], Domain]
) -> None:
    here = Domain(boa.env.evm.patch.chain_id, str(stall.world.escrow.address), ESCROW_NAME)
    until = now() + 300
    signature = signed(stall, bought, ACCEPT, stall.purse.key, until, elsewhere(here))
    assert submit(stall, bought, ACCEPT, until, signature).reason == "not the buyer"


@pytest.mark.parametrize("step", [0, 4, 255])
def test_there_are_three_steps(stall: Stall, bought: bytes, step: int) -> None:
    assert take(stall, bought, step, stall.purse.key).reason == "no such step"


def test_strangers_and_forgers(stall: Stall, bought: bytes) -> None:
    for stranger in (stall.purse.other_key, key(77)):
        assert take(stall, bought, ACCEPT, stranger).reason == "not the buyer"
    until = now() + 300
    r, vs = signed(stall, bought, ACCEPT, stall.purse.key, until)
    word = int.from_bytes(vs)
    parity, s = word >> 255, word & (2**255 - 1)
    high = (parity ^ 1) << 255 | (ORDER - s)
    assert submit(stall, bought, ACCEPT, until, (r, high.to_bytes(32))).reason in (
        "malleable signature",
        "not the buyer",
    )
    assert submit(stall, bought, ACCEPT, until, (bytes(32), bytes(32))).reason == "not signed"
    # Nobody's signature is not the key of an escrow that has none.
    own = stall.world.delivered()
    assert submit(stall, own, ACCEPT, until, (bytes(32), bytes(32))).reason == "not signed"
    assert take(stall, own, ACCEPT, stall.purse.key).reason == "not the buyer"
    assert stall.world.status(bought) != RELEASED
