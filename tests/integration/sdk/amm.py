"""Contracts of contracts/tests/doubles on a running development chain: tokens, a pool with its router, and bad ones."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from vyper.compiler import compile_code

from tests.fixtures_stack import RunningStack
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import checksum_address, keccak256

DOUBLES = Path(__file__).parents[3] / "contracts" / "tests" / "doubles"
COIN = 10**18

KEEPING, GREEDY, TRYING, ENTERING, FAKING, SHORT, REFUSING = range(1, 8)
"""Modes of HostileRouter."""


@cache
def bytecode(name: str) -> str:
    return str(compile_code((DOUBLES / f"{name}.vy").read_text(), output_formats=["bytecode"])["bytecode"])


@dataclass(frozen=True)
class Contract:
    """A contract that was deployed by the chain's first account, which also calls it."""

    stack: RunningStack
    address: str

    def send(self, signature: str, *arguments: Any) -> None:
        self.stack.rpc._send({"to": self.address, "data": self._data(signature, arguments)})

    def ask(self, signature: str, *arguments: Any) -> int:
        asked = {"to": self.address, "data": self._data(signature, arguments)}
        return int(self.stack.rpc.call("eth_call", asked, "latest"), 16)

    def has(self, account: str) -> int:
        """Of a token: what an account has."""
        return self.ask("balanceOf(address)", account)

    @staticmethod
    def _data(signature: str, arguments: tuple[Any, ...]) -> str:
        types = [one for one in signature[signature.index("(") + 1 : -1].split(",") if one]
        return "0x" + (keccak256(signature.encode())[:4] + encode(types, arguments)).hex()


def deploy(stack: RunningStack, name: str, types: tuple[str, ...] = (), *arguments: Any) -> Contract:
    data = bytecode(name) + encode(types, arguments).hex()
    sender = stack.rpc.call("eth_accounts")[0]
    sent = stack.rpc.call("eth_sendTransaction", {"from": sender, "data": data, "gas": hex(4_000_000)})
    receipt = stack.rpc.call("eth_getTransactionReceipt", sent)
    assert int(receipt["status"], 16) == 1, name
    return Contract(stack, checksum_address(receipt["contractAddress"]))


def token(stack: RunningStack, symbol: str = "WETH", *, strict: bool = False) -> Contract:
    return deploy(stack, "PlainToken", ("string", "bool"), symbol, strict)


@dataclass(frozen=True)
class Market:
    """A pool of 200,000 USDC and 100 of another token, and the router over it."""

    usdc: Contract
    weth: Contract
    pool: Contract
    router: Contract


def market(stack: RunningStack) -> Market:
    usdc, weth = Contract(stack, stack.contracts["usdc"]), token(stack)
    pool = deploy(stack, "Pool", ("address", "address"), usdc.address, weth.address)
    usdc.send("mint(address,uint256)", pool.address, 200_000 * USDC)
    weth.send("mint(address,uint256)", pool.address, 100 * COIN)
    pool.send("fill()")
    router = deploy(stack, "Router")
    router.send("add(address)", pool.address)
    return Market(usdc, weth, pool, router)
