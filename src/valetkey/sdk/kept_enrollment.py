"""Keys that a delegate made for itself, in its state folder: there before anybody learns of them.

A file is readable by its owner alone; under a lock it is ciphertext, too.
"""

import os
from dataclasses import dataclass
from typing import Self

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.locks.header import Header
from valetkey.crypto.locks.records import open_record, seal_record
from valetkey.crypto.secret import Secret
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import DamagedRecord
from valetkey.sdk.errors import NotConfigured, NotFound
from valetkey.sdk.keys_at_rest import PASSPHRASE, PASSPHRASE_FILE, Lock, lock_from
from valetkey.sdk.state import StateFolder
from valetkey.wire.enrollment import EnrollRequest, KeySet, parse_code, sign_enrollment

ROOM = "enrollments"


class KeptEnrollment(msgspec.Struct, kw_only=True):
    """Private keys in hex, what they were enrolled with, and the session once there is one."""

    wallet: str
    e2e: str
    proof: str
    label: str | None = None
    owner: str | None = None
    session_id: str = ""
    token: str = ""

    @classmethod
    def new(cls, label: str | None, owner: str | None) -> Self:
        """Keys from the operating system's randomness."""
        return cls(
            wallet=PrivateKey.generate().to_hex(),
            e2e=PrivateKey.generate().to_hex(),
            proof=SigningKey.generate().secret().hex(),
            label=label,
            owner=owner,
        )

    @property
    def wallet_key(self) -> PrivateKey:
        """The session key."""
        return PrivateKey.from_hex(self.wallet)

    @property
    def e2e_key(self) -> PrivateKey:
        """What deliveries, and the session's token, are encrypted to."""
        return PrivateKey.from_hex(self.e2e)

    @property
    def proof_key(self) -> SigningKey:
        """What requests are signed with."""
        return SigningKey(bytes.fromhex(self.proof))

    @property
    def keys(self) -> KeySet:
        """The public keys, which may be told."""
        return KeySet(
            self.wallet_key.public_key_compressed,
            self.e2e_key.public_key_compressed,
            self.proof_key.public_key,
            self.label,
            self.owner,
        )

    def request(self) -> EnrollRequest:
        """What registers them: the same bytes every time."""
        return sign_enrollment(self.keys, self.wallet_key, self.proof_key)

    def __repr__(self) -> str:
        return f"<KeptEnrollment {self.keys.code} {self.session_id}>"


class _File(msgspec.Struct):
    """How one is written: as it is, or as a header and a record of the keystore's formats."""

    plain: KeptEnrollment | None = None
    header: bytes | None = None
    record: bytes | None = None


def lock_or_none(given: Lock | Secret | str | None) -> Lock | None:
    """The lock that is given, or that of the environment's passphrase; None where there is neither."""
    if given is None and not (os.environ.get(PASSPHRASE) or os.environ.get(PASSPHRASE_FILE)):
        return None
    return lock_from(given)


@dataclass(frozen=True, slots=True)
class KeptEnrollments:
    """The enrolments of a state folder. `lock`: what new ones are encrypted with; None keeps them as they are."""

    state: StateFolder
    lock: Lock | None = None

    def keep(self, kept: KeptEnrollment) -> None:
        """On the disk when this returns. Raises StateUnusable."""
        code = kept.keys.code
        if self.lock is None:
            self.state.write(ROOM, code, msgspec.json.encode(_File(plain=kept)))
            return
        header = self.lock.new_header()
        secret = bytearray(msgspec.json.encode(kept))
        try:
            with self.lock.key(header) as key:
                record = seal_record(key, header.encode(), code, secret)
        finally:
            wipe(secret)
        self.state.write(ROOM, code, msgspec.json.encode(_File(header=header.encode(), record=record)))

    def find(self, code: str | None) -> KeptEnrollment:
        """One by its code; without, the only one. Raises NotFound, InvalidInput, DamagedRecord, WrongSecret."""
        if code is None:
            names = self.state.names(ROOM)
            if len(names) != 1:
                raise InvalidInput(f"there are {len(names)} enrolments here: name one by its code")
            code = names[0]
        code = parse_code(code)
        data = self.state.read(ROOM, code)
        if data is None:
            raise NotFound("the keys of this enrolment are not in this state folder", code="not_found")
        kept = self._opened(code, data)
        if kept is None or kept.keys.code != code:
            raise DamagedRecord("what is kept of this enrolment cannot be read")
        return kept

    def _opened(self, code: str, data: bytes) -> KeptEnrollment | None:
        try:
            file = msgspec.json.decode(data, type=_File)
            if file.header is None or file.record is None:
                return file.plain
            if self.lock is None:
                raise NotConfigured(
                    f"these keys are encrypted: pass the lock, or set {PASSPHRASE} or {PASSPHRASE_FILE}"
                )
            with self.lock.key(Header.decode(file.header)) as key:
                secret = open_record(key, file.header, code, file.record)
            try:
                return msgspec.json.decode(bytes(secret), type=KeptEnrollment)
            finally:
                wipe(secret)
        except msgspec.MsgspecError:
            return None
