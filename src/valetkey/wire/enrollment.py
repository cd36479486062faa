"""An enrolment: public keys that a delegate made for itself, the short code that follows from them, JSON about it.

The message is `Valetkey enrolment v1`, a line break, and canonical JSON. The code is a hash of it, so that whoever has
the code knows the keys, whatever a platform in between answers.
"""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta, field

from valetkey.core.errors import InvalidInput
from valetkey.core.tree import GRACE_SECONDS_MAX
from valetkey.crypto.ed25519 import PUBLIC_KEY_BYTES, SigningKey, is_signed
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import PrivateKey, address_of, checksum_address, is_address, load_public_key
from valetkey.crypto.signatures import recover_message_address, sign_message
from valetkey.wire.policies import PolicyRules
from valetkey.wire.sessions import UNIX_SECONDS_MAX, Label
from valetkey.wire.shape import END, Request, View, check_amount

TITLE = "Valetkey enrolment v1"
MESSAGE_CHARS_MAX = 2_000
LABEL_CHARS_MAX = 200

CODE_BYTES = 10
"""80 bits: nobody finds other keys for a code that is there."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no letter that looks like another one."""

_CODE_CHARS = 16
_READ_AS = str.maketrans("OIL", "011", "- ")


@dataclass(frozen=True, slots=True)
class KeySet:
    """Public keys of a delegate: its session key and encryption key (33 bytes of secp256k1), its proof key (Ed25519).

    `label` is what the delegate calls itself. `owner`: the wallet (EIP-55) of the only owner that it works for; None is
    whoever has the code.
    """

    session: bytes
    e2e: bytes
    proof: bytes
    label: str | None = None
    owner: str | None = None

    @property
    def wallet(self) -> str:
        """The address of the session key, EIP-55."""
        return address_of(self.session)

    @property
    def message(self) -> str:
        """The text that is signed, and that the code follows from."""
        told = {
            "e2e": self.e2e.hex(),
            "label": self.label,
            "owner": self.owner,
            "proof": self.proof.hex(),
            "session": self.session.hex(),
        }
        return f"{TITLE}\n{json.dumps(told, sort_keys=True, separators=(',', ':'))}"

    @property
    def code(self) -> str:
        """What is told to the owner: XXXX-XXXX-XXXX-XXXX."""
        return code_of(self.message)


def code_of(message: str) -> str:
    """The code of a message."""
    number = int.from_bytes(hashlib.sha256(message.encode("utf-8", "surrogatepass")).digest()[:CODE_BYTES])
    letters = "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (_CODE_CHARS - 1), -1, -5))
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_CHARS, 4))


def parse_code(text: str) -> str:
    """A code as somebody typed it: in any case, with or without dashes, O for 0, I or L for 1. Raises InvalidInput."""
    letters = text.upper().translate(_READ_AS) if isinstance(text, str) and len(text) <= 64 else ""
    if len(letters) != _CODE_CHARS or not set(letters) <= set(ALPHABET):
        raise InvalidInput(
            "an enrolment code is 16 letters and digits, XXXX-XXXX-XXXX-XXXX",
            code="enrollment_code_malformed",
        )
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_CHARS, 4))


def sign_enrollment(keys: KeySet, wallet: PrivateKey, proof: SigningKey) -> "EnrollRequest":
    """The request that registers keys: both of those that act sign for the whole set."""
    message = keys.message
    return EnrollRequest(
        message=message,
        signature="0x" + sign_message(wallet, message.encode()).hex(),
        proof_signature=proof.sign(message.encode()).hex(),
    )


def read_enrollment(message: str, signature: bytes, proof_signature: bytes) -> KeySet:
    """The keys of an enrolment, whose holder signed for them. Raises InvalidInput.

    Only the one text that `sign_enrollment` would write is read, so that keys have one code.
    """
    title, _, text = message.partition("\n")
    if title != TITLE or len(message) > MESSAGE_CHARS_MAX:
        _fail("the message is no enrolment of this version")
    told: Any = None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    keys = _key_set(told)
    if keys is None or keys.message != message:
        _fail("the enrolment is not written in the one form that is signed")
    for key in (keys.session, keys.e2e):
        load_public_key(key)
    if keys.session == keys.e2e:
        _fail("the session key and the encryption key are two keys")
    signer = ""
    try:
        signer = recover_message_address(message.encode(), signature)
    except InvalidSignature:
        signer = ""
    if signer != keys.wallet or not is_signed(keys.proof, message.encode(), proof_signature):
        raise InvalidInput("the enrolment is not signed by its own keys", code="invalid_signature")
    return keys


