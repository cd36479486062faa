"""Proof of possession: a request signed with an Ed25519 key, as HTTP message signatures (RFC 9421) write it.

One profile and no other: the signature is called `vk`, covers a fixed set of components, and has every parameter once.
Whatever else the RFC allows is refused here, so that what is signed has one meaning.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SIGNATURE_BYTES, SigningKey
from valetkey.wire.http import API_KEY_HEADER, AUTHORIZATION_HEADER, IDEMPOTENCY_HEADER

SIGNATURE_INPUT = "Signature-Input"
SIGNATURE = "Signature"
CONTENT_DIGEST = "Content-Digest"

LABEL = "vk"
TAG = "valetkey"
ALGORITHM = "ed25519"

WINDOW_SECONDS = 60
"""How far the time of a signature may be from the platform's, before or after it."""

INPUT_CHARS_MAX = 1_000
METHOD, TARGET_URI = "@method", "@target-uri"

_COMPONENTS = re.compile(
    r'vk=\(("[a-z0-9@-]{1,64}"(?: "[a-z0-9@-]{1,64}"){0,15})\)((?:;[^;]{1,200}){1,16})', re.ASCII
)
_PARAMETERS = {
    "created": re.compile(r"(0|[1-9][0-9]{0,14})", re.ASCII),
    "nonce": re.compile(r'"([A-Za-z0-9_-]{16,64})"', re.ASCII),
    "keyid": re.compile(r'"([0-9a-f]{64})"', re.ASCII),
    "alg": re.compile(f'"({ALGORITHM})"', re.ASCII),
    "tag": re.compile(f'"({TAG})"', re.ASCII),
}
_SIGNATURE = re.compile(r"vk=:([A-Za-z0-9+/]{86}==):", re.ASCII)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)


class MalformedProof(InvalidInput):
    """A signature that is not of this profile. The message quotes nothing of it."""

    code = "proof_invalid"


@dataclass(frozen=True, slots=True)
class Proof:
    """A signature of a request as it came. `created` is unix seconds, `key_id` the public key in hex.

    `parameters`: the list of components and what follows it, as it was written, which is signed, too.
    """

    components: tuple[str, ...]
    parameters: str
    created: int
    nonce: str
    key_id: str
    signature: bytes


def signature_base(lines: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5): a line for each component, and the parameters last."""
    told = [f'"{name}": {value}' for name, value in lines]
    return "\n".join([*told, f'"@signature-params": {parameters}']).encode("latin-1")


def content_digest(body: bytes) -> str:
    """The Content-Digest of a body (RFC 9530), by SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def is_digest_of(value: str, body: bytes) -> bool:
    """Whether a Content-Digest is the one digest of this body, in the one form that `content_digest` writes."""
    return _DIGEST.fullmatch(value) is not None and value == content_digest(body)


def covered(headers: Mapping[str, str], *, has_body: bool) -> tuple[str, ...]:
    """The components that a request must sign, given its headers (names in lower case): what it does, and who asks."""
    names = [METHOD, TARGET_URI]
    if has_body:
        names.append(CONTENT_DIGEST.lower())
    # With another key, or without it, the same request would be done twice.
    names += [
        one.lower()
        for one in (IDEMPOTENCY_HEADER, API_KEY_HEADER, AUTHORIZATION_HEADER)
        if one.lower() in headers
    ]
    return tuple(names)


def lines_of(
    components: Sequence[str], method: str, uri: str, headers: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The components and their values. `headers` by names in lower case; what is covered must be there."""
    derived = {METHOD: method, TARGET_URI: uri}
    return [(name, derived[name] if name in derived else headers[name].strip()) for name in components]


def sign_request(
    key: SigningKey,
    method: str,
    uri: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """The headers that prove a request: Signature-Input, Signature and, with a body, Content-Digest.

    `uri` is the whole address as it is asked for, `created` unix seconds, `nonce` 16 to 64 letters, digits, - and _.
    """
    proving: dict[str, str] = {} if not body else {CONTENT_DIGEST: content_digest(body)}
    told = {name.lower(): value for name, value in (*headers.items(), *proving.items())}
    components = covered(told, has_body=bool(body))
    names = " ".join(f'"{one}"' for one in components)
    named = f'keyid="{key.public_key.hex()}";alg="{ALGORITHM}";tag="{TAG}"'
    parameters = f'({names});created={created};nonce="{nonce}";{named}'
    signature = key.sign(signature_base(lines_of(components, method, uri, told), parameters))
    return {
        **proving,
        SIGNATURE_INPUT: f"{LABEL}={parameters}",
        SIGNATURE: f"{LABEL}=:{base64.b64encode(signature).decode('ascii')}:",
    }


def read_proof(signature_input: str, signature: str) -> Proof:
    """A signature out of its two headers. Raises MalformedProof for everything but the one form of this profile."""
    found = _COMPONENTS.fullmatch(signature_input) if len(signature_input) <= INPUT_CHARS_MAX else None
    if found is None:
        _fail("Signature-Input is not that of one signature called vk")
    components = tuple(name.strip('"') for name in found[1].split(" "))
    if len(set(components)) != len(components):
        _fail("a component is covered twice")
    values: dict[str, str] = {}
    for one in found[2][1:].split(";"):
        name, _, text = one.partition("=")
        form = _PARAMETERS.get(name)
        value = form.fullmatch(text) if form is not None else None
        if value is None or name in values:
            _fail("a parameter of the signature is unknown, twice there, or not of its form")
        values[name] = value[1]
    if len(values) != len(_PARAMETERS):
        _fail(f"the parameters of the signature are {', '.join(_PARAMETERS)}")
    return Proof(
        components,
        signature_input.removeprefix(f"{LABEL}="),
        int(values["created"]),
        values["nonce"],
        values["keyid"],
        _signature(signature),
    )


def _signature(text: str) -> bytes:
    found = _SIGNATURE.fullmatch(text)
    raw = b""
    if found is not None:
        try:
            raw = base64.b64decode(found[1], validate=True)
        except binascii.Error:
            raw = b""
    # Spare bits in the last digit would make several texts of one signature.
    if found is None or len(raw) != SIGNATURE_BYTES or base64.b64encode(raw).decode("ascii") != found[1]:
        _fail("Signature is not one of 64 bytes called vk")
    return raw


def _fail(message: str) -> NoReturn:
    raise MalformedProof(message)
