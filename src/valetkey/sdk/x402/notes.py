"""What a paying client remembers of a request until it is answered: in the state folder, before anybody is told.

Each payment under way is one's alone, by a lock; what nobody holds was cut off, and whoever asks the same goes on with
the same bytes.
"""

import hashlib
import secrets
from dataclasses import dataclass

import msgspec

from valetkey.sdk.state import StateFolder, StateUnusable
from valetkey.wire.channels import Voucher

ROOM = "x402"
PAYEES = "x402-payees"
LOCKS = "locks"
PREFIX_CHARS = 40


class Note(msgspec.Struct, frozen=True):
    """A payment: its offer; then the spend that holds its money, what was signed and what carries it; then its end.

    Out of a channel: the channel's name, the voucher, how many base units of it are this request's, and whether the
    deposit is sent with it.
    """

    offer: bytes
    spend_id: str | None = None
    header: str | None = None
    value: str | None = None
    payload: bytes = b""
    reference: str | None = None
    done: bool = False
    channel: str | None = None
    voucher: Voucher | None = None
    units: int = 0
    opens: bool = False

    @property
    def total(self) -> int:
        """What the voucher lets a seller claim in all; 0 without one."""
        return 0 if self.voucher is None else int(self.voucher.total)

    def __repr__(self) -> str:
        return f"<Note {self.spend_id} {self.reference}>"


@dataclass
class Taken:
    """A payment under way here, until it is let go."""

    name: str
    lock: int
    note: Note | None

    def key(self, offer: bytes) -> str:
        """The idempotency key of its spend: of this request, this attempt and this offer.

        With a key of the caller's own, of that alone: for another offer it is refused, not paid once more.
        """
        if self.name.endswith("-key"):
            offer = b""
        return "x402-" + hashlib.sha256(self.name.encode() + b"\n" + offer).hexdigest()


class Notes:
    """Notes by the request that they are of."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder

    def take(self, fingerprint: str, *, keyed: bool) -> Taken | None:
        """A payment of this request that was cut off, or a new one. None: with a key of its own, while it is held.

        `keyed`: the caller named the request, so there is one payment of it, for ever.
        """
        self._folder.check_writable(ROOM)
        prefix = fingerprint[:PREFIX_CHARS]
        if keyed:
            name = f"{prefix}-key"
            lock = self._folder.try_lock(f"x402-{name}")
            return None if lock is None else self._taken(name, lock)
        for name in self._folder.names(ROOM):
            if not name.startswith(f"{prefix}-") or name.endswith("-key"):
                continue
            lock = self._folder.try_lock(f"x402-{name}")
            if lock is None:
                continue
            found = self._taken(name, lock)
            if found.note is not None:
                return found
            # Its holder was done with it meanwhile.
            self.release(found)
        return self._new(prefix)

    def of_key(self, fingerprint: str) -> Note | None:
        """What is remembered of a request that its caller named; None when nothing is."""
        return self._read(f"{fingerprint[:PREFIX_CHARS]}-key")

    def of_name(self, name: str) -> Note | None:
        """What is remembered under the name of a payment under way; None when nothing is."""
        return self._read(name)

    def keep(self, taken: Taken, note: Note) -> None:
        """On the disk when this returns."""
        self._folder.write(ROOM, taken.name, msgspec.json.encode(note))
        taken.note = note

    def finish(self, taken: Taken) -> None:
        """The request was answered. One with a key of its own stays, so that the same key never pays again."""
        if taken.name.endswith("-key") and taken.note is not None:
            self.keep(taken, msgspec.structs.replace(taken.note, done=True))
        else:
            self.drop(taken)

    def drop(self, taken: Taken) -> None:
        """Nothing can come of it any more."""
        self._folder.remove(ROOM, taken.name)
        taken.note = None

    def renew(self, taken: Taken) -> None:
        """Forget it and begin anew: another attempt has another idempotency key. Not for one with a key of its own."""
        self.drop(taken)
        if taken.name.endswith("-key"):
            return
        self.release(taken)
        fresh = self._new(taken.name.rpartition("-")[0])
        taken.name, taken.lock = fresh.name, fresh.lock

    def release(self, taken: Taken) -> None:
        """Let go; what is remembered stays."""
        if taken.note is None and not taken.name.endswith("-key"):
            # Its name is never used again.
            self._folder.remove(LOCKS, f"x402-{taken.name}")
        self._folder.unlock(taken.lock)

    def payee(self, wallet: str, host: str) -> str | None:
        """Whom a host was paid to first; None before."""
        found = self._folder.read(PAYEES, _name(wallet, host))
        return None if found is None else found.decode("ascii", "replace")

    def remember_payee(self, wallet: str, host: str, payee: str) -> None:
        """From here on this is whom the host is paid to."""
        self._folder.write(PAYEES, _name(wallet, host), payee.encode("ascii"))

    def _new(self, prefix: str) -> Taken:
        name = f"{prefix}-{secrets.token_hex(16)}"
        lock = self._folder.try_lock(f"x402-{name}")
        assert lock is not None, "nobody else draws this name"
        return Taken(name, lock, None)

    def _taken(self, name: str, lock: int) -> Taken:
        try:
            return Taken(name, lock, self._read(name))
        except BaseException:
            self._folder.unlock(lock)
            raise

    def _read(self, name: str) -> Note | None:
        kept = self._folder.read(ROOM, name)
        if kept is None:
            return None
        try:
            return msgspec.json.decode(kept, type=Note)
        except msgspec.MsgspecError:
            raise StateUnusable("a signed payment in the state folder cannot be read") from None


def _name(wallet: str, host: str) -> str:
    return hashlib.sha256(f"{wallet.lower()} {host}".encode()).hexdigest()
