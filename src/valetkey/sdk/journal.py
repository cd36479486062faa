"""The journal of one wallet: signed transactions, stored before they are sent, until their outcome is recorded.

A step that was interrupted finds its bytes here and sends the same ones again.
"""

from dataclasses import dataclass

import msgspec

from valetkey.ports.wallet import SignedTransaction
from valetkey.sdk.state import StateFolder, StateUnusable

ROOM = "signed"


class _Row(msgspec.Struct):
    raw: bytes
    tx_hash: str
    nonce: int
    cost_max: int
    note: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed transaction and what the step wanted to remember with it."""

    signed: SignedTransaction
    note: str


class Journal:
    """Entries by their purpose, such as `pay txn_...`: one purpose has one signed transaction at a time."""

    def __init__(self, folder: StateFolder, chain_id: int, address: str) -> None:
        self._folder = folder
        self._wallet = f"{chain_id}-{address.lower()}"

    def keep(self, purpose: str, signed: SignedTransaction, note: str = "") -> Entry:
        """Store signed bytes; they are on the disk when this returns."""
        row = _Row(signed.raw, signed.tx_hash, signed.nonce, signed.cost_max, note)
        self._folder.write(ROOM, self._name(purpose), msgspec.json.encode(row))
        return Entry(signed, note)

    def find(self, purpose: str) -> Entry | None:
        """What was signed for a purpose and is not recorded as done."""
        kept = self._folder.read(ROOM, self._name(purpose))
        if kept is None:
            return None
        row = None
        try:
            row = msgspec.json.decode(kept, type=_Row)
        except msgspec.MsgspecError:
            row = None
        if row is None:
            raise StateUnusable("a signed transaction in the state folder cannot be read")
        return Entry(SignedTransaction(row.raw, row.tx_hash, row.nonce, row.cost_max), row.note)

    def forget(self, purpose: str) -> None:
        """The outcome is known and recorded where it counts."""
        self._folder.remove(ROOM, self._name(purpose))

    def try_lock(self) -> int | None:
        """The wallet's lock: one step at a time signs for a wallet, in all processes that share the folder."""
        return self._folder.try_lock(self._wallet)

    def unlock(self, lock: int) -> None:
        """Give the wallet's lock back."""
        self._folder.unlock(lock)

    def _name(self, purpose: str) -> str:
        return f"{self._wallet}-{purpose}".replace(" ", "-")
