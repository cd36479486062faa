"""The wrapper that keeps a secret text out of reprs, logs, formats and pickles."""

import hmac
from typing import NoReturn, Self

from valetkey.crypto.errors import SecretLeak


class Secret:
    """A text that shows itself only through `reveal()`: an API key, a session token, a webhook secret."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # a hash could be looked up, or printed

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Search for the callers of this method to audit who sees secrets."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return format("<secret>", spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SecretLeak("a secret is not pickled; reveal() it where it is meant to be seen")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
