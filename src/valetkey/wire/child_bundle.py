"""The bundle of a session that the platform may not know yet: a bundle, a dot, and the narrowings that made it.

The part before the dot is a plain bundle of the eight documented fields. The part after it is base64 of the JSON of
AttenuateRequest: what registers the session, its ancestors first. It holds no secret.
"""

import base64
import binascii
from itertools import pairwise

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.core.tree import DEPTH_MAX
from valetkey.crypto.credentials import credential_hash, same_bytes
from valetkey.wire.attenuation import (
    MESSAGE_CHARS_MAX,
    AttenuateRequest,
    Attenuation,
    SignedNarrowing,
    child_id,
    read,
)
from valetkey.wire.bundle import Bundle, BundleCode, BundleError, parse_bundle

MARK = "."
NARROWINGS_CHARS_MAX = DEPTH_MAX * MESSAGE_CHARS_MAX * 2

Narrowings = tuple[SignedNarrowing, ...]


def serialize_child(bundle: Bundle, narrowings: Narrowings) -> str:
    """A bundle with what registers it; a plain one without narrowings. Treat it like a private key."""
    if not narrowings:
        return bundle.serialize()
    told = msgspec.json.encode(AttenuateRequest(narrowings=list(narrowings)))
    return f"{bundle.serialize()}{MARK}{base64.b64encode(told).decode('ascii')}"


def parse_child(text: str, now: int | None) -> tuple[Bundle, Narrowings]:
    """Read a bundle, plain or with narrowings. `now` is unix seconds; None leaves the expiry unchecked.

    Raises BundleError, also when the narrowings do not lead to this very bundle; BundleExpired.
    """
    plain, mark, told = text.partition(MARK) if isinstance(text, str) else (text, "", "")
    bundle = parse_bundle(plain, now)
    if not mark:
        return bundle, ()
    narrowings = _decoded(told)
    line = _line(narrowings)
    # Whoever holds the bundle would register a session whose token opens nothing.
    hashed = credential_hash(bundle.token.reveal())
    if line[-1].wallet != bundle.wallet_address or not same_bytes(line[-1].token_hash, hashed):
        raise BundleError("the narrowings belong to another bundle", code=BundleCode.KEY_MISMATCH)
    return bundle, narrowings


def session_id_of(narrowings: Narrowings) -> str:
    """The id of the session that these narrowings make: it follows from the last of them."""
    return child_id(narrowings[-1].message)


def _decoded(told: str) -> Narrowings:
    if len(told) > NARROWINGS_CHARS_MAX:
        raise BundleError("the narrowings of this bundle are too long", code=BundleCode.TOO_LONG)
    found: AttenuateRequest | None = None
    code = BundleCode.BAD_JSON
    try:
        found = msgspec.json.decode(base64.b64decode(told, validate=True), type=AttenuateRequest)
    except (binascii.Error, ValueError) as error:
        found = None
        # What msgspec raises is a ValueError as well.
        code = BundleCode.BAD_JSON if isinstance(error, msgspec.MsgspecError) else BundleCode.BAD_BASE64
    if found is None:
        raise BundleError("the narrowings of this bundle cannot be read: was it copied whole?", code=code)
    return tuple(found.narrowings)


def _line(narrowings: Narrowings) -> list[Attenuation]:
    line: list[Attenuation] | None = None
    try:
        line = [read(one) for one in narrowings]
    except InvalidInput:
        line = None
    if line is None:
        raise BundleError("the narrowings of this bundle are none", code=BundleCode.BAD_JSON)
    for before, after in pairwise(line):
        if after.parent_id != before.child_id:
            raise BundleError("the narrowings of this bundle are not one line", code=BundleCode.KEY_MISMATCH)
    return line
