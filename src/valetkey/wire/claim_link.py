"""The link of a one-time claim: `https://platform/claim/<id>#<key>`. What is behind the # reaches no server.

From the key two others are derived: one seals the bundle, and what comes of the other shows that somebody has the link.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlsplit

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, is_id
from valetkey.crypto.aead import KEY_BYTES
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import BundleCode, BundleError

LINK_CHARS_MAX = 2_048
_KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class ClaimLinkError(InvalidInput):
    """A text that is no link of a claim. The message never quotes it."""

    code = "claim_link_malformed"


class ClaimLink(Secret):
    """A link, which is a secret: `reveal()` shows it. Whoever opens it first has the session.

    `claim_id`, `session_id` and `expires_at` (unix seconds) are none.
    """

    __slots__ = ("claim_id", "expires_at", "session_id")

    def __init__(self, text: str, claim_id: str, session_id: str, expires_at: int) -> None:
        super().__init__(text)
        self.claim_id = claim_id
        self.session_id = session_id
        self.expires_at = expires_at

    def __repr__(self) -> str:
        return f"<ClaimLink {self.claim_id} session_id={self.session_id} expires_at={self.expires_at}>"


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """What a link says: which claim, and its key of 32 bytes. `place` is scheme and host."""

    claim_id: str
    key: bytes = field(repr=False)
    place: str = ""

    @classmethod
    def new(cls, claim_id: str) -> "ClaimKey":
        """A fresh key."""
        return cls(claim_id, secrets.token_bytes(KEY_BYTES))

    @property
    def access(self) -> bytes:
        """Shows that somebody has the link, and opens nothing."""
        return derive_key(self.key, f"valetkey claim v1 access {self.claim_id}")

    def link(self, base_url: str) -> str:
        """The link, at a platform."""
        text = base64.urlsafe_b64encode(self.key).rstrip(b"=").decode("ascii")
        return f"{base_url.rstrip('/')}/claim/{self.claim_id}#{text}"

    def seal(self, bundle: str, session_id: str, expires_at: int) -> bytes:
        """A bundle's text under the key, bound to the claim, its session and its end (unix seconds)."""
        return seal(self._sealing, bundle.encode("ascii"), self._context(session_id, expires_at))

    def open(self, sealed: bytes, session_id: str, expires_at: int) -> str:
        """The bundle's text. Raises BundleError, `bundle_unreadable`: another key, claim or end, or changed bytes."""
        opened: bytes | None = None
        try:
            opened = unseal(self._sealing, sealed, self._context(session_id, expires_at))
        except DecryptionFailed:
            opened = None
        if opened is None:
            raise BundleError(
                "what was claimed is not for this link, or it was changed", code=BundleCode.UNREADABLE
            )
        return opened.decode("ascii", "replace")

    @property
    def _sealing(self) -> bytes:
        return derive_key(self.key, f"valetkey claim v1 seal {self.claim_id}")

    def _context(self, session_id: str, expires_at: int) -> bytes:
        return f"valetkey claim v1 {self.claim_id} {session_id} {expires_at}".encode()


def read_link(text: str | Secret) -> ClaimKey:
    """What a link says. Raises ClaimLinkError, which quotes nothing of it."""
    link = text.reveal() if isinstance(text, Secret) else text
    if not isinstance(link, str) or len(link) > LINK_CHARS_MAX:
        _fail("a claim is opened with the link that its owner got")
    link = link.strip()
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query:
        _fail("a link of a claim is https://<platform>/claim/<id>#<key>")
    before, _, claim_id = parts.path.rpartition("/")
    if not before.endswith("/claim") or not is_id(Kind.CLAIM, claim_id):
        _fail("a link of a claim is https://<platform>/claim/<id>#<key>")
    if not parts.fragment:
        _fail("the link lacks its key, which is what stands behind the #: was it copied whole?")
    return ClaimKey(claim_id, _key_of(parts.fragment), f"{parts.scheme}://{parts.netloc}")


def _key_of(text: str) -> bytes:
    key = b""
    if _KEY.fullmatch(text):
        try:
            key = base64.b64decode(text + "=", altchars=b"-_", validate=True)
        except binascii.Error:
            key = b""
    # Spare bits in the last digit would make several links of one key.
    if len(key) != KEY_BYTES or base64.urlsafe_b64encode(key).rstrip(b"=").decode("ascii") != text:
        _fail("the key of this link was not copied whole")
    return key


def _fail(message: str) -> NoReturn:
    raise ClaimLinkError(message, field="link")
