"""A few questions to the development chain, and its tap: ETH and test USDC for whoever plays."""

import time
from collections.abc import Sequence
from typing import Any

import httpx

from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import checksum_address, keccak256

TIMEOUT_SECONDS = 30.0
LOOK_SECONDS = 0.02
ETH = 10**18
USDC = 10**6

BALANCE_OF = keccak256(b"balanceOf(address)")[:4].hex()
TREASURY = keccak256(b"treasury()")[:4].hex()
MINT = keccak256(b"mint(address,uint256)")[:4].hex()


class DevRpc:
    """JSON-RPC to a development chain, whose well-known accounts sign for everybody."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._next = 0

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises ChainUnavailable when the chain does not answer, or answers an error."""
        self._next += 1
        request = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": list(params)}
        try:
            answer = self._http.post("/", json=request).json()
        except (httpx.HTTPError, ValueError):
            raise ChainUnavailable(f"the development chain did not answer {method}") from None
        if "error" in answer:
            raise ChainUnavailable(
                f"the development chain refused {method}: {answer['error'].get('message', '')}"
            )
        return answer["result"]

    def chain_id(self) -> int:
        return int(self.call("eth_chainId"), 16)

    def block_number(self) -> int:
        return int(self.call("eth_blockNumber"), 16)

    def wei(self, address: str) -> int:
        """Balance in wei."""
        return int(self.call("eth_getBalance", address, "latest"), 16)

    def units(self, token: str, address: str) -> int:
        """Token balance in base units."""
        data = "0x" + BALANCE_OF + _word(address)
        return int(self.call("eth_call", {"to": token, "data": data}, "latest"), 16)

    def treasury(self, escrow: str) -> str:
        """Where an escrow contract sends its fees, EIP-55."""
        word = self.call("eth_call", {"to": escrow, "data": "0x" + TREASURY}, "latest")
        return checksum_address("0x" + word[-40:])

    def has_code(self, address: str) -> bool:
        return len(self.call("eth_getCode", address, "latest")) > 2

    def give(self, address: str, wei: int) -> None:
        """Send ETH from the first well-known account."""
        self._send({"to": address, "value": hex(wei)})

    def mint(self, token: str, address: str, units: int) -> None:
        """Mint test USDC: its mint is open to everybody."""
        self._send({"to": token, "data": "0x" + MINT + _word(address) + f"{units:064x}"})

    def receipts_since(self, block: int) -> Sequence[dict[str, Any]]:
        """The receipts of every block after this one, each with the transaction's `value` added."""
        found: list[dict[str, Any]] = []
        for number in range(block + 1, self.block_number() + 1):
            full = self.call("eth_getBlockByNumber", hex(number), True)
            for transaction in full["transactions"]:
                receipt = self.call("eth_getTransactionReceipt", transaction["hash"])
                found.append(receipt | {"value": transaction["value"]})
        return found

    def _send(self, transaction: dict[str, Any]) -> None:
        sender = self.call("eth_accounts")[0]
        sent = self.call("eth_sendTransaction", {"from": sender, **transaction})
        # anvil answers before its block is there.
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (receipt := self.call("eth_getTransactionReceipt", sent)) is None:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        if receipt is None or int(receipt["status"], 16) != 1:
            raise ChainUnavailable("the development chain did not execute a transaction of its tap")


def _word(address: str) -> str:
    return address[2:].lower().rjust(64, "0")
