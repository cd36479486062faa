"""Approvals, contract calls, coins: what may be called, what it may take, and what the ledger is told of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sdk import amm
from tests.integration.sdk.amm import COIN, Contract
from tests.integration.sdk.clients import CHAIN, Desk
from tests.integration.sdk.world import World
from valetkey import Approve, ContractCall, InvalidInput, Transfer
from valetkey.chains.evm.errors import CallReverts
from valetkey.cli.dev_rpc import ETH, USDC
from valetkey.core.money import NATIVE
from valetkey.sdk.chain_config import ChainConfig
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.errors import (
    InsufficientFunds,
    NoLimitForAsset,
    OperationNotAllowed,
    PayeeNotAllowed,
)

DEPOSIT, PING, MOVE = "deposit(address,uint256)", "ping(uint256)", "transfer(address,uint256)"


@pytest.fixture(scope="module")
def vault(stack: Any) -> Contract:
    """A contract that takes what a call says, or twice that."""
    return amm.deploy(stack, "HostileRouter")


@pytest.fixture(params=["grant", "wallet"])
def funding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def session_for(desk: Desk, funding: str, contracts: dict[str, list[str]], **rules: Any) -> ClientSession:
    asked = {"label": "caller", "spending_limit": "100", "valid_until": timedelta(hours=1), **rules}
    session = desk.client.create_session(funding=funding, allowed_contracts=contracts, **asked)
    if funding == "wallet":
        desk.client.fund_session(session, "50")
    return session


def deposit(desk: Desk, vault: Contract, units: int, **members: Any) -> ContractCall:
    usdc = desk.world.stack.contracts["usdc"]
    return ContractCall(to=vault.address, function=DEPOSIT, args=[usdc, units], **members)


def allowance(desk: Desk, session: ClientSession, spender: Contract) -> int:
    usdc = Contract(desk.world.stack, desk.world.stack.contracts["usdc"])
    return usdc.ask("allowance(address,address)", session.wallet_address, spender.address)


def remaining(desk: Desk, session: ClientSession) -> Decimal | None:
    return desk.client.get_session(session).remaining_limit


def test_an_approval_is_exact_counts_as_spent_and_is_given_once(
    world: World, desk: Desk, vault: Contract, funding: str
) -> None:
    session = session_for(desk, funding, {vault.address: [PING]})
    action = Approve(spender=vault.address, amount="12.5")
    first = desk.client.execute(session, action, idempotency_key="a")
    assert allowance(desk, session, vault) == 12_500_000
    assert (first.amount, first.remaining_limit) == (Decimal("12.5"), Decimal("87.5"))
    vault.send(
        "take(address,address,uint256)", world.stack.contracts["usdc"], session.wallet_address, 12_500_000
    )
    assert desk.client.execute(session, action, idempotency_key="a").receipt == first.receipt
    assert allowance(desk, session, vault) == 0, "asked again, and not given again"
    assert remaining(desk, session) == Decimal("87.5")


def test_a_call_takes_what_it_says_and_is_told_so(desk: Desk, vault: Contract, funding: str) -> None:
    vault.send("behave(uint256,address)", 0, NATIVE)
    session = session_for(desk, funding, {vault.address: [DEPOSIT]})
    before = desk.world.stack.units(vault.address)
    done = desk.client.execute(session, deposit(desk, vault, 7 * USDC, max_spend="10"), idempotency_key="d")
    assert desk.world.stack.units(vault.address) - before == 7 * USDC
    assert allowance(desk, session, vault) == 0, "what was left of it is taken back"
    assert done.amount == Decimal(7)
    again = desk.client.execute(session, deposit(desk, vault, 7 * USDC, max_spend="10"), idempotency_key="d")
    assert again.receipt == done.receipt
    assert desk.world.stack.units(vault.address) - before == 7 * USDC
    if funding == "wallet":
        assert remaining(desk, session) == Decimal(93), "the owner's client says that less moved"
    else:
        assert desk.world.stack.units(session.wallet_address or "") == 0, "the rest went home"


def test_a_call_that_would_take_more_than_its_bound_is_refused(
    desk: Desk, vault: Contract, funding: str
) -> None:
    vault.send("behave(uint256,address)", amm.GREEDY, NATIVE)
    session = session_for(desk, funding, {vault.address: [DEPOSIT]})
    before = desk.world.stack.units(vault.address)
    with pytest.raises(CallReverts):
        desk.client.execute(session, deposit(desk, vault, 7 * USDC, max_spend="10"))
    assert desk.world.stack.units(vault.address) == before
    assert allowance(desk, session, vault) == 0
    if funding == "wallet":
        assert remaining(desk, session) == Decimal(100)


def test_a_call_after_an_approval_is_not_counted_twice(desk: Desk, vault: Contract) -> None:
    vault.send("behave(uint256,address)", 0, NATIVE)
    session = session_for(desk, "wallet", {vault.address: [DEPOSIT]})
    desk.client.execute(session, Approve(spender=vault.address, amount="9"))
    assert remaining(desk, session) == Decimal(91)
    done = desk.client.execute(session, deposit(desk, vault, 9 * USDC))
    assert done.amount == Decimal(0)
    assert remaining(desk, session) == Decimal(91)


def test_a_call_that_refuses_gives_its_hold_back(desk: Desk, vault: Contract, funding: str) -> None:
    vault.send("behave(uint256,address)", amm.REFUSING, NATIVE)
    session = session_for(desk, funding, {vault.address: [PING]})
    with pytest.raises(CallReverts, match="not today"):
        desk.client.execute(session, ContractCall(to=vault.address, function=PING, args=[1]))
    vault.send("behave(uint256,address)", 0, NATIVE)
    assert desk.client.execute(session, ContractCall(to=vault.address, function=PING, args=[1])).receipt
    assert remaining(desk, session) == Decimal(100)


def test_calldata_of_somebody_else_is_checked_against_its_function(desk: Desk, vault: Contract) -> None:
    vault.send("behave(uint256,address)", 0, NATIVE)
    session = session_for(desk, "grant", {vault.address: [PING]})
    data = ContractCall(to=vault.address, function=PING, args=[5]).calldata
    assert desk.client.execute(session, ContractCall(to=vault.address, function=PING, data=data)).receipt
    for wrong in (data + b"\0", data[:-1], b"\1" + data[1:]):
        with pytest.raises(InvalidInput):
            ContractCall(to=vault.address, function=PING, data=wrong)


def test_only_pairs_of_contract_and_function_that_are_named_are_called(desk: Desk, vault: Contract) -> None:
    other = amm.deploy(desk.world.stack, "HostileRouter")
    session = session_for(desk, "grant", {vault.address: [PING], other.address: [DEPOSIT]})
    for to, function, args in (
        (vault, DEPOSIT, [NATIVE, 1]),
        (other, PING, [1]),
    ):
        with pytest.raises(OperationNotAllowed) as refused:
            desk.client.execute(session, ContractCall(to=to.address, function=function, args=args))
        assert refused.value.rule == "allowed_operations"
    with pytest.raises(OperationNotAllowed):
        desk.client.execute(session, Approve(spender=desk.world.stack.contracts["escrow"], amount=1))


def test_a_tokens_own_transfer_pays_who_may_be_paid(world: World, desk: Desk) -> None:
    usdc, payee = world.stack.contracts["usdc"], world.stack.wallet().address
    session = session_for(desk, "wallet", {usdc: [MOVE]}, allowed_payees=[payee])
    call = ContractCall(to=usdc, function=MOVE, args=[payee, 3 * USDC], max_spend=3)
    assert desk.client.execute(session, call).amount == Decimal(3)
    assert world.stack.units(payee) == 3 * USDC
    stranger = ContractCall(to=usdc, function=MOVE, args=[world.stack.wallet().address, USDC], max_spend=1)
    with pytest.raises(PayeeNotAllowed):
        desk.client.execute(session, stranger)
    with pytest.raises(InvalidInput) as refused:
        desk.client.execute(
            session, ContractCall(to=usdc, function=MOVE, args=[payee, 4 * USDC], max_spend=3)
        )
    assert refused.value.field == "max_spend"


def test_coins_have_a_limit_of_their_own(world: World, desk: Desk, vault: Contract) -> None:
    vault.send("behave(uint256,address)", 0, NATIVE)
    session = desk.client.create_session(
        label="coins",
        spending_limit="10",
        valid_until=timedelta(hours=1),
        limits={"ETH": "0.1"},
        allowed_contracts={vault.address: [PING]},
    )
    assert session.funding == "wallet", "a grant pays no coins"
    world.stack.supply(session.wallet_address or "", 0)
    payee = world.stack.rpc
    receiver = "0x" + "ab" * 20
    before = payee.wei(receiver)
    sent = desk.client.execute(
        session, Transfer(to=receiver, amount="0.02", token="ETH"), idempotency_key="e"
    )
    assert payee.wei(receiver) - before == ETH // 50
    assert (sent.token, sent.remaining_limit) == ("ETH", Decimal("0.08"))
    ping = ContractCall(to=vault.address, function=PING, args=[1], value="0.03")
    assert desk.client.execute(session, ping).remaining_limit == Decimal("0.05")
    assert payee.wei(vault.address) >= 3 * ETH // 100
    plain = desk.client.create_session(
        label="no coins", spending_limit="10", valid_until=timedelta(hours=1), funding="wallet"
    )
    with pytest.raises(NoLimitForAsset):
        desk.client.execute(plain, Transfer(to=receiver, amount="0.02", token="ETH"))


def test_a_token_that_wants_nothing_first_gets_it(world: World, desk: Desk, vault: Contract) -> None:
    strict = amm.token(world.stack, "DAI", strict=True)
    chain = ChainConfig(CHAIN, world.stack.chain_id, tokens={"DAI": (strict.address, 18)})
    with desk.again(chain=chain) as client:
        session = client.create_session(
            label="strict",
            spending_limit=0,
            valid_until=timedelta(hours=1),
            limits={"DAI": "10"},
            allowed_tokens=["DAI"],
            allowed_contracts={vault.address: []},
        )
        world.stack.supply(session.wallet_address or "")
        strict.send("mint(address,uint256)", session.wallet_address, 10 * COIN)
        for amount in ("2", "3.000000000000000001"):
            client.execute(session, Approve(spender=vault.address, amount=amount, token="DAI"))
        given = strict.ask("allowance(address,address)", session.wallet_address, vault.address)
        assert given == 3 * COIN + 1
        left = client.execute(session, Transfer(to=desk.key.address, amount=1, token="DAI")).remaining_limit
        assert left == Decimal("3.999999999999999999")
    wrong = ChainConfig(CHAIN, world.stack.chain_id, tokens={"DAI": (strict.address, 6)})
    with desk.again(chain=wrong) as client:
        with pytest.raises(InvalidInput, match="decimals"):
            client.execute(session, Transfer(to=desk.key.address, amount=1, token="DAI"))


def test_without_gas_and_without_a_signer_it_says_what_to_do(desk: Desk, vault: Contract) -> None:
    session = session_for(desk, "grant", {vault.address: [PING]})
    with desk.again(signer=None) as client:
        with pytest.raises(InsufficientFunds, match="signer"):
            client.execute(session, ContractCall(to=vault.address, function=PING, args=[1]))


def test_a_wallet_that_is_empty_signs_nothing(world: World, desk: Desk) -> None:
    session = desk.client.create_session(
        label="empty", spending_limit="10", valid_until=timedelta(hours=1), funding="wallet"
    )
    action = Transfer(to=desk.key.address, amount=1)
    with pytest.raises(InsufficientFunds):
        desk.client.execute(session, action, idempotency_key="later")
    desk.client.fund_session(session, "5")
    assert desk.client.execute(session, action, idempotency_key="later").amount == Decimal(1)
    assert desk.client.reclaim_session(session)
    assert world.stack.units(session.wallet_address or "") == 0
