"""A narrowing: what makes a child session out of a session, signed with the parent's session key, without a network.

The message is `Valetkey attenuation v1`, a line break, and canonical JSON; it is signed as wallets do (EIP-191). The
child's id follows from the message, so that registering a narrowing twice is registering it once.
"""

import json
import re
from dataclasses import dataclass, fields
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, is_id, make_id
from valetkey.core.tree import DEPTH_MAX, Narrowing
from valetkey.core.windows import Window
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import PrivateKey, is_address, keccak256
from valetkey.crypto.signatures import recover_message, sign_message
from valetkey.wire.shape import PublicKeyHex, Request

TITLE = "Valetkey attenuation v1"
MESSAGE_CHARS_MAX = 65_536

_SETS = (
    "allowed_services",
    "allowed_assets",
    "allowed_chains",
    "allowed_payees",
    "allowed_operations",
    "without",
)
_AMOUNTS = ("budget", "per_spend", "approval_above")
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 25
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)


class SignedNarrowing(Request):
    """A narrowing on the wire: the message, and its signature by the parent's session key (0x hex, 65 bytes)."""

    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX)]
    signature: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{130}$", max_length=132)]


class AttenuateRequest(Request):
    """POST /agents/session/attenuate: a child, after those of its ancestors that may not be registered yet.

    `session_public_key` is that of the child's wallet (66 hex digits), which the last narrowing names. Those of the
    others need not be told: each signed the next one.
    """

    narrowings: Annotated[list[SignedNarrowing], Meta(min_length=1, max_length=DEPTH_MAX)]
    session_public_key: PublicKeyHex | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Attenuation:
    """What a narrowing says. `token_hash` is the SHA-256 of the child's token, which the parent made.

    `wallet` is the child's session wallet (EIP-55), `e2e_public_key` its encryption key (33 bytes) or None. `proof_key`
    is what its requests are signed with (32 bytes of Ed25519); None where its token alone is enough.
    """

    parent_id: str
    wallet: str
    e2e_public_key: bytes | None
    token_hash: bytes
    label: str | None
    narrowing: Narrowing
    proof_key: bytes | None = None

    @property
    def message(self) -> str:
        """The text that is signed."""
        return f"{TITLE}\n{json.dumps(_told(self), sort_keys=True, separators=(',', ':'))}"

    @property
    def child_id(self) -> str:
        """The child's session id: of the message, so that nobody chooses it."""
        return child_id(self.message)


def child_id(message: str) -> str:
    """The session id that a narrowing's message makes."""
    number = int.from_bytes(keccak256(message.encode()))
    letters = ""
    for _ in range(_ID_CHARS):
        number, rest = divmod(number, len(_ID_ALPHABET))
        letters += _ID_ALPHABET[rest]
    return make_id(Kind.SESSION, letters)


def sign(attenuation: Attenuation, parent_key: PrivateKey) -> SignedNarrowing:
    """Sign a narrowing with the parent's session wallet."""
    message = attenuation.message
    return SignedNarrowing(message=message, signature="0x" + sign_message(parent_key, message.encode()).hex())


def signer_key(signed: SignedNarrowing) -> bytes:
    """The public key (65 bytes) that signed. Raises InvalidInput."""
    try:
        return recover_message(signed.message.encode(), bytes.fromhex(signed.signature[2:]))
    except InvalidSignature as error:
        raise InvalidInput(f"the narrowing is not signed: {error}", code="invalid_signature") from None


def read(signed: SignedNarrowing) -> Attenuation:
    """What a narrowing says; whose signature it is, is another question. Raises InvalidInput.

    Only the one text that `sign` would write is read, so that a message has one meaning and one id.
    """
    title, _, text = signed.message.partition("\n")
    if title != TITLE:
        raise InvalidInput("the message is no narrowing of this version", code="attenuation_malformed")
    try:
        told = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
        found = _read(told)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput("the narrowing cannot be read", code="attenuation_malformed") from None
    if found.message != signed.message:
        raise InvalidInput(
            "the narrowing is not written in the one form that is signed", code="attenuation_malformed"
        )
    return found


def _told(attenuation: Attenuation) -> dict[str, Any]:
    wanted = attenuation.narrowing
    rules: dict[str, Any] = {}
    for one in fields(wanted):
        value = getattr(wanted, one.name)
        if value is None or value == one.default:
            continue
        if one.name in _SETS:
            value = sorted(value)
        elif one.name in _AMOUNTS:
            value = str(value)
        elif one.name == "windows":
            value = [[window.seconds, str(window.limit)] for window in sorted(value)]
        rules[one.name] = value
    return {
        "parent": attenuation.parent_id,
        "wallet": attenuation.wallet,
        "e2e": attenuation.e2e_public_key.hex() if attenuation.e2e_public_key else None,
        "token": attenuation.token_hash.hex(),
        "label": attenuation.label,
        "rules": rules,
        **({} if attenuation.proof_key is None else {"proof": attenuation.proof_key.hex()}),
    }


def _read(told: dict[str, Any]) -> Attenuation:
    parent, wallet, label = told["parent"], told["wallet"], told["label"]
    if not is_id(Kind.SESSION, parent) or not is_address(wallet):
        raise InvalidInput(
            "a narrowing names its parent and the child's wallet", code="attenuation_malformed"
        )
    if label is not None and not (isinstance(label, str) and len(label) <= 200):
        raise InvalidInput("a label has at most 200 characters", code="attenuation_malformed")
    e2e, token = told["e2e"], told["token"]
    if len(token) != 64 or not _HEX.fullmatch(token) or not (e2e is None or len(e2e) == 66):
        raise InvalidInput("a narrowing names keys by hex", code="attenuation_malformed")
    proof = told.get("proof")
    if proof is not None and (len(proof) != 64 or not _HEX.fullmatch(proof)):
        raise InvalidInput("a narrowing names keys by hex", code="attenuation_malformed")
    rules: dict[str, Any] = {}
    for name, value in told["rules"].items():
        if name in _SETS:
            rules[name] = frozenset(_list(name, value))
        elif name in _AMOUNTS:
            rules[name] = _amount(value)
        elif name == "windows":
            rules[name] = tuple(Window(seconds, _amount(limit)) for seconds, limit in value)
        elif type(value) is int:
            rules[name] = value
        else:
            raise InvalidInput(f"{name} is a whole number", code="attenuation_malformed")
    return Attenuation(
        parent_id=parent,
        wallet=wallet,
        e2e_public_key=None if e2e is None else bytes.fromhex(e2e),
        token_hash=bytes.fromhex(token),
        label=label,
        narrowing=Narrowing(**rules),
        proof_key=None if proof is None else bytes.fromhex(proof),
    )


def _list(name: str, value: object) -> list[Any]:
    kind, said = (int, "whole numbers") if name == "allowed_chains" else (str, "texts")
    if not isinstance(value, list) or any(type(one) is not kind for one in value):
        raise InvalidInput(f"{name} is a list of {said}", code="attenuation_malformed")
    return value


def _amount(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 30:
        raise InvalidInput("an amount is digits, base units", code="attenuation_malformed")
    return int(text)


def _no_float(text: str) -> Any:
    raise InvalidInput(f"{text[:20]} is no whole number", code="attenuation_malformed")
