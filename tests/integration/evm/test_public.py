"""Deploying to a public chain: killed at every transaction, without the proxy, without money, on the wrong chain."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import pytest
import rlp
from eth_account import Account

from tests.fixtures_chain import ACCOUNTS, ChainRpc
from valetkey.chains.devchain import DevChain, dev_private_key
from valetkey.chains.evm import create2
from valetkey.chains.evm.deployer import Deployer, DeploymentFailed
from valetkey.chains.evm.networks import Addresses
from valetkey.chains.evm.node import AsyncNode, NodeRefused
from valetkey.chains.evm.public import Check, Roles, Survey, carry_out, survey, verify
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey, checksum_address, keccak256

CHAIN_ID = 31337
KEY = PrivateKey(dev_private_key(1))
TREASURY, RESOLVER = ("0x" + digit * 40 for digit in "23")
SEND = "eth_sendRawTransaction"
SENDS = 8
"""The proxy's transaction is offered, paid for and sent; three contracts; two calls of the owner."""

How = Literal["once it is in a block", "on its way"]


class Killed(BaseException):
    """What nobody catches."""


class PublicNode(AsyncNode):
    """A node without the methods of a development chain; it may die at its n-th sending, and refuse in its own way."""

    def __init__(self, rpc_url: str, kill_at: int = 0, how: How = "once it is in a block") -> None:
        super().__init__(rpc_url)
        self.kill_at = kill_at
        self.how = how
        self.sent = 0
        self.says_of_unprotected: str | None = None

    async def call(self, method: str, *params: Any) -> Any:
        if method.startswith(("anvil_", "hardhat_")):
            raise NodeRefused(f"no {method}", -32601, "method not found")
        if method != SEND:
            return await super().call(method, *params)
        self.sent += 1
        if self.says_of_unprotected and params[0] == "0x" + create2.PROXY_TRANSACTION.hex():
            raise NodeRefused(f"the node refused {SEND}", -32000, self.says_of_unprotected)
        dies = self.sent == self.kill_at
        if dies and self.how == "on its way":
            await super().call("evm_setAutomine", False)
        try:
            return await super().call(method, *params)
        finally:
            if dies:
                raise Killed


@pytest.fixture(scope="module")
def bare() -> Iterator[DevChain]:
    """A chain on which nothing of ours is but a token."""
    with DevChain.start(engine="py-evm", chain_id=CHAIN_ID) as running:
        yield running


@pytest.fixture(scope="module")
def token(bare: DevChain) -> str:
    async def make() -> str:
        node = AsyncNode(bare.rpc_url)
        try:
            return await Deployer(node, LocalSigner(PrivateKey(dev_private_key(2))), CHAIN_ID).create(
                "TestUSDC"
            )
        finally:
            await node.close()

    return asyncio.run(make())


@pytest.fixture
def chain(bare: DevChain, token: str) -> Iterator[ChainRpc]:
    """The bare chain; what a test does to it is undone."""
    rpc = ChainRpc(bare)
    before = rpc("evm_snapshot")
    yield rpc
    rpc("evm_setAutomine", True)
    assert rpc("evm_revert", before) is True
    rpc.close()


@pytest.fixture
def roles(token: str) -> Roles:
    return Roles(owner=KEY_ADDRESS, treasury=TREASURY, resolver=RESOLVER, tokens=(token,))


KEY_ADDRESS = LocalSigner(KEY).address

Work = Callable[[Deployer], Awaitable[Any]]


async def on(node: AsyncNode, work: Work, key: PrivateKey = KEY) -> Any:
    try:
        return await work(Deployer(node, LocalSigner(key), CHAIN_ID))
    finally:
        await node.close()


def run(node: AsyncNode, work: Work, key: PrivateKey = KEY) -> Any:
    return asyncio.run(on(node, work, key))


def deploying(roles: Roles) -> Work:
    async def work(deployer: Deployer) -> Survey:
        await carry_out(deployer, await survey(deployer, CHAIN_ID, roles), lambda text: None)
        return await survey(deployer, CHAIN_ID, roles)

    return work


def checks(chain: ChainRpc, done: Survey, token: str, roles: Roles | None) -> list[Check]:
    at = Addresses(done.address("Escrow"), done.address("Score"), token)
    found: list[Check] = run(
        PublicNode(chain.rpc_url),
        lambda deployer: verify(deployer, at, done.address("SessionAllowance"), roles),
    )
    return found


def sent_by(chain: ChainRpc, address: str) -> int:
    return int(chain("eth_getTransactionCount", address, "latest"), 16)


def wei(chain: ChainRpc, address: str) -> int:
    return int(chain("eth_getBalance", address, "latest"), 16)


