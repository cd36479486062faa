"""The address that signs in once, by the operator's key: whoever started the studio opens it, as notebooks have it."""

import hmac
import os
import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.studio.wizard.operator import Operator

SECONDS = 3_600
"""How long it waits to be opened: it may stay on a screen for longer."""

TOKEN_CHARS_MAX = 128


def new_token() -> Secret:
    """256 random bits, as they stand in an address."""
    return Secret(secrets.token_urlsafe(32))


def read_token(descriptor: int) -> Secret:
    """The token that whoever started this process wrote into a pipe, and shows to whoever started it."""
    with os.fdopen(descriptor, "rb") as pipe:
        return Secret(pipe.read(TOKEN_CHARS_MAX).decode("ascii"))


def address_of(url: str, token: Secret) -> str:
    """What to open. The token is behind a `#`: browsers send that to nobody, and the door takes it from there."""
    return f"{url}/sign-in#{token.reveal()}"


class OneTime:
    """The token of one address, kept as a hash. Two windows that open it at once are one too many."""

    def __init__(self, operator: Operator, clock: Callable[[], float] = time.monotonic) -> None:
        token, self._key, self._clock = operator.token, operator.key, clock
        self._hash = None if token is None or self._key is None else _hash(token.reveal())
        self._until = clock() + SECONDS
        self._is_used = False

    def __repr__(self) -> str:
        return "<OneTime>"

    def take(self, given: str) -> PrivateKey | None:
        """The operator's key, for the right token, the first time and in time; None otherwise."""
        if self._hash is None or not hmac.compare_digest(_hash(given), self._hash):
            return None
        if self._is_used or self._clock() >= self._until:
            return None
        self._is_used = True
        return self._key

    def give_back(self) -> None:
        """Nobody was signed in: the platform did not answer. The address is good as before."""
        self._is_used = False


def _hash(token: str) -> bytes:
    return sha256(token[:TOKEN_CHARS_MAX].encode("utf-8", "surrogatepass")).digest()
