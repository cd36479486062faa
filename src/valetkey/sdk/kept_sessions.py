"""A session as the keystore holds it: its keys before the platform learns of it, and its bundle from then on."""

import hashlib
from dataclasses import dataclass

import msgspec

from valetkey.crypto.ed25519 import SigningKey, ed25519_key_hash
from valetkey.crypto.keys import PrivateKey, session_key_hash
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import DamagedRecord, Keystore

LATE_SECONDS = 60
"""A request with an end in seconds from now that was never answered is made anew after this."""


class KeptSession(msgspec.Struct, kw_only=True):
    """Keys, and the request that tells the platform of them: the same bytes under the same idempotency key.

    wallet, e2e: private keys in hex; seed: instead of wallet on Solana, with the token in the
    place of a bundle. path, asked, key: the request, its JSON and its key; made_at: when it was written.
    terms: what was asked for, as a digest. bundle and session_id are there once
    the platform has answered; granted: once its grant, or its allotment, is given.
    """

    wallet: str
    e2e: str
    path: str
    asked: str
    key: str
    made_at: int
    terms: str
    chain_id: int
    funding: str
    label: str
    bundle: str = ""
    session_id: str = ""
    granted: bool = False
    seed: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"<KeptSession {self.key_hash} {self.session_id}>"

    @property
    def wallet_key(self) -> PrivateKey:
        """The session key."""
        return PrivateKey.from_hex(self.wallet)

    @property
    def is_made(self) -> bool:
        """Whether the platform knows it."""
        return bool(self.bundle or self.token)

    @property
    def replaces(self) -> str | None:
        """The id of the session whose place this one took; None of one that was made anew."""
        parts = self.path.split("/")
        return parts[-2] if parts[-1] == "rotate" else None

    @property
    def solana_key(self) -> SigningKey:
        """The session key of a session on Solana."""
        return SigningKey(bytes.fromhex(self.seed))

    @property
    def e2e_key(self) -> PrivateKey:
        """What its deliveries are encrypted to."""
        return PrivateKey.from_hex(self.e2e)

    @property
    def key_hash(self) -> str:
        """What identifies the session: 0x and 64 hex digits."""
        if self.seed:
            return "0x" + ed25519_key_hash(self.solana_key.public_key).hex()
        return key_hash_of(self.wallet_key)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The sessions of a keystore. Every method raises what the keystore raises."""

    store: Keystore

    def keep(self, kept: KeptSession) -> None:
        """Durable when this returns."""
        self.store.put(_name(kept.key_hash), msgspec.json.encode(kept))

    def find(self, key_hash: str) -> KeptSession | None:
        """The session of a key; None when its keys are not here. Raises DamagedRecord."""
        secret = self.store.get(_name(key_hash))
        if secret is None:
            return None
        kept = None
        try:
            kept = msgspec.json.decode(bytes(secret), type=KeptSession)
        except msgspec.MsgspecError:
            kept = None
        finally:
            secret[:] = bytes(len(secret))
        if kept is None:
            raise DamagedRecord("what is kept of this session cannot be read")
        return kept

    def begin(self, request: str, key_hash: str) -> None:
        """Remember which session a request makes."""
        self.store.put(f"request {request}", key_hash.encode("ascii"))

    def begun(self, request: str) -> KeptSession | None:
        """The session that a request began to make."""
        found = self.store.get(f"request {request}")
        return None if found is None else self.find(bytes(found).decode("ascii"))

    def forget(self, kept: KeptSession, request: str) -> None:
        """Remove a session that the platform refused to make."""
        self.store.remove(f"request {request}")
        self.store.remove(_name(kept.key_hash))


def key_hash_of(key: PrivateKey) -> str:
    """The session_key_hash of a session key: 0x and 64 hex digits."""
    return "0x" + session_key_hash(key.public_key).hex()


def request_name(credential: Secret, key: str) -> str:
    """A name for a caller's idempotency key: two callers may use the same."""
    return hashlib.sha256(f"{credential.reveal()}\n{key}".encode("utf-8", "replace")).hexdigest()


def _name(key_hash: str) -> str:
    return f"session {key_hash.lower()}"
