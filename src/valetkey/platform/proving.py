"""Proof of possession: whether a request was signed by the key that its session, or its enrolment, is bound to.

Asked at every door. What is refused here counts against where it comes from, not against the session whose token it is.
"""

import hashlib
from dataclasses import dataclass

from starlette.requests import Request

from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.crypto.ed25519 import is_signed
from valetkey.platform.context import Platform
from valetkey.platform.head import Head
from valetkey.platform.refusing import RefusedRequest, refused
from valetkey.wire.http import API_KEY_HEADER, AUTHORIZATION_HEADER, IDEMPOTENCY_HEADER
from valetkey.wire.message_signature import (
    CONTENT_DIGEST,
    SIGNATURE,
    SIGNATURE_INPUT,
    WINDOW_SECONDS,
    MalformedProof,
    Proof,
    covered,
    is_digest_of,
    lines_of,
    read_proof,
    signature_base,
)

REMEMBERED_SECONDS = 2 * WINDOW_SECONDS
"""How long after its time a signature is remembered: clocks of replicas may differ."""

_RULE = "proof"
_SIGNED = (IDEMPOTENCY_HEADER, API_KEY_HEADER, AUTHORIZATION_HEADER, CONTENT_DIGEST)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as its signature is about it."""

    request: Request
    head: Head
    body: bytes


async def prove(platform: Platform, asked: Asked, key: bytes) -> None:
    """Return when the holder of this key made this request, now and for the first time. Raises a refusal (401)."""
    proof = _proof(asked.head)
    headers = {name.lower(): value for name in _SIGNED if (value := asked.head.once(name)) is not None}
    _check_components(asked, proof, headers)
    if proof.key_id != key.hex():
        raise _invalid("it is of another key than the session's")
    if asked.body and not is_digest_of(headers[CONTENT_DIGEST.lower()], asked.body):
        raise _invalid("Content-Digest is not the SHA-256 of the body")
    if not any(_is_of(asked, proof, headers, key, origin) for origin in _origins(platform, asked)):
        raise _invalid(
            "it is not one of this very request: its method, its whole address, its body and its credential",
            f"this platform is {' or '.join(_origins(platform, asked))}",
        )
    now = platform.clock.now()
    if abs(now - proof.created) > WINDOW_SECONDS:
        raise _stale(proof.created, now)
    once = hashlib.sha256(b"proof " + key + proof.nonce.encode("ascii")).digest()
    if not await platform.store.use_once(once, proof.created + REMEMBERED_SECONDS):
        raise refused(
            Code.PROOF_REPLAYED,
            _RULE,
            "a request with this signature was here before",
            hint="sign every request anew, with a nonce of its own",
        )


def _proof(head: Head) -> Proof:
    given, signature = head.get(SIGNATURE_INPUT), head.get(SIGNATURE)
    if given is None and signature is None:
        raise refused(
            Code.PROOF_REQUIRED,
            _RULE,
            "the token of this session is of use only with a signature by its proof key",
            hint="sign the request as the documentation of the HTTP API says (RFC 9421)",
        )
    given, signature = head.once(SIGNATURE_INPUT), head.once(SIGNATURE)
    if given is None or signature is None:
        raise _invalid("Signature-Input and Signature are there once each")
    problem = ""
    try:
        return read_proof(given, signature)
    except MalformedProof as malformed:
        problem = str(malformed)
    raise _invalid(problem)


def _check_components(asked: Asked, proof: Proof, headers: dict[str, str]) -> None:
    if any(asked.head.get(name) is not None and name.lower() not in headers for name in _SIGNED):
        raise _invalid("a header that it covers is there twice")
    if API_KEY_HEADER.lower() in headers and AUTHORIZATION_HEADER.lower() in headers:
        raise _invalid("the credential is in one header")
    expected = covered(headers, has_body=bool(asked.body))
    if sorted(proof.components) != sorted(expected) or (asked.body and CONTENT_DIGEST.lower() not in headers):
        raise _invalid(f"what it covers is not {', '.join(expected)}")


def _is_of(asked: Asked, proof: Proof, headers: dict[str, str], key: bytes, origin: str) -> bool:
    scope = asked.request.scope
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    uri = f"{origin}{path}{'?' if query else ''}{query}"
    lines = lines_of(proof.components, asked.request.method, uri, headers)
    return is_signed(key, signature_base(lines, proof.parameters), proof.signature)


def _origins(platform: Platform, asked: Asked) -> tuple[str, ...]:
    """What the address of a request begins with: as the settings say, otherwise as the request itself does."""
    if platform.settings.public_urls:
        return platform.settings.public_urls
    scheme = str(asked.request.scope["scheme"]).lower()
    host = (asked.head.once("host") or "").strip().lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
    return (f"{scheme}://{host}",)


def _invalid(why: str, hint: str | None = None) -> RefusedRequest:
    return refused(Code.PROOF_INVALID, _RULE, f"the request's signature does not prove it: {why}", hint=hint)


def _stale(created: int, now: int) -> RefusedRequest:
    reason = Refusal(
        Code.PROOF_STALE,
        _RULE,
        f"the request's signature is not of now: it may be {WINDOW_SECONDS} s away from the platform's time",
        asked=created,
        limit=now,
        hint=f"the platform's time is {now}",
    )
    return RefusedRequest(Refused((reason,)))
