"""stepSigned: what a buyer or its session key signs, and anybody submits. Each rule of it, and each way around it."""

from collections.abc import Callable

import boa
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

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


def test_an_independent_encoder_agrees_on_what_is_signed(stall: Stall, bought: bytes) -> None:
    """eth_account's EIP-712, from the typed data that a wallet is shown; the contract takes it."""
    domain = Domain(boa.env.evm.patch.chain_id, str(stall.world.escrow.address), ESCROW_NAME)
    until = now() + 300
    shown = domain.typed_data("BuyerStep", step_message(bought, ACCEPT, until))
    signature = Account.sign_message(
        encode_typed_data(full_message=shown), stall.purse.key.to_hex()
    ).signature
    assert submit(stall, bought, ACCEPT, until, compact(bytes(signature))).ok


def test_the_owner_signs_as_well(stall: Stall, bought: bytes) -> None:
    assert take(stall, bought, ACCEPT, stall.purse.owner).ok


@pytest.mark.parametrize("step", [ACCEPT, DISPUTE, CLAIM])
def test_replayed_it_does_nothing_whatever_the_step(stall: Stall, step: int) -> None:
    _, escrow_id = stall.funded()
    if step == CLAIM:
        at(now() + 10 * DAY)
    else:
        stall.world.must(stall.world.seller, stall.world.escrow, "submitDelivery", escrow_id, b"\1" * 32)
    until = now() + 300
    signature = signed(stall, escrow_id, step, stall.purse.key, until)
    assert submit(stall, escrow_id, step, until, signature).ok
    state = stall.world.escrow.getEscrow(escrow_id), stall.owned()
    assert not submit(stall, escrow_id, step, until, signature).ok
    assert (stall.world.escrow.getEscrow(escrow_id), stall.owned()) == state


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
    r, _ = signed(stall, bought, ACCEPT, stall.purse.key, until)
    for parity in (0, 1):
        # The most that the compact form can say, and the least that has a smaller twin.
        for s in (2**255 - 1, ORDER // 2 + 1):
            forged = (r, (parity << 255 | s).to_bytes(32))
            assert submit(stall, bought, ACCEPT, until, forged).reason == "malleable signature"
        least = (r, (parity << 255 | ORDER // 2).to_bytes(32))
        assert submit(stall, bought, ACCEPT, until, least).reason in ("not the buyer", "not signed")
    assert submit(stall, bought, ACCEPT, until, (bytes(32), bytes(32))).reason == "not signed"
    # Nobody's signature is not the key of an escrow that has none.
    own = stall.world.delivered()
    assert submit(stall, own, ACCEPT, until, (bytes(32), bytes(32))).reason == "not signed"
    assert take(stall, own, ACCEPT, stall.purse.key).reason == "not the buyer"
    assert stall.world.status(bought) != RELEASED
