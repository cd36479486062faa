"""An owner with money on a chain with the contracts, and managers of its file."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fixtures_chain import CHAIN_ID, ChainRpc
from valetkey.chains.evm.deploy import Deployed
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.ports.wallet import Call
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.wire import calls

USDC = 10**6
MONEY = 1_000 * USDC
HOUR = timedelta(hours=1)
PASSPHRASE = "correct horse battery staple"
PAYEE = "0x" + "5e" * 20


def cheap_lock(passphrase: str = PASSPHRASE) -> PassphraseLock:
    """A lock whose key takes no time to derive."""
    return PassphraseLock(Secret(passphrase), Argon2(memory_kib=64, iterations=1, lanes=1))


@dataclass
class World:
    """A chain, the contracts on it, and an owner with a thousand USDC and gas."""

    chain: ChainRpc
    at: Deployed
    folder: Path
    owner: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def file(self) -> Path:
        return self.folder / "manager.db"

    def furnish(self) -> None:
        self.give(self.owner.address, 10**18)
        self.mint(self.owner.address, MONEY)

    def manager(self, **given: Any) -> SessionKeyManager:
        """A manager of the owner's file; close it."""
        named: dict[str, Any] = {
            "chain": "baseSepolia",
            "rpc_url": self.chain.rpc_url,
            "path": self.file,
            "lock": cheap_lock(),
            "wait_seconds": 60.0,
        }
        return SessionKeyManager(self.owner.to_hex(), self.at.allowance, **named | given)

    def told(self) -> dict[str, str]:
        """What another process needs to open the same file."""
        return {
            "owner": self.owner.to_hex(),
            "contract": self.at.allowance,
            "rpc_url": self.chain.rpc_url,
            "path": str(self.file),
        }

    # The chain

    def give(self, address: str, wei: int) -> None:
        sender = self.chain("eth_accounts")[0]
        self.chain("eth_sendTransaction", {"from": sender, "to": address, "value": hex(wei)})

    def mint(self, address: str, units: int) -> None:
        selector = keccak256(b"mint(address,uint256)")[:4]
        word = bytes.fromhex(address[2:]).rjust(32, b"\0")
        self.send(self.owner, Call(self.at.usdc, selector + word + units.to_bytes(32, "big")))

    def send(self, key: PrivateKey, call: Call) -> str:
        """Send as anybody would, and expect success; the hash."""
        nonce = int(self.chain("eth_getTransactionCount", key.address, "latest"), 16)
        raw = LocalSigner(key).sign_transaction(
            {
                "type": 2,
                "chainId": CHAIN_ID,
                "nonce": nonce,
                "to": call.to,
                "value": call.value,
                "data": call.data,
                "gas": 1_000_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**6,
            }
        )
        tx_hash = self.chain("eth_sendRawTransaction", "0x" + raw.hex())
        receipt = self.chain("eth_getTransactionReceipt", tx_hash)
        assert int(receipt["status"], 16) == 1, "it reverted"
        return str(tx_hash)

    def units(self, address: str = PAYEE) -> int:
        """USDC of an address, in base units."""
        return self._number(calls.balance_of(self.at.usdc, address))

    def allowed(self) -> int:
        """What the contract may take of the owner's."""
        return self._number(calls.allowance(self.at.usdc, self.owner.address, self.at.allowance))

    def sent(self) -> int:
        """How many transactions of the owner are in blocks."""
        return int(self.chain("eth_getTransactionCount", self.owner.address, "latest"), 16)

    def _number(self, call: Call) -> int:
        answer = self.chain("eth_call", {"to": call.to, "data": "0x" + call.data.hex()}, "latest")
        return int(answer, 16)
