"""What owner and delegate do on Solana when they are told to: with a SessionKeyManager each, of one file."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from valetkey.cli.demo.around import take
from valetkey.core.errors import InvalidInput
from valetkey.crypto import base58
from valetkey.crypto.credentials import new_api_key
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.views import ManagedSession

Facts = dict[str, Any]
CHAIN = "solanaLocal"


class Absent:
    """An owner that is known by its address alone: whoever has this spends what was delegated, and opens nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.public_key = base58.decode(address)

    def sign(self, message: bytes) -> bytes:  # noqa: ARG002 - the shape of a signer
        raise InvalidInput("the owner is not here", field="signer")


class Owner:
    """Has the money; opens, revokes and empties sessions."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self._passphrase = new_api_key().reveal()
        self._manager: SessionKeyManager | None = None

    def wallet(self) -> Facts:
        return {"address": self._key.address}

    def begin(self, rpc_url: str, mint: str, file: str) -> Facts:
        """Open the file; what the delegate needs to open it, too."""
        self._manager = _opened(self._key, None, rpc_url, mint, file, self._passphrase)
        return {"passphrase": self._passphrase}

    def create_session(self, label: str, limit: str, seconds: int) -> Facts:
        made = self._mine.create_session(
            label=label, spending_limit=limit, valid_until=timedelta(seconds=seconds)
        )
        return _session(made)

    def revoke(self, key_hash: str) -> Facts:
        return {"on_chain": self._mine.revoke_session(key_hash).on_chain}

    def reclaim(self, key_hash: str) -> Facts:
        back = self._mine.reclaim(key_hash)
        return {"amount": str(back.amount), "lamports": back.lamports}

    def exposure(self, key_hash: str) -> Facts:
        return {"usdc": str(self._mine.exposure(key_hash))}

    def secrets(self) -> Mapping[str, str]:
        return {"owner_seed": self._key.secret().hex(), "passphrase": self._passphrase}

    @property
    def _mine(self) -> SessionKeyManager:
        assert self._manager is not None, "the story begins"
        return self._manager


class Delegate:
    """Spends what was delegated to it. It has no key of the owner's; its own pays the fees."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self._told: dict[str, str] = {}
        self._late: dict[str, int] = {}
        self._manager: SessionKeyManager | None = None

    def wallet(self) -> Facts:
        return {"address": self._key.address}

    def take_over(self, rpc_url: str, mint: str, file: str, passphrase: str, owner: str) -> None:
        self._told = {
            "rpc_url": rpc_url,
            "mint": mint,
            "file": file,
            "passphrase": passphrase,
            "owner": owner,
        }
        self._manager = _opened(
            Absent(owner), self._key, rpc_url, mint, file, passphrase, on_event=self._heard
        )

    def restore(self, key_hash: str) -> Facts:
        return _session(self._mine.restore_session(key_hash))

    def spend(self, key_hash: str, to: str, amount: str, idempotency_key: str) -> Facts:
        spent = self._mine.spend(key_hash, to=to, amount=amount, idempotency_key=idempotency_key)
        return {
            "state": spent.state,
            "tx_hash": spent.receipt.tx_hash,
            "remaining": str(spent.remaining),
            "hold_id": spent.hold_id,
        }

    def go_around(self, key_hash: str, payee: str, units: int) -> Facts:
        return take(**self._told, key_hash=key_hash, payee=payee, units=units, payer=self._key)

    def end(self, session_id: str) -> Facts:
        """Submit what the owner signed in advance for every session whose time is over; how late that was."""
        self._mine.settle()
        return {"lateness_seconds": self._late[session_id]}

    def secrets(self) -> Mapping[str, str]:
        return {"delegate_seed": self._key.secret().hex()}

    def _heard(self, what: str, whom: str) -> None:
        if what == "ended":
            session_id, late = whom.split()
            self._late[session_id] = int(late)

    @property
    def _mine(self) -> SessionKeyManager:
        assert self._manager is not None, "the story begins"
        return self._manager


def _session(made: ManagedSession) -> Facts:
    return {
        "key_hash": made.session_key_hash,
        "session_id": made.session_id,
        "status": made.status,
        "wallet": made.wallet_address,
        "expires_at": int(made.expires_at.timestamp()),
    }


def _opened(
    signer: Any,
    payer: SigningKey | None,
    rpc_url: str,
    mint: str,
    file: str,
    passphrase: str,
    **given: Any,
) -> SessionKeyManager:
    return SessionKeyManager(
        signer,
        chain=CHAIN,
        rpc_url=rpc_url,
        mint=mint,
        path=file,
        lock=passphrase,
        gas_payer=payer,
        # Seconds, so that the story sees one end.
        lifetime_min=1,
        wait_seconds=30.0,
        **given,
    )
