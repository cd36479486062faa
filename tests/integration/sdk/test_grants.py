"""Sessions that pay out of their owner's balance: through the relayer, by themselves, and around the gate."""

from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from tests.e2e.processes import wait_until
from tests.integration.sdk.world import PRICE, TOTAL_UNITS, Shop, World
from valetkey import BuyerAgent, InvalidInput, SessionInfo, SessionRevoked
from valetkey.chains.evm.signer import LocalSigner
from valetkey.cli.dev_rpc import ETH, USDC
from valetkey.core.grant import Grant
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.ports.wallet import CallReverts
from valetkey.sdk._sync.desk import Desk
from valetkey.sdk.errors import (
    BudgetExceeded,
    Conflict,
    FundingMismatch,
    GrantExists,
    GrantMismatch,
    GrantNeeded,
    NotFound,
    RelayRefused,
)
from valetkey.wire import calls, grant_calls
from valetkey.wire.calls import get_escrow
from valetkey.wire.draws import DrawPayload, reference_of
from valetkey.wire.escrow import read_escrow
from valetkey.wire.granting import GiveGrantRequest, GrantView, RelayView, grant_body, grant_of
from valetkey.wire.grants import Domain, grant_hash, grant_message, revoke_message
from valetkey.wire.http import encode

EMPTY = (0, 0)


@pytest.fixture
def key(world: World) -> PrivateKey:
    return world.stack.wallet(1_000 * USDC)


@pytest.fixture
def owner(world: World, key: PrivateKey) -> BuyerAgent:
    return world.owner(key)


def granted(owner: BuyerAgent, budget: int = 50, **rules: Any) -> SessionInfo:
    return owner.create_session(budget, 3_600, funding="grant", **rules)


def chain_call(world: World, call: Any, sender: str | None = None) -> bytes:
    """What a contract answers."""
    request = {"to": call.to, "data": "0x" + call.data.hex()} | ({"from": sender} if sender else {})
    return bytes.fromhex(world.stack.rpc.call("eth_call", request, "latest")[2:])


def own_desk(delegate: BuyerAgent) -> Desk:
    return delegate._desk()


