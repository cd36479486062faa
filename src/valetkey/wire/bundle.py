"""The session bundle: what a delegate receives. `abba_session_bundle_` and base64 of eight JSON fields.

It holds two private keys and a token, so nothing here ever quotes any part of it.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, NoReturn

from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import DIGITS_MAX, parse_units
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire import js_json

BUNDLE_PREFIX = "abba_session_bundle_"
BUNDLE_CHARS_MAX = 32_768
FIELDS = (
    "token",
    "agentId",
    "budgetUsdc",
    "expiry",
    "walletPrivateKey",
    "walletAddress",
    "e2ePrivateKey",
    "e2ePublicKey",
)

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_NUMBER_CHARS_MAX = 2 * DIGITS_MAX
_EXPIRY_MAX = 2**53


class BundleCode(StrEnum):
    """Why a text is not a usable bundle."""

    MISSING_PREFIX = "bundle_missing_prefix"
    TOO_LONG = "bundle_too_long"
    BAD_BASE64 = "bundle_bad_base64"
    MISSING_PADDING = "bundle_missing_padding"
    BAD_JSON = "bundle_bad_json"
    MISSING_FIELD = "bundle_missing_field"
    MISSING_EXPIRY = "bundle_missing_expiry"
    EXTRA_FIELD = "bundle_extra_field"
    WRONG_TYPE = "bundle_wrong_type"
    BAD_BUDGET = "bundle_bad_budget"
    BAD_KEY = "bundle_bad_key"
    KEY_MISMATCH = "bundle_key_mismatch"
    EXPIRED = "bundle_expired"
    SEALED = "bundle_sealed"
    NOT_SEALED = "bundle_not_sealed"
    UNREADABLE = "bundle_unreadable"


class BundleError(InvalidInput):
    """A text that is not a usable bundle; `code` is a BundleCode. The message never quotes it."""

    code = "bundle_bad_json"


class BundleExpired(BundleError):
    """A sound bundle whose session has ended: ask the owner for a new one."""

    code = BundleCode.EXPIRED


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Bundle:
    """A session as it is handed over.

    `budget_usdc` is in USDC, None = unlimited; `expiry` in unix seconds; `agent_id` may be empty, and so may
    the token (the peer's seller sessions have none). `wallet_private_key` signs on chain, `e2e_private_key`
    reads encrypted payloads.
    """

    token: Secret
    agent_id: str
    budget_usdc: Decimal | None
    expiry: int
    wallet_private_key: PrivateKey
    e2e_private_key: PrivateKey

    @property
    def wallet_address(self) -> str:
        """The session wallet's address, EIP-55."""
        return self.wallet_private_key.address

    @property
    def e2e_public_key(self) -> str:
        """The compressed public key that payloads for this session are encrypted to: 66 hex digits, no 0x."""
        return self.e2e_private_key.public_key_compressed.hex()

    def serialize(self) -> str:
        """The bundle as text. Treat it like a private key."""
        budget = "null" if self.budget_usdc is None else js_json.decimal_text(self.budget_usdc)
        values = (
            js_json.stringify(self.token.reveal()),
            js_json.stringify(self.agent_id),
            budget,
            str(self.expiry),
            js_json.stringify(self.wallet_private_key.to_hex(prefix=True)),
            js_json.stringify(self.wallet_address),
            js_json.stringify(self.e2e_private_key.to_hex(prefix=False)),
            js_json.stringify(self.e2e_public_key),
        )
        body = "{" + ",".join(f'"{field}":{value}' for field, value in zip(FIELDS, values, strict=True)) + "}"
        return BUNDLE_PREFIX + base64.b64encode(body.encode("utf-8")).decode("ascii")

    def is_expired(self, now: int) -> bool:
        """Whether the bundle says that its session has ended (`expiry < now`, as the peer reads it)."""
        return self.expiry < now

    def __repr__(self) -> str:
        return f"<Bundle wallet_address={self.wallet_address} expiry={self.expiry}>"


def parse_bundle(text: str, now: int | None) -> Bundle:
    """Read a bundle. `now` is unix seconds; None leaves the expiry unchecked, to reclaim what is left.

    Fields may come in any order. Raises BundleError with its code, BundleExpired for an ended session.
    """
    fields = _fields(_json_text(text))
    bundle = Bundle(
        token=Secret(_text(fields, "token")),
        agent_id=_text(fields, "agentId"),
        budget_usdc=_budget(fields["budgetUsdc"]),
        expiry=_expiry(fields["expiry"]),
        wallet_private_key=_key(fields, "walletPrivateKey", prefix=True),
        e2e_private_key=_key(fields, "e2ePrivateKey", prefix=False),
    )
    if _text(fields, "walletAddress").lower() != bundle.wallet_address.lower():
        _fail(BundleCode.KEY_MISMATCH, "walletAddress is not the address of walletPrivateKey")
    if _text(fields, "e2ePublicKey").lower() != bundle.e2e_public_key:
        _fail(BundleCode.KEY_MISMATCH, "e2ePublicKey is not the public key of e2ePrivateKey")
    if now is not None and bundle.is_expired(now):
        raise BundleExpired("the session bundle has expired; ask the owner for a new session")
    return bundle


def _json_text(text: str) -> str:
    if not isinstance(text, str) or not text.startswith(BUNDLE_PREFIX):
        _fail(BundleCode.MISSING_PREFIX, f"a session bundle begins with {BUNDLE_PREFIX}")
    if len(text) > BUNDLE_CHARS_MAX:
        _fail(BundleCode.TOO_LONG, f"a session bundle has at most {BUNDLE_CHARS_MAX} characters")
    encoded = text[len(BUNDLE_PREFIX) :]
    if not encoded or not _BASE64.fullmatch(encoded):
        _fail(BundleCode.BAD_BASE64, "the bundle is not standard base64")
    if len(encoded) % 4:
        # A cut bundle and one without padding look alike; both were not copied whole.
        _fail(BundleCode.MISSING_PADDING, "the bundle's base64 lacks its padding: was it copied whole?")
    decoded = _decoded(encoded)
    if decoded is None:
        _fail(BundleCode.BAD_BASE64, "the bundle is not standard base64 of UTF-8 text")
    return decoded


def _decoded(encoded: str) -> str | None:
    try:
        raw = base64.b64decode(encoded, validate=True)
        # Spare bits in the last digit would make two texts of one bundle.
        return raw.decode("utf-8") if base64.b64encode(raw).decode("ascii") == encoded else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class _Number(str):
    """A number as it was written: doubles would round the budget."""

    __slots__ = ()


def _fields(body: str) -> dict[str, Any]:
    pairs = _pairs(body)
    if pairs is None:
        _fail(BundleCode.BAD_JSON, "the bundle does not hold a JSON object")
    fields = dict(pairs)
    if len(fields) != len(pairs) or fields.keys() - set(FIELDS):
        _fail(BundleCode.EXTRA_FIELD, "the bundle has a field too many")
    if "expiry" not in fields:
        _fail(BundleCode.MISSING_EXPIRY, "the bundle lacks expiry")
    for name in FIELDS:
        if name not in fields:
            _fail(BundleCode.MISSING_FIELD, f"the bundle lacks {name}")
    return fields


def _pairs(body: str) -> list[tuple[str, Any]] | None:
    def refuse(_constant: str) -> NoReturn:
        raise ValueError("not JSON")

    try:
        value = json.loads(
            body,
            object_pairs_hook=tuple,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=refuse,
        )
    except (ValueError, RecursionError):
        return None
    # Arrays come as lists: only objects come as tuples.
    return list(value) if isinstance(value, tuple) else None


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or isinstance(value, _Number):
        _fail(BundleCode.WRONG_TYPE, f"{name} is not a string")
    return value


def _budget(value: object) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, _Number):
        _fail(BundleCode.WRONG_TYPE, "budgetUsdc is neither a number nor null")
    amount = _decimal(value)
    try:
        # The peer also writes budgets finer than a base unit; what counts is that it is a plain amount.
        parse_units(value if amount is None else amount, _decimals(amount))
    except InvalidAmount:
        amount = None
    if amount is None:
        _fail(BundleCode.BAD_BUDGET, "budgetUsdc is not an amount of USDC")
    # abs() would round to the precision of the thread's decimal context.
    return amount.copy_abs()


