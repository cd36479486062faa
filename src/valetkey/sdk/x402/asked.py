"""One request of a paid route, as the official package looks at it."""

import base64
import hashlib
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import msgspec

from valetkey.sdk.x402.offers import is_deep

if TYPE_CHECKING:
    from x402.http.types import HTTPRequestContext

PAYMENT_HEADER = "payment-signature"
VERSION = 2


class Request:
    """One request as the official package looks at it (its HTTPAdapter)."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._scope = scope
        self._headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        self._is_head = scope["method"] == "HEAD"

    def context(self) -> "HTTPRequestContext":
        """What the package judges. The path in both spellings: no escape leads around a price."""
        from x402.http.types import HTTPRequestContext

        raw = self._scope.get("raw_path") or quote(self._scope["path"]).encode("ascii")
        return HTTPRequestContext(
            adapter=self,
            path=raw.decode("latin-1").partition("?")[0],
            decoded_path=self._below_root(),
            method=self.get_method(),
            payment_header=self.get_header(PAYMENT_HEADER),
        )

    def key(self, payment: str) -> bytes:
        """What one payment buys: a hash of it and of the method and target that it came with."""
        query = self._scope.get("query_string", b"")
        parts = (payment.encode("latin-1"), self.get_method().encode(), self.get_path().encode(), query)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def get_header(self, name: str) -> str | None:
        """A header; of a payment only what the package decodes without harm: anything else is no payment."""
        is_payment = name.lower() in (PAYMENT_HEADER, "x-payment")
        value = self._headers.get(name.lower().encode("latin-1"))
        if value is None or (is_payment and (self._is_head or not _is_harmless(value))):
            return None
        return value.decode("latin-1")

    def get_method(self) -> str:
        return "GET" if self._is_head else str(self._scope["method"])

    def get_path(self) -> str:
        return str(self._scope["path"])

    def get_url(self) -> str:
        host = self.get_header("host")
        if host is None:
            name, port = self._scope.get("server") or ("localhost", None)
            host = name if port is None else f"{name}:{port}"
        query = self._scope.get("query_string", b"").decode("latin-1")
        url = f"{self._scope.get('scheme', 'http')}://{host}{quote(self.get_path())}"
        return f"{url}?{query}" if query else url

    def get_accept_header(self) -> str:
        return self.get_header("accept") or ""

    def get_user_agent(self) -> str:
        return self.get_header("user-agent") or ""

    def get_query_params(self) -> dict[str, str | list[str]]:
        found = parse_qs(self._scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def get_query_param(self, name: str) -> str | list[str] | None:
        return self.get_query_params().get(name)

    def get_body(self) -> None:
        """The body is the application's alone."""

    def _below_root(self) -> str:
        path, root = self.get_path(), str(self._scope.get("root_path", ""))
        if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
            return path[len(root) :]
        return path


def _is_harmless(header: bytes) -> bool:
    """Whether a payment is of the version that routes ask for, and of a depth that every decoder survives.

    What overflows a decoder's stack ends the process; and of another version the package fails where it compares.
    """
    try:
        text = base64.b64decode(header, validate=True)
        told = None if is_deep(text) else msgspec.json.decode(text)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("x402Version") == VERSION
