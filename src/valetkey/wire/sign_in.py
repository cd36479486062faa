"""Sign-in by wallet signature: what is asked of the message beside its grammar, and the JSON around it.

The message says all of what its signature gives: who asks (its domain), which platform (its URI), what the key may do
(its resources) and until when (its expiration time). So the wallet shows it, and a signature is of no use elsewhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NoReturn

from msgspec import Meta

from valetkey.core.api_key import Scope
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import checksum_address
from valetkey.crypto.signatures import recover_message_address
from valetkey.wire.http import API_PREFIX
from valetkey.wire.keys import KeyView
from valetkey.wire.shape import Request, View
from valetkey.wire.sign_in_message import CHARS_MAX, SignInError, SignInMessage, read_message, second_of
from valetkey.wire.timestamps import iso_timestamp

PATH = f"{API_PREFIX}/agents/sign-in"
CHALLENGE_SECONDS = 300
"""How long a nonce is good for, and how far the time of issue may be from the platform's clock, either way."""

KEY_SECONDS_MAX = 43_200
"""The longest life of a key that a sign-in gives: half a day."""

KEY_NAME = "wallet sign-in"
RETRY_KEY_CHARS_MIN = 32
"""Of the Idempotency-Key with a sign-in: whoever knows it and the message is told the key again, so none guesses it."""

LOOPBACK = "loopback"
"""Among allowed domains: this machine, at any port."""

SCOPE = "urn:valetkey:scope:"
STATEMENT = "Sign in to Valetkey. This gives a key that may do what the resources below say until the expiration time."
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.ASCII)
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}", re.ASCII)


class SignInCode(StrEnum):
    """Why a message and its signature sign nobody in."""

    MALFORMED = "sign_in_malformed"
    WRONG_DOMAIN = "sign_in_wrong_domain"
    WRONG_PLATFORM = "sign_in_wrong_platform"
    WRONG_CHAIN = "sign_in_wrong_chain"
    STALE = "sign_in_stale"
    TOO_LONG = "sign_in_too_long"
    WRONG_SIGNER = "sign_in_wrong_signer"
    UNKNOWN_NONCE = "sign_in_unknown_nonce"
    REPLAYED = "sign_in_replayed"
    NO_ACCOUNT = "sign_in_no_account"


class SignInChallenge(View):
    """POST /agents/sign-in/challenge: what a message needs of the platform. Dates are ISO-8601, by its clock."""

    nonce: str
    issued_at: str
    expires_at: str
    chain_ids: list[int]


class SignInRequest(Request):
    """POST /agents/sign-in: the message as the wallet showed it, and its signature (EIP-191), 0x and 130 hex digits."""

    message: Annotated[str, Meta(max_length=CHARS_MAX)]
    signature: Annotated[str, Meta(max_length=200)]


