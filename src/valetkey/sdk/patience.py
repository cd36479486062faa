"""How long a connection waits before it asks again, and how often it may ask a platform that is full."""

import random

PAUSE_SECONDS = 0.25
RETRY_AFTER_SECONDS_MAX = 30
"""Longer pauses are the caller's to decide on."""

SPREAD = 0.5
"""A pause is up to this part longer, by chance: who was sent away together must not come back together."""

RETRIES_SAVED_MAX = 64.0
"""One for each connection that may be open: a platform that starts again is met by all of them at once."""

EARNED = 0.1
"""Of every request another tenth of a retry: where nothing gets through, one connection asks 1.1 times, not 4."""


class Patience:
    """The retry budget of one connection. Sharing it between threads costs no more than a retry too many."""

    def __init__(self) -> None:
        self._saved = RETRIES_SAVED_MAX

    def earn(self) -> None:
        """Count a request that is asked for the first time."""
        self._saved = min(RETRIES_SAVED_MAX, self._saved + EARNED)

    def may_ask_again(self) -> bool:
        """Whether a retry is left, and take it."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    @staticmethod
    def pause(attempt: int, retry_after: int | None) -> float:
        """Seconds before the try after this one: doubling, at least what the answer asks for, within bounds."""
        least = max(PAUSE_SECONDS * 2 ** (attempt - 1), min(retry_after or 0, RETRY_AFTER_SECONDS_MAX))
        return float(least * random.uniform(1, 1 + SPREAD))  # noqa: S311 - no secret