def _decimal(number: str) -> Decimal | None:
    if len(number) > _NUMBER_CHARS_MAX:
        return None
    try:
        return Decimal(number)
    except InvalidOperation:
        # The exponent is beyond any decimal.
        return None


def _decimals(amount: Decimal | None) -> int:
    exponent = 0 if amount is None else amount.as_tuple().exponent
    return min(-exponent, DIGITS_MAX) if isinstance(exponent, int) and exponent < 0 else 0


def _expiry(value: object) -> int:
    number = _decimal(value) if isinstance(value, _Number) else None
    if number is None or abs(number.adjusted()) > DIGITS_MAX or number != number.to_integral_value():
        _fail(BundleCode.WRONG_TYPE, "expiry is not a whole number of unix seconds")
    if abs(number) > _EXPIRY_MAX:
        _fail(BundleCode.WRONG_TYPE, "expiry is out of range")
    return int(number)


def _key(fields: dict[str, Any], name: str, *, prefix: bool) -> PrivateKey:
    text = _text(fields, name)
    key = None
    try:
        key = PrivateKey.from_hex(text, prefix=prefix)
    except InvalidInput:
        key = None
    if key is None:
        _fail(BundleCode.BAD_KEY, f"{name} is not a private key in hex {'with' if prefix else 'without'} 0x")
    return key


def _fail(code: BundleCode, message: str) -> NoReturn:
    raise BundleError(message, code=code)