class SignedIn(View):
    """The answer to a sign-in. `api_key` is the secret: shown to whoever signed in, and kept nowhere."""

    key: KeyView
    api_key: str
    agent_id: str
    wallet_address: str

    def __repr__(self) -> str:
        return f"<SignedIn {self.key.id}>"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a platform takes. `domains` are authorities such as `studio.example.com`, or LOOPBACK.

    `uris` are the addresses of its own sign-in.
    """

    domains: tuple[str, ...]
    uris: tuple[str, ...]
    chain_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class ProvenSignIn:
    """What a signed message proves: whose wallet (EIP-55), and what was asked for. `expires_at` is unix seconds."""

    address: str
    scopes: frozenset[Scope]
    nonce: str
    expires_at: int


def sign_in_uri(base_url: str) -> str:
    """What a message for a platform has as its URI: where it is presented."""
    return f"{base_url.rstrip('/')}{PATH}"


def build_message(
    challenge: SignInChallenge,
    *,
    address: str,
    base_url: str,
    domain: str,
    scopes: Iterable[Scope],
    seconds: int,
    chain_id: int | None = None,
) -> str:
    """The message for a wallet to sign. `seconds`: how long the key lives from now on; `domain`: who asks.

    `base_url` is the platform's as the one who signs knows it, never as the platform says it. Raises InvalidAddress,
    and SignInError for a challenge that does not fit into one line of a message each.
    """
    if chain_id is None and not challenge.chain_ids:
        _fail(SignInCode.WRONG_CHAIN, "the platform serves no chain that a wallet signs for")
    message = SignInMessage(
        domain=domain,
        address=checksum_address(address),
        statement=STATEMENT,
        uri=sign_in_uri(base_url),
        chain_id=challenge.chain_ids[0] if chain_id is None else chain_id,
        nonce=challenge.nonce,
        issued_at=challenge.issued_at,
        expiration_time=iso_timestamp(second_of(challenge.issued_at) + seconds),
        resources=tuple(f"{SCOPE}{one}" for one in sorted(set(scopes))),
    )
    if read_message(str(message)) != message:
        # A platform that put a line break into its challenge would write into what the wallet shows.
        _fail(
            SignInCode.MALFORMED,
            "what the platform and this program say makes another message than was meant",
        )
    return str(message)


def verify_sign_in(text: str, signature: str, accepted: Accepted, now: int) -> ProvenSignIn:
    """Check everything but the nonce, which the platform knows, and whether it was used. Raises SignInError.

    `now` is unix seconds by the platform's clock.
    """
    message = read_message(text)
    if not _SIGNATURE.fullmatch(signature):
        _fail(SignInCode.MALFORMED, "a signature is 0x and 130 hex digits")
    _check_place(message, accepted)
    expires_at = _end_of(message, now)
    scopes = _scopes_of(message)
    signer = ""
    try:
        signer = recover_message_address(text.encode("ascii"), bytes.fromhex(signature[2:]))
    except InvalidSignature:
        signer = ""
    if signer != message.address:
        _fail(SignInCode.WRONG_SIGNER, "the signature is not that of the address in the message")
    return ProvenSignIn(message.address, scopes, message.nonce, expires_at)


def _check_place(message: SignInMessage, accepted: Accepted) -> None:
    is_loopback = _LOOPBACK.fullmatch(message.domain) is not None
    # A browser writes the host in lower case; whoever else does not is nobody that we know.
    named = [one for one in accepted.domains if one != LOOPBACK]
    if message.domain not in named and not (is_loopback and LOOPBACK in accepted.domains):
        _fail(
            SignInCode.WRONG_DOMAIN, "this platform takes no sign-in that the domain in the message asks for"
        )
    if (
        message.scheme is not None
        and message.scheme != "https"
        and not (is_loopback and message.scheme == "http")
    ):
        _fail(SignInCode.WRONG_DOMAIN, "its scheme is https, or http on loopback")
    if message.uri not in accepted.uris:
        _fail(
            SignInCode.WRONG_PLATFORM,
            f"the message is for another platform: its URI is {' or '.join(accepted.uris) or 'unknown here'}",
        )
    if message.chain_id not in accepted.chain_ids:
        _fail(
            SignInCode.WRONG_CHAIN, f"this platform serves {', '.join(map(str, sorted(accepted.chain_ids)))}"
        )


def _end_of(message: SignInMessage, now: int) -> int:
    if abs(now - second_of(message.issued_at)) > CHALLENGE_SECONDS:
        _fail(
            SignInCode.STALE, f"it was issued more than {CHALLENGE_SECONDS} s away from the platform's clock"
        )
    if message.expiration_time is None:
        _fail(SignInCode.MALFORMED, "it has an expiration time: that is when the key ends")
    expires_at = second_of(message.expiration_time)
    if now >= expires_at:
        _fail(SignInCode.STALE, "its expiration time has passed")
    if message.not_before is not None and now < second_of(message.not_before, up=True):
        _fail(SignInCode.STALE, "it is not valid yet")
    if expires_at - now > KEY_SECONDS_MAX:
        _fail(SignInCode.TOO_LONG, f"it ends within {KEY_SECONDS_MAX} s")
    return expires_at


def _scopes_of(message: SignInMessage) -> frozenset[Scope]:
    known = {f"{SCOPE}{one}": one for one in Scope}
    resources = message.resources or ()
    if not resources or len(set(resources)) != len(resources) or not all(one in known for one in resources):
        _fail(
            SignInCode.MALFORMED,
            f"its resources are the scopes of the key, each once, such as {SCOPE}{Scope.READ}, and nothing else",
        )
    return frozenset(known[one] for one in resources)


def _fail(code: SignInCode, message: str) -> NoReturn:
    raise SignInError(message, code=code)
