"""Sessions in the making: their keys in the owner's state folder, there before the platform learns of them.

They are sealed under a key that follows from the owner's API key, as the platform keeps its answer to the same request.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.crypto.secret import Secret
from valetkey.sdk.kept_sessions import key_hash_of
from valetkey.sdk.state import StateFolder, StateUnusable

ROOM = "making"
PURPOSE = "sessions in the making v1"


class KeptMaking(msgspec.Struct, kw_only=True):
    """Private keys in hex, and the request that tells the platform of them: the same bytes every time."""

    wallet: str
    e2e: str
    path: str
    asked: str

    @classmethod
    def new(cls, path: str) -> "KeptMaking":
        """Keys from the operating system's randomness; what is asked is still to be said."""
        wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
        return cls(wallet=wallet.to_hex(), e2e=e2e.to_hex(), path=path, asked="")

    @property
    def wallet_key(self) -> PrivateKey:
        """The session key."""
        return PrivateKey.from_hex(self.wallet)

    @property
    def e2e_key(self) -> PrivateKey:
        """What its deliveries are encrypted to."""
        return PrivateKey.from_hex(self.e2e)

    @property
    def key_hash(self) -> str:
        """What identifies the session."""
        return key_hash_of(self.wallet_key)

    def __repr__(self) -> str:
        return f"<KeptMaking {self.key_hash}>"


@dataclass(frozen=True, slots=True)
class Makings:
    """The sessions in the making of one owner. Every method raises StateUnusable."""

    state: StateFolder
    credential: Secret

    def name(self, key: str) -> str:
        """What an idempotency key's session is kept under: two owners of one folder may use the same."""
        told = f"{self.credential.reveal()}\n{key}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(told).hexdigest()

    def keep(self, name: str, kept: KeptMaking) -> None:
        """On the disk when this returns."""
        self.state.write(ROOM, name, seal(self._key(), msgspec.json.encode(kept), name.encode("ascii")))

    def find(self, name: str) -> KeptMaking | None:
        """What is kept; None when nothing is."""
        sealed = self.state.read(ROOM, name)
        if sealed is None:
            return None
        kept = None
        try:
            kept = msgspec.json.decode(unseal(self._key(), sealed, name.encode("ascii")), type=KeptMaking)
        except (DecryptionFailed, msgspec.MsgspecError):
            kept = None
        if kept is None:
            raise StateUnusable("what is kept of this session in the making cannot be read")
        return kept

    def forget(self, name: str) -> None:
        """The keys are kept elsewhere, or nobody will have such a session."""
        self.state.remove(ROOM, name)

    def _key(self) -> bytes:
        return derive_key(self.credential.reveal().encode("utf-8", "surrogatepass"), PURPOSE)
