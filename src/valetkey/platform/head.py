"""The head of a request: its headers by name, its id, and the credential that it carries."""

import random
import re
from functools import lru_cache
from typing import Any

from valetkey.crypto.secret import Secret
from valetkey.wire.http import API_KEY_HEADER, AUTHORIZATION_HEADER, REQUEST_ID_HEADER, credential

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_numbers = random.Random()  # noqa: S311 - a name in a log, no secret: the system's randomness costs a system call


class Head:
    """The headers of one request, read once. Of a header that comes twice, the first counts."""

    __slots__ = ("_twice", "_values", "request_id")

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._values: dict[bytes, bytes] = {}
        self._twice: set[bytes] = set()
        for name, value in headers:
            if name in self._values:
                self._twice.add(name)
            else:
                self._values[name] = value
        sent = self.get(REQUEST_ID_HEADER)
        is_plain = sent is not None and _REQUEST_ID.fullmatch(sent) is not None
        self.request_id: str = sent if sent is not None and is_plain else f"{_numbers.getrandbits(64):016x}"
        """The id under which the request is logged: the caller's own when it is a plain one."""

    def get(self, name: str) -> str | None:
        """A header's value, by its name in any case."""
        value = self._values.get(_as_sent(name))
        return None if value is None else value.decode("latin-1")

    def once(self, name: str) -> str | None:
        """A header's value; None also when it comes twice."""
        return None if _as_sent(name) in self._twice else self.get(name)

    def credential(self) -> Secret | None:
        """The request's credential; None also when a header comes twice, of which a proxy may have seen the other."""
        if self._twice and any(_as_sent(name) in self._twice for name in _CREDENTIALS):
            return None
        return credential(self)


@lru_cache(64)
def _as_sent(name: str) -> bytes:
    """A header's name as ASGI has it. The code names a few, again and again."""
    return name.lower().encode("latin-1")


_CREDENTIALS = (API_KEY_HEADER, AUTHORIZATION_HEADER)


def head_of(scope: Any) -> Head:
    """The head of the request that an ASGI scope belongs to."""
    known: Head | None = scope.get("valetkey.head")
    if known is None:
        known = scope["valetkey.head"] = Head(scope["headers"])
    return known
