"""What wallets do on the chain in these tests: signed transactions, sent over JSON-RPC like anybody's."""

import time
from dataclasses import dataclass, field
from typing import Any

from eth_abi import encode
from web3 import Web3
from web3.types import TxReceipt

from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.wire.proofs import escrow_id

ETHER = 10**18


@dataclass
class Chain:
    """A development chain with the contracts on it; `rich` is an unlocked account full of ether."""

    rpc_url: str
    escrow: str
    score: str
    usdc: str
    rich: str = ""
    web3: Web3 = field(init=False)

    def __post_init__(self) -> None:
        self.web3 = Web3(Web3.HTTPProvider(self.rpc_url))
        self.rich = self.web3.eth.accounts[0]

    def rpc(self, method: str, *params: Any) -> Any:
        """One call of the node."""
        answer = self.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def supply(self, address: str, usdc: int = 0) -> None:
        """Give an account gas, and so many base units of USDC."""
        for transaction in (
            {"from": self.rich, "to": address, "value": ETHER},
            {
                "from": self.rich,
                "to": self.usdc,
                "gas": 300_000,
                "data": calldata("mint(address,uint256)", address, usdc),
            },
        ):
            tx_hash = self.web3.eth.send_transaction(transaction)  # type: ignore[arg-type]
            assert self.web3.eth.wait_for_transaction_receipt(tx_hash, 20)["status"] == 1

    def send(self, key: PrivateKey, to: str, data: str, *, gas: int = 1_000_000) -> TxReceipt:
        """Sign, send and wait; the receipt may be that of a reverted transaction."""
        raw = self.web3.eth.account.sign_transaction(
            {
                "to": to,
                "data": data,
                "value": 0,
                "gas": gas,
                "nonce": self.web3.eth.get_transaction_count(Web3.to_checksum_address(key.address)),
                "chainId": 84532,
                "maxFeePerGas": 5 * 10**9,
                "maxPriorityFeePerGas": 10**9,
                "type": 2,
            },
            key.secret(),
        )
        tx_hash = self.web3.eth.send_raw_transaction(raw.raw_transaction)
        return self.web3.eth.wait_for_transaction_receipt(tx_hash, 20)

    def pay(self, key: PrivateKey, made: Any, **changes: Any) -> str:
        """Approve and create the escrow that payment instructions ask for; the hash of the creation."""
        pay = {**made["paymentInstructions"], **changes}
        amount = int(pay["totalWithFee"])
        approved = self.send(key, self.usdc, calldata("approve(address,uint256)", self.escrow, amount))
        assert approved["status"] == 1
        deadline = int(self.web3.eth.get_block("latest")["timestamp"]) + 3_600
        receipt = self.send(
            key,
            self.escrow,
            calldata(
                "createEscrow(bytes32,address,uint256,address,uint256,uint256,uint256,bytes32)",
                bytes.fromhex(pay["escrowId"][2:]),
                pay["sellerAddress"],
                amount,
                self.usdc,
                deadline,
                0,
                0,
                bytes(32),
            ),
        )
        assert receipt["status"] == 1
        return "0x" + bytes(receipt["transactionHash"]).hex()

    def act(self, key: PrivateKey, function: str, transaction_id: str, *more: Any) -> None:
        """One call of the escrow contract about one escrow, that must succeed."""
        receipt = self.send(key, self.escrow, calldata(function, escrow_id(transaction_id), *more))
        assert receipt["status"] == 1

    def mine(self, blocks: int = 1) -> None:
        """New blocks, with the time of now or later."""
        for _ in range(blocks):
            self.rpc("evm_mine")

    def pass_time(self, seconds: int) -> None:
        """Let the chain's clock jump."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()


def calldata(function: str, *arguments: Any) -> str:
    """The call of a function by its signature."""
    types = [one for one in function[function.index("(") + 1 : -1].split(",") if one]
    return "0x" + (keccak256(function.encode())[:4] + encode(types, arguments)).hex()


def eventually(look: Any, wanted: Any, seconds: float = 90) -> None:
    """Wait until a look answers what is wanted."""
    deadline = time.monotonic() + seconds
    while (last := look()) != wanted:
        assert time.monotonic() < deadline, f"still {last!r}, not {wanted!r}"
        time.sleep(0.1)