def test_the_proxys_maker_and_address_follow_from_its_transaction() -> None:
    """Checked by other people's code: who signed it, and what such an account creates first."""
    assert Account.recover_transaction(create2.PROXY_TRANSACTION) == create2.PROXY_MAKER
    first = keccak256(rlp.encode([bytes.fromhex(create2.PROXY_MAKER[2:]), 0]))
    assert checksum_address("0x" + first[-20:].hex()) == create2.PROXY
    # EIP-1014's own formula, with its example of a creation by nobody in particular.
    made = keccak256(b"\xff" + bytes(20) + bytes(32) + keccak256(b"\0"))[-20:]
    assert "0x" + made.hex() == "0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"


def test_where_the_proxy_is_missing_it_is_brought_by_its_own_transaction(
    chain: ChainRpc, roles: Roles
) -> None:
    node = PublicNode(chain.rpc_url)
    before = run(PublicNode(chain.rpc_url), lambda deployer: survey(deployer, CHAIN_ID, roles))
    assert not before.has_proxy
    done = run(node, deploying(roles))
    assert (done.is_done, done.has_proxy, node.sent) == (True, True, SENDS)
    assert bytes.fromhex(chain("eth_getCode", create2.PROXY, "latest")[2:]) == create2.PROXY_CODE
    assert all(one.holds for one in checks(chain, done, roles.tokens[0], roles))
    assert {one.name: one.address for one in before.pieces} == {one.name: one.address for one in done.pieces}


@pytest.mark.parametrize("how", ["once it is in a block", "on its way"])
@pytest.mark.parametrize("kill_at", range(1, SENDS + 1))
def test_a_run_that_was_killed_at_any_transaction_goes_on(
    chain: ChainRpc, roles: Roles, kill_at: int, how: How
) -> None:
    """Nothing is sent twice: the account has sent as many transactions in the end as without the kill."""
    with pytest.raises(Killed):
        run(PublicNode(chain.rpc_url, kill_at, how), deploying(roles))

    async def again() -> Survey:
        miner = asyncio.create_task(mining())
        try:
            return await on(PublicNode(chain.rpc_url), deploying(roles))  # type: ignore[no-any-return]
        finally:
            miner.cancel()

    async def mining() -> None:
        node = AsyncNode(chain.rpc_url)
        try:
            while True:
                await asyncio.sleep(0.2)
                await node.call("evm_mine")
        finally:
            await node.close()

    done = asyncio.run(again()) if how == "on its way" else run(PublicNode(chain.rpc_url), deploying(roles))
    assert done.is_done
    assert sent_by(chain, KEY_ADDRESS) == SENDS - 2, "all but the proxy's own, which was offered twice"
    assert sent_by(chain, create2.PROXY_MAKER) == 1
    assert all(one.holds for one in checks(chain, done, roles.tokens[0], roles))


def test_a_second_run_sends_nothing(chain: ChainRpc, roles: Roles) -> None:
    run(PublicNode(chain.rpc_url), deploying(roles))
    node = PublicNode(chain.rpc_url)
    assert run(node, deploying(roles)).is_done
    assert node.sent == 0


def test_two_runs_of_two_people_make_the_same_contracts(chain: ChainRpc, roles: Roles) -> None:
    """Who deploys does not matter: the other one finds everything there, but for the owner's calls."""
    other = PrivateKey(dev_private_key(3))
    made = run(PublicNode(chain.rpc_url), deploying(roles), other)
    assert all(one.is_there for one in made.pieces)
    assert not made.is_done
    wrong = {one.what for one in checks(chain, made, roles.tokens[0], roles) if not one.holds}
    assert wrong == {"Escrow: allowance", "Score: escrow records"}
    node = PublicNode(chain.rpc_url)
    assert run(node, deploying(roles)).is_done
    assert node.sent == len(made.settings)


@pytest.mark.parametrize(
    "words",
    ["only replay-protected (EIP-155) transactions allowed over RPC", "tx is not EIP155 signed"],
)
def test_a_chain_that_takes_no_unprotected_transaction_costs_nothing(
    chain: ChainRpc, roles: Roles, words: str
) -> None:
    node = PublicNode(chain.rpc_url)
    node.says_of_unprotected = words
    with pytest.raises(DeploymentFailed, match="takes no transaction without a chain id"):
        run(node, deploying(roles))
    assert wei(chain, create2.PROXY_MAKER) == 0
    assert sent_by(chain, KEY_ADDRESS) == 0