def _key_set(told: Any) -> KeySet | None:
    if not isinstance(told, dict) or set(told) != {"e2e", "label", "owner", "proof", "session"}:
        return None
    session, e2e, proof = (_bytes(told[name]) for name in ("session", "e2e", "proof"))
    label, owner = told["label"], told["owner"]
    if session is None or e2e is None or proof is None or len(proof) != PUBLIC_KEY_BYTES:
        return None
    if len(session) != PUBLIC_KEY_BYTES + 1 or len(e2e) != PUBLIC_KEY_BYTES + 1:
        return None
    if label is not None and not (
        isinstance(label, str) and 1 <= len(label) <= LABEL_CHARS_MAX and label.isprintable()
    ):
        return None
    if owner is not None and not (
        isinstance(owner, str) and is_address(owner) and checksum_address(owner) == owner
    ):
        return None
    return KeySet(session, e2e, proof, label, owner)


def _bytes(text: object) -> bytes | None:
    try:
        return (
            bytes.fromhex(text) if isinstance(text, str) and len(text) <= 2 * (PUBLIC_KEY_BYTES + 1) else None
        )
    except ValueError:
        return None


def box_context(code: str, session_id: str) -> bytes:
    """What the sealed token of an enrolment is bound to."""
    return f"valetkey enrolment {code} {session_id}".encode()


class EnrollRequest(Request):
    """POST /enrollments: the message, signed by the session key (EIP-191) and by the proof key (Ed25519)."""

    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX)]
    signature: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{130}" + END)]
    proof_signature: Annotated[str, Meta(pattern="^[0-9a-fA-F]{128}" + END)]


class EnrollmentView(View):
    """An enrolment. `status` is `open`, `used` or `expired`; `expires_at` (ISO-8601) is when an open one ends.

    `message` and its signatures are what was registered: look whether the code follows from it. Of a used one,
    `session_id`, `agent_id` and `owner_wallet` say what became of it; `sealed_token` (base64) is told to its delegate
    alone, who alone can open it.
    """

    code: str
    status: Literal["open", "used", "expired"]
    expires_at: str
    message: str
    signature: str
    proof_signature: str
    session_id: str | None = None
    agent_id: str | None = None
    owner_wallet: str | None = None
    sealed_token: str | None = None


class EnrolledSessionRequest(PolicyRules, kw_only=True):
    """POST /enrollments/{code}/session: the rules of a session for these keys; as in POST /agents/session.

    `funding` of a buyer's is `grant`: what its wallet held, nobody but its delegate could bring back.
    """

    expiry: int | None = None
    expires_at: Annotated[int, Meta(ge=1, le=UNIX_SECONDS_MAX)] | None = None
    role: Literal["buyer", "seller"] = "buyer"
    label: Label | None = None
    sole_label: bool = False
    not_before: Annotated[int, Meta(ge=0)] | None = None
    delegate: Annotated[str, Meta(max_length=200)] | None = None
    funding: Literal["wallet", "grant"] = "grant"


class EnrolledRotationRequest(Request):
    """POST /enrollments/{code}/rotation: put a session for these keys in the place of one; as in its rotation."""

    session_id: Annotated[str, Meta(min_length=1, max_length=200)]
    expiry: Annotated[int, Meta(ge=1)] | None = None
    budget_usdc: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    grace_seconds: Annotated[int, Meta(ge=0, le=GRACE_SECONDS_MAX)] = 60
    carry_over: bool = True
    label: Label | None = None

    def __post_init__(self) -> None:
        if self.budget_usdc is not msgspec.UNSET:
            check_amount(self.budget_usdc, "budgetUsdc")


class EnrolledSession(View):
    """The answer to a session for an enrolment: no token, which is sealed to its delegate. `expires_at` is ISO-8601."""

    session_id: str
    expires_at: str
    proof: str = field(default_factory=lambda: "required")


def _fail(message: str) -> NoReturn:
    raise InvalidInput(message, code="enrollment_malformed")
