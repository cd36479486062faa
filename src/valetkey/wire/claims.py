"""JSON shapes of one-time claims, and of the webhooks that tell an owner of them."""

import base64
import binascii
from typing import Annotated, Literal

from msgspec import Meta

from valetkey.core.errors import InvalidInput
from valetkey.wire.shape import END, Id, Request, View

CIPHERTEXT_BYTES_MAX = 262_144
"""Room for a bundle with the narrowings of a deep tree."""

CIPHERTEXT_CHARS_MAX = 4 * (CIPHERTEXT_BYTES_MAX // 3 + 1)

OnInterception = Literal["revoke", "pause"]

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END)]
"""32 bytes in hex, no 0x."""

ClaimId = Annotated[str, Meta(pattern="^clm_[0-9a-z]{20,40}" + END)]


class MakeClaimRequest(Request, kw_only=True):
    """POST /claims: ciphertext that one claimant gets. The key is in the link, and never comes here.

    `claim_id` is made by the owner, because it is sealed with the ciphertext; `access_hash` is the SHA-256 of what
    whoever has the link can show, 32 bytes derived from the key. `ciphertext` is base64; `expires_at` is unix seconds.
    """

    claim_id: ClaimId
    session_id: Id
    access_hash: Digest
    ciphertext: Annotated[str, Meta(min_length=4, max_length=CIPHERTEXT_CHARS_MAX)]
    expires_at: Annotated[int, Meta(ge=0, le=2**53)]
    on_interception: OnInterception = "revoke"


class OpenClaimRequest(Request, kw_only=True):
    """POST /claims/{id}/open, by whoever has the link, which `access` shows.

    `claimant` is the hash of a secret of its own, by which it asks again for an answer that was lost.
    """

    access: Digest
    claimant: Digest


class OpenedClaim(View, kw_only=True):
    """What the first claimant gets. With `session_id` and `expires_at` (unix seconds) the ciphertext is opened."""

    claim_id: str
    session_id: str
    expires_at: int
    ciphertext: str


class ClaimView(View, kw_only=True):
    """A claim as its owner sees it. `status` is unclaimed, claimed, intercepted, expired or cancelled.

    Times are ISO-8601; `claimed_from` and `intercepted_from` are the addresses that the two requests came from.
    """

    claim_id: str
    session_id: str
    status: str
    on_interception: str
    made_at: str
    expires_at: str
    claimed_at: str | None = None
    claimed_from: str | None = None
    intercepted_at: str | None = None
    intercepted_from: str | None = None
    ended_at: str | None = None


class ClaimTold(ClaimView, kw_only=True):
    """The webhook `claim.opened`, `claim.intercepted` or `claim.expired`, to the owner's URL.

    `session` is what became of the session: active, revoked or paused.
    """

    event: str
    session: str


def decoded(ciphertext: str) -> bytes:
    """The bytes of a ciphertext. Raises InvalidInput unless it is standard base64."""
    found = b""
    try:
        found = base64.b64decode(ciphertext, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found:
        raise InvalidInput("the ciphertext is standard base64", field="ciphertext")
    return found