def test_a_refusal_in_other_words_is_told_and_gone_on_with(chain: ChainRpc, roles: Roles) -> None:
    node = PublicNode(chain.rpc_url)
    node.says_of_unprotected = "chain id required, see http://node.example/s3cret"
    with pytest.raises(DeploymentFailed, match="refused the transaction of the deployment proxy") as caught:
        run(node, deploying(roles))
    assert "s3cret" not in str(caught.value)
    # Its maker keeps what it was given, for the node that takes the transaction.
    assert wei(chain, create2.PROXY_MAKER) == create2.PROXY_WEI
    assert run(PublicNode(chain.rpc_url), deploying(roles)).is_done
    assert wei(chain, create2.PROXY_MAKER) < create2.PROXY_WEI


def test_another_contract_in_the_proxys_place_is_not_called(chain: ChainRpc, roles: Roles) -> None:
    chain("anvil_setCode", create2.PROXY, "0x6001")
    node = PublicNode(chain.rpc_url)
    with pytest.raises(DeploymentFailed, match="another contract than the deployment proxy"):
        run(node, deploying(roles))
    assert node.sent == 0


def test_a_token_of_another_chain_is_refused_before_anything_is_sent(chain: ChainRpc, roles: Roles) -> None:
    elsewhere = checksum_address("0x" + "5c" * 20)
    wrong = Roles(owner=KEY_ADDRESS, treasury=TREASURY, resolver=RESOLVER, tokens=(*roles.tokens, elsewhere))
    node = PublicNode(chain.rpc_url)
    with pytest.raises(InvalidInput, match=f"there is no token {elsewhere} on chain {CHAIN_ID}"):
        run(node, deploying(wrong))
    assert node.sent == 0


def test_too_little_money_is_said_before_anything_is_sent(chain: ChainRpc, roles: Roles) -> None:
    poor = PrivateKey.generate()
    chain("anvil_setBalance", LocalSigner(poor).address, hex(10**15))
    node = PublicNode(chain.rpc_url)
    with pytest.raises(InvalidInput, match="takes about"):
        run(node, deploying(roles), poor)
    assert node.sent == 0
    assert poor.to_hex(prefix=False) not in repr(roles)


@pytest.mark.parametrize("name", ["owner", "treasury", "resolver", "tokens"])
def test_nobody_has_a_role(name: str) -> None:
    nobody = "0x" + "0" * 40
    whole: dict[str, Any] = dict.fromkeys(("owner", "treasury", "resolver"), ACCOUNTS[4])
    whole |= {"tokens": (ACCOUNTS[5],)} | {name: (nobody,) if name == "tokens" else nobody}
    with pytest.raises(InvalidInput):
        Roles(**whole)
    with pytest.raises(InvalidInput):
        Roles(**whole | {"tokens": ()})


def test_verifying_finds_each_thing_that_is_not_so(chain: ChainRpc, roles: Roles) -> None:
    """One change at a time: the check of that thing fails, and no other."""
    done = run(PublicNode(chain.rpc_url), deploying(roles))
    escrow, score = done.address("Escrow"), done.address("Score")
    token, stranger = roles.tokens[0], ACCOUNTS[6]

    def call(to: str, function: str, *words: str | int) -> Callable[[], None]:
        fields = b"".join(
            (bytes.fromhex(one[2:]) if isinstance(one, str) else one.to_bytes(32)).rjust(32, b"\0")
            for one in words
        )
        data = "0x" + (keccak256(function.encode())[:4] + fields).hex()
        return lambda: chain("eth_sendTransaction", {"from": KEY_ADDRESS, "to": to, "data": data})

    changes: dict[str, Callable[[], Any]] = {
        "Escrow: paused": call(escrow, "pause()"),
        "Escrow: score": call(escrow, "setScore(address)", token),
        "Escrow: allowance": call(escrow, "setAllowance(address)", 0),
        "Escrow: token supported": call(escrow, "setTokenSupported(address,bool)", token, 0),
        "Escrow: treasury": call(escrow, "setTreasury(address)", stranger),
        "Escrow: resolver": call(escrow, "setResolver(address)", stranger),
        "Escrow: pending owner": call(escrow, "transferOwnership(address)", stranger),
        "Score: pending owner": call(score, "transferOwnership(address)", stranger),
        "Score: escrow records": call(score, "setRecorder(address,bool)", escrow, 0),
        "token: code": lambda: chain("anvil_setCode", token, "0x"),
        "SessionAllowance: code": lambda: chain("anvil_setCode", done.address("SessionAllowance"), "0x6001"),
        "Score: code": lambda: chain("anvil_setCode", score, "0x"),
        "Escrow: code": lambda: chain("anvil_setCode", escrow, "0x6001"),
    }
    assert all(one.holds for one in checks(chain, done, token, roles))
    for what, change in changes.items():
        before = chain("evm_snapshot")
        change()
        assert {one.what for one in checks(chain, done, token, roles) if not one.holds} == {what}
        chain("evm_revert", before)