def test_a_purchase_through_the_relayer_moves_only_the_owners_money(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    shop = world.shop()
    before = world.stack.units(key.address)
    session = granted(owner, allowed_service_ids=[shop.service_id])
    assert world.stack.units(key.address) == before, "nothing moves"
    assert owner.get_grant(session).status == "signed"
    delegate = world.delegate(session)
    assert delegate.session is not None
    assert delegate.session.funding_mode == "grant"
    checkout = delegate.purchase(shop.service_id)
    funded = delegate.fund_and_verify(checkout)
    assert funded.status == "escrowed"
    assert world.has(session.wallet_address) == EMPTY
    assert world.stack.units(key.address) == before - TOTAL_UNITS
    escrow = read_escrow(chain_call(world, get_escrow(world.stack.contracts["escrow"], checkout.id)))
    assert escrow is not None
    assert escrow.buyer == key.address, "the owner is the buyer, to whom all money goes back"
    view = owner.get_session(session.session_id)
    assert (view.spent_usdc, view.held_usdc) == ("10.2", "0")
    shop.seller.deliver(checkout.id, {"done": True})
    shop.seller.submit_delivery(checkout.id, {"done": True})
    done = delegate.confirm_and_release(checkout.id)
    assert done.status == "completed"
    assert world.stack.units(shop.key.address) == int(PRICE) * USDC
    assert world.has(session.wallet_address) == EMPTY, "a session wallet that never holds a cent"
    wait_until(lambda: owner.get_grant(session).status == "known", "the chain")
    assert owner.get_session(session.session_id).spent_usdc == "10.2", "followed, and counted once"
    # Doing it again is doing nothing.
    assert delegate.fund_and_verify(checkout.id).status in ("escrowed", "completed")
    assert world.stack.units(key.address) == before - TOTAL_UNITS


def test_a_spend_is_drawn_and_captured_once(world: World, owner: BuyerAgent, shop: Shop) -> None:
    session = granted(owner)
    delegate = world.delegate(session)
    payee = world.stack.wallet().address
    hold = delegate.spend("3", payee=payee)
    drawn = delegate.draw(hold)
    assert drawn.state == "captured"
    assert world.stack.units(payee) == 3 * USDC
    with pytest.raises((Conflict, RelayRefused, GrantMismatch)):
        # Its nonce is used, and its bytes are not forgotten by the platform.
        delegate.draw(delegate.get_spend(hold.id))
    assert world.stack.units(payee) == 3 * USDC
    assert owner.get_session(session.session_id).spent_usdc == "3"


def test_a_top_up_is_just_enough_for_what_is_held(world: World, owner: BuyerAgent) -> None:
    session = granted(owner)
    delegate = world.delegate(session)
    hold = delegate.spend("2.5", payee=world.stack.wallet().address, operation="x402")
    assert delegate.top_up(hold).state == "captured"
    assert world.stack.units(session.wallet_address) == 2_500_000
    owner.reclaim_session(owner.wallet_address, session=session)
    assert world.stack.units(session.wallet_address) == 0


def test_what_the_policy_refuses_is_not_signed(world: World, owner: BuyerAgent) -> None:
    session = granted(owner, 5)
    delegate = world.delegate(session)
    with pytest.raises(BudgetExceeded):
        delegate.spend("6", payee=world.stack.wallet().address)


def test_a_window_and_a_list_of_payees_go_on_chain(world: World, owner: BuyerAgent) -> None:
    payees = [world.stack.wallet().address for _ in range(3)]
    session = granted(owner, 50, per_spend_usdc=4, windows={60: 8, 3_600: 10}, allowed_payees=payees[:2])
    grant = grant_of(owner.get_grant(session).grant)
    assert (grant.cap, grant.per_spend) == (50 * USDC, 4 * USDC)
    assert (grant.window_seconds, grant.window_cap) == (3_600, 10 * USDC), "the one that lets the least out"
    delegate = world.delegate(session)
    for payee in payees[:2]:
        assert delegate.draw(delegate.spend("1", payee=payee)).state == "captured"
    with pytest.raises(RelayRefused, match="payee not allowed") as refused:
        # Around the gate, with a proof of somebody else.
        around_the_gate(world, delegate, owner.get_grant(session), payees[2], USDC)
    assert refused.value.code == "relay_refused"


def around_the_gate(world: World, delegate: BuyerAgent, grant: GrantView, payee: str, units: int) -> str:
    """The session key pays by itself, without a word to the platform. Raises RelayRefused with the reason."""
    terms = grant_of(grant.grant)
    wallet = delegate.wallet_address
    if world.stack.rpc.wei(wallet) == 0:
        world.stack.rpc.give(wallet, ETH // 100)
    desk = own_desk(delegate)
    with desk.alone():
        delegate._register(desk, grant)
    call = grant_calls.spend_with_proof(
        grant.contract, terms, [], payee, units, keccak256(payee.encode()), _proof(delegate, grant)
    )
    problem = ""
    try:
        return desk.perform(f"around {payee} {units}", call).tx_hash
    except CallReverts as error:
        problem = str(error)
    raise RelayRefused(problem, code="relay_refused")


def _proof(delegate: BuyerAgent, grant: GrantView) -> list[bytes]:
    assert delegate.session is not None
    allowed = sorted(delegate.session.allowed_payees or ())
    return delegate._proof(grant, allowed[0]) if allowed else []


def test_a_key_that_goes_around_the_gate_is_debited_and_stopped(world: World, owner: BuyerAgent) -> None:
    session = granted(owner, 5)
    delegate = world.delegate(session)
    thief = world.stack.wallet().address
    around_the_gate(world, delegate, owner.get_grant(session), thief, 5 * USDC)
    assert world.stack.units(thief) == 5 * USDC
    wait_until(lambda: owner.get_session(session.session_id).status == "exhausted", "the chain")
    view = owner.get_session(session.session_id)
    assert (view.spent_usdc, view.remaining_usdc) == ("5", "0")
    (spend,) = owner.list_spends(session=session.session_id).spends
    assert (spend.state, spend.operation, spend.payee) == ("captured", "draw", thief.lower())
    with pytest.raises(BudgetExceeded):
        delegate.spend("0.1", payee=thief)
    with pytest.raises(RelayRefused, match="above the cap"):
        around_the_gate(world, delegate, owner.get_grant(session), thief, 1)


def test_the_same_reference_twice_is_two_payments(world: World, owner: BuyerAgent) -> None:
    """A key could hide behind the reference of a spend that was granted."""
    session = granted(owner, 50)
    delegate = world.delegate(session)
    payee = world.stack.wallet().address
    hold = delegate.draw(delegate.spend("3", payee=payee))
    grant = owner.get_grant(session)
    world.stack.rpc.give(session.wallet_address, ETH // 100)
    reference = keccak256(hold.id.encode())
    for units in (4 * USDC, 5 * USDC):
        call = grant_calls.spend_with_proof(
            grant.contract, grant_of(grant.grant), [], payee, units, reference, []
        )
        own_desk(delegate).perform(f"again {units}", call)
    wait_until(lambda: owner.get_session(session.session_id).spent_usdc == "12", "the chain")
    assert len(owner.list_spends(session=session.session_id).spends) == 3


def test_revoked_at_once_and_then_on_chain(world: World, owner: BuyerAgent) -> None:
    session = granted(owner)
    delegate = world.delegate(session)
    payee = world.stack.wallet().address
    delegate.draw(delegate.spend("1", payee=payee))
    grant = owner.get_grant(session)
    assert owner.exposure(session).worst_case_usdc == "49"
    owner.revoke_session(session)
    with pytest.raises(SessionRevoked):
        delegate.spend("1", payee=payee)
    assert owner.get_grant(session).status in ("revoking", "revoked")
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the chain")
    assert owner.get_grant(session).revocation_tx_hash is not None
    assert owner.exposure(session).worst_case_usdc == "0"
    call = grant_calls.spend_with_proof(grant.contract, grant_of(grant.grant), [], payee, USDC, bytes(32), [])
    answer = world.stack.rpc._http.post(
        "/",
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_call",
            "params": [
                {"from": session.wallet_address, "to": call.to, "data": "0x" + call.data.hex()},
                "latest",
            ],
        },
    ).json()
    assert "revoked" in answer["error"]["message"]


def test_revoked_before_anybody_used_it(world: World, owner: BuyerAgent) -> None:
    session = granted(owner)
    owner.revoke_session(session)
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the chain")
    assert owner.exposure(session).grant_usdc == "0"


def test_the_owner_revokes_by_itself(world: World, owner: BuyerAgent) -> None:
    session = granted(owner)
    assert owner.revoke_grant(session).startswith("0x")
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the chain")
    delegate = world.delegate(session)
    hold = delegate.spend("1", payee=world.stack.wallet().address)
    with pytest.raises(GrantNeeded):
        delegate.draw(hold)


def test_all_are_revoked_and_frozen_by_one_transaction(world: World, owner: BuyerAgent) -> None:
    first, second = granted(owner, 5), granted(owner, 6)
    delegate = world.delegate(first)
    payee = world.stack.wallet().address
    delegate.draw(delegate.spend("1", payee=payee))
    owner.freeze_on_chain()
    with pytest.raises(RelayRefused, match="frozen"):
        delegate.draw(delegate.spend("1", payee=payee))
    owner.thaw_on_chain()
    assert delegate.draw(delegate.spend("1", payee=payee)).state == "captured"
    owner.revoke_all_on_chain()
    wait_until(lambda: {owner.get_grant(one).status for one in (first, second)} == {"revoked"}, "the chain")
    # A new one is of the next epoch.
    assert grant_of(owner.get_grant(granted(owner, 7)).grant).epoch == 1


def test_without_a_relayer_the_sessions_wallet_pays_the_gas(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    session = granted(owner)
    world.stack.rpc.give(session.wallet_address, ETH // 10)
    delegate = world.delegate(session)
    assert delegate._served is not None
    delegate._served = msgspec.structs.replace(delegate._served, relayer=None)
    checkout = delegate.purchase(shop.service_id)
    assert delegate.fund_and_verify(checkout).status == "escrowed"
    shop.seller.deliver(checkout.id, {"done": True})
    shop.seller.submit_delivery(checkout.id, {"done": True})
    assert delegate.confirm_and_release(checkout.id).status == "completed"
    hold = delegate.draw(delegate.spend("2", payee=shop.key.address))
    assert hold.state == "captured"
    assert world.stack.units(session.wallet_address) == 0
    assert owner.get_session(session.session_id).spent_usdc == "12.2"


def test_a_session_gets_its_grant_later_and_then_pays_from_it(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    shop = world.shop()
    session = owner.create_session(50, 3_600)
    delegate = world.delegate(session)
    before = delegate.purchase(shop.service_id)
    given_now = session.grant()
    assert given_now.status == "signed"
    assert owner.get_session(session.session_id).funding_mode == "grant"
    again = world.delegate(session)
    after = again.purchase(shop.service_id)
    assert owner.get_transaction(before.id).buyer_address == session.wallet_address
    assert owner.get_transaction(after.id).buyer_address == key.address
    assert again.fund_and_verify(after).status == "escrowed"


def test_what_the_owner_pays_itself_is_not_the_sessions(world: World, owner: BuyerAgent) -> None:
    """The buyer of record is the owner in both cases; whose key acted tells them apart."""
    shop = world.shop()
    session = granted(owner)
    delegate = world.delegate(session)
    checkout = delegate.purchase(shop.service_id)
    contracts = owner.network().contracts
    desk = own_desk(owner)
    desk.perform("approve", calls.approve(contracts.usdc, contracts.escrow, TOTAL_UNITS))
    paid = desk.perform(
        "pay",
        calls.create_escrow(
            contracts.escrow,
            checkout.id,
            seller=shop.key.address,
            units=TOTAL_UNITS,
            token=contracts.usdc,
            deadline=desk.wallet.block_time() + 3_600,
        ),
    )
    with pytest.raises(FundingMismatch) as refused:
        delegate.verify_funding(checkout.id, paid.tx_hash)
    assert refused.value.rule == "session_key"
    assert owner.get_session(session.session_id).spent_usdc == "0"


@pytest.mark.parametrize("funding", ["wallet", "grant"])
def test_UNKNOWN_STAYS_HELD_a_payment_that_was_never_signed_is_none(
    world: World, owner: BuyerAgent, funding: Any
) -> None:
    """A delegate that calls something a draw, whose deadline is over, would get its money back for its word."""
    session = owner.create_session(50, 3_600, funding=funding)
    delegate = world.delegate(session)
    hold = delegate.spend("3", payee=world.stack.wallet().address)
    reference = keccak256(hold.id.encode())
    for signature in ("0x" + "11" * 64 + "1b", "nothing"):
        payload = encode(
            DrawPayload(
                chain_id=84532,
                grant="0x" + "00" * 32,
                payee=hold.view.payee or "",
                amount=str(hold.units),
                reference="0x" + reference.hex(),
                executor=OTHER,
                nonce="1",
                until=1,
                signature=signature,
            )
        )
        with pytest.raises((InvalidInput, GrantNeeded)):
            hold.mark_signed(payload, reference_of(reference))
    with pytest.raises(InvalidInput):
        hold.mark_signed(b"nonsense", reference_of(reference))
    assert delegate.get_spend(hold.id).state == "held"


def test_a_rotated_session_inherits_what_was_spent_on_chain(world: World, owner: BuyerAgent) -> None:
    session = granted(owner, 10)
    delegate = world.delegate(session)
    payee = world.stack.wallet().address
    delegate.draw(delegate.spend("4", payee=payee))
    rotated = owner.rotate_session(session)
    owner.grant_session(rotated)
    successor = owner.get_grant(rotated)
    assert successor.grant.predecessor == owner.get_grant(session).hash
    taken_over = world.delegate(rotated)
    assert taken_over.draw(taken_over.spend("5", payee=payee)).state == "captured"
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the chain")
    assert owner.exposure(rotated).worst_case_usdc == "1"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"budget_usdc": None}, "cap"),
        ({"budget_usdc": 5, "limits": {"ETH": "0.1"}}, "coin"),
    ],
)
def test_what_no_grant_can_stand_for_is_refused(
    world: World, owner: BuyerAgent, rules: dict[str, Any], words: str
) -> None:
    """Native ETH has no allowance."""
    with pytest.raises(InvalidInput, match=words):
        owner.create_session(expiry=3_600, funding="grant", **rules)


def given(agent: BuyerAgent, signer: PrivateKey, session: SessionInfo, **changes: Any) -> GiveGrantRequest:
    """What an owner posts, changed; signed all the same."""
    network = agent.network()
    assert network.contracts.allowance is not None
    contract = changes.pop("contract", network.contracts.allowance)
    by = LocalSigner(changes.pop("by", signer))
    grant = replace(
        Grant(
            owner=signer.address,
            key=session.wallet_address,
            token=network.contracts.usdc,
            escrow=network.contracts.escrow,
            cap=5 * USDC,
            per_spend=5 * USDC,
            valid_after=0,
            valid_until=session.expiry,
            salt=bytes(32),
        ),
        **changes,
    )
    domain = Domain(network.chain_id, contract)
    sign = lambda kind, message: "0x" + by.sign_typed_data(domain.typed_data(kind, message)).hex()  # noqa: E731
    return GiveGrantRequest(
        chain_id=network.chain_id,
        contract=contract,
        grant=grant_body(grant),
        signature=sign("Grant", grant_message(grant)),
        revocation=sign("Revoke", revoke_message(grant_hash(grant))),
    )


OTHER = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"owner": OTHER}, "owner"),
        ({"key": OTHER}, "key"),
        ({"token": OTHER}, "token"),
        ({"escrow": OTHER}, "escrow"),
        ({"contract": OTHER}, "contract"),
        ({"parent": b"\1" * 32}, "parent"),
        ({"payees": b"\1" * 32}, "payees"),
        ({"epoch": 1}, "epoch"),
        ({"by": PrivateKey(b"\7" * 32)}, "signature"),
    ],
)
def test_a_grant_for_something_else_is_not_kept(
    world: World, owner: BuyerAgent, key: PrivateKey, changes: dict[str, Any], rule: str
) -> None:
    session = owner.create_session(5, 3_600)
    asked = given(owner, key, session, **changes)
    with pytest.raises(GrantMismatch) as refused:
        owner._client.send("POST", f"/agents/session/{session.session_id}/grant", GrantView, asked)
    assert refused.value.rule == rule
    assert owner.find_grant(session) is None
    assert owner.get_session(session.session_id).funding_mode == "wallet"


