"""What the operator of a studio lends to whoever signs in: a wallet to sign with, and where keys of sessions rest."""

import threading
from dataclasses import dataclass, field

from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """`key`: of the owner's wallet. `passphrase`: of the keystore in the state folder. `solana`: of an account there.

    All may be missing.

    `token`: of the address that signs in once, by that key; see sign_in_address.py.

    Without a passphrase the keys of a session are in the studio's memory until it is handed over.
    """

    key: PrivateKey | None = field(default=None, repr=False)
    passphrase: Secret | None = field(default=None, repr=False)
    solana: Secret | None = field(default=None, repr=False)
    token: Secret | None = field(default=None, repr=False)

    def solana_key(self, owner_wallet: str) -> Secret | None:
        """Its key on Solana, for the owner of its wallet alone, and where a keystore keeps what nothing hands over."""
        is_owner_s = self.address(owner_wallet) is not None and self.passphrase is not None
        return self.solana if is_owner_s else None

    def address(self, owner_wallet: str) -> str | None:
        """The address of its wallet where it is the owner's; nobody signs for another owner."""
        if self.key is None or self.key.address.lower() != owner_wallet.lower():
            return None
        return self.key.address


class HeldKeys:
    """Keys in the memory of this process, for as long as it lives or until they are forgotten (ports/keystore.py)."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<HeldKeys {len(self._kept)}>"

    def put(self, name: str, secret: bytes | bytearray) -> None:
        """Keep a secret."""
        with self._lock:
            self._kept[name] = bytes(secret)

    def get(self, name: str) -> bytearray | None:
        """The secret; None when nothing has this name."""
        with self._lock:
            found = self._kept.get(name)
        return None if found is None else bytearray(found)

    def names(self) -> list[str]:
        """The names of all, in order."""
        with self._lock:
            return sorted(self._kept)

    def remove(self, name: str) -> bool:
        """Forget one; False when there was none."""
        with self._lock:
            return self._kept.pop(name, None) is not None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()

    def close(self) -> None:
        """They are forgotten by `clear` alone: a making that failed goes on with them."""