def test_a_session_has_one_living_grant(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    session = owner.create_session(5, 3_600)
    path = f"/agents/session/{session.session_id}/grant"
    first = given(owner, key, session)
    kept = owner._client.send("POST", path, GrantView, first)
    assert owner._client.send("POST", path, GrantView, first) == kept, "the same again is the same"
    with pytest.raises(GrantExists):
        owner._client.send("POST", path, GrantView, given(owner, key, session, salt=b"\1" * 32))
    owner.revoke_grant(session)
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the chain")
    again = owner._client.send("POST", path, GrantView, given(owner, key, session, salt=b"\2" * 32))
    assert again.status == "signed"


def test_one_that_is_revoked_on_chain_is_not_taken(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    session = owner.create_session(5, 3_600)
    asked = given(owner, key, session)
    assert asked.contract == owner.network().contracts.allowance
    own_desk(owner).perform(
        "revoke it", grant_calls.revoke(asked.contract, grant_hash(grant_of(asked.grant)))
    )
    with pytest.raises(GrantMismatch, match="for ever"):
        owner._client.send("POST", f"/agents/session/{session.session_id}/grant", GrantView, asked)


def test_a_relay_is_for_its_own_session_alone(world: World, owner: BuyerAgent) -> None:
    delegate, other = world.delegate(granted(owner)), world.delegate(granted(owner))
    hold = delegate.spend("1", payee=world.stack.wallet().address)
    asked = delegate._signed_spend(delegate._grant(), hold, hold.view.payee or "", OTHER)
    with pytest.raises(NotFound):
        other._client.send("POST", f"/spends/{hold.id}/relay", RelayView, asked)
    path = f"/spends/{hold.id}/relay"
    own = delegate._signed_spend(
        delegate._grant(), hold, hold.view.payee or "", delegate.network().relayer or ""
    )
    relay = delegate._client.send("POST", path, RelayView, own)
    with pytest.raises(NotFound):
        other._client.get(f"/relays/{relay.id}", RelayView)
    assert owner._client.get(f"/relays/{relay.id}", RelayView).purpose == f"pay {hold.id}"


def test_a_signature_of_another_key_is_refused(world: World, owner: BuyerAgent) -> None:
    delegate = world.delegate(granted(owner))
    hold = delegate.spend("1", payee=world.stack.wallet().address)
    network = delegate.network()
    asked = delegate._signed_spend(delegate._grant(), hold, hold.view.payee or "", network.relayer or "")
    for changed in (
        msgspec.structs.replace(asked, nonce=str(int(asked.nonce) + 1)),
        msgspec.structs.replace(asked, signed_until=asked.signed_until + 1),
        msgspec.structs.replace(asked, payee=delegate.wallet_address),
        msgspec.structs.replace(asked, signature="0x" + "11" * 64 + "1b"),
    ):
        with pytest.raises(InvalidInput, match="signature"):
            delegate._client.send("POST", f"/spends/{hold.id}/relay", RelayView, changed)
    assert delegate.get_spend(hold.id).state == "held", "nothing was kept"
    assert delegate.draw(hold).state == "captured"


def test_the_operator_resolves_a_dispute(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    shop = world.shop()
    session = granted(owner)
    delegate = world.delegate(session)
    checkout = delegate.purchase(shop.service_id)
    delegate.fund_and_verify(checkout)
    shop.seller.deliver(checkout.id, {"done": False})
    shop.seller.submit_delivery(checkout.id, {"done": False})
    assert delegate.dispute(checkout.id, "nothing was done").status == "disputed"
    delegate.submit_evidence(checkout.id, "text", "it says itself that nothing was done")
    path = f"/api/v1/operator/transactions/{checkout.id}/dispute"
    with httpx.Client(base_url=world.stack.base_url, trust_env=False) as http:
        for token in (None, "x" * 40, owner.api_key.reveal() if owner.api_key else ""):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            assert http.get(path, headers=headers).status_code == 401
        http.headers["Authorization"] = f"Bearer {world.stack.operator_token}"
        told = http.get(path).json()["data"]
        assert told["reason"] == "nothing was done"
        assert [one["submittedBy"] for one in told["evidence"]] == ["buyer"]
        for wrong in ({"outcome": "split"}, {"outcome": "seller_paid", "buyerPercent": 3}, {"outcome": "x"}):
            assert http.post(f"{path}/resolve", json=wrong).status_code == 400
        before = world.stack.units(key.address)
        asked = {"outcome": "split", "buyerPercent": 25}
        relay = http.post(f"{path}/resolve", json=asked).json()["data"]
        assert http.post(f"{path}/resolve", json=asked).json()["data"]["id"] == relay["id"]
        wait_until(
            lambda: http.get(f"/api/v1/operator/relays/{relay['id']}").json()["data"]["state"] == "done", 20
        )
    wait_until(lambda: owner.get_transaction(checkout.id).status == "completed", "the chain")
    assert world.stack.units(key.address) == before + 2_500_000, "to the owner"
    assert world.stack.units(shop.key.address) == 7_500_000


def test_an_owner_acts_for_a_delegate_that_is_gone(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    """OWNER_CAN_ALWAYS_RECLAIM: with nothing of the session but its id."""
    shop = world.shop()
    session = granted(owner)
    checkout = (delegate := world.delegate(session)).purchase(shop.service_id)
    delegate.fund_and_verify(checkout)
    delegate.close()
    owner.revoke_session(session)
    shop.seller.deliver(checkout.id, {"done": True})
    shop.seller.submit_delivery(checkout.id, {"done": True})
    assert owner.confirm_and_release(checkout.id, session=session.session_id).status == "completed"
    assert owner.reclaim_session(key.address, session=session.session_id) is None, "there is nothing there"
