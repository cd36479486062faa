"""Who is signed in: a random cookie stands for an owner, until it signs out, is idle, or a day's work is over."""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from weakref import WeakSet

from nicegui import Client

from valetkey.studio.owners import Owner

SITTINGS_MAX = 256
COOKIE = "valetkey_studio"


@dataclass(eq=False, slots=True)
class Sitting:
    """One browser that is signed in. `form` is the word that its own forms carry; times are of a monotonic clock.

    `offers`: what is to be shown once, by the names that its pages fetch it by; see once.py.
    """

    name: bytes
    owner: Owner
    form: str
    began_at: float
    seen_at: float
    clients: "WeakSet[Client]" = field(default_factory=WeakSet)
    offers: dict[str, Callable[[], Awaitable[str]]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"<Sitting of {self.owner.wallet}>"


class Sittings:
    """All of them, in memory: who starts the studio anew signs in anew."""

    def __init__(
        self, idle_seconds: float, whole_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle_seconds, self._whole_seconds, self._clock = idle_seconds, whole_seconds, clock
        self._open: dict[bytes, Sitting] = {}

    def __iter__(self) -> Iterator[Sitting]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, owner: Owner) -> tuple[str, Sitting]:
        """A new sitting and its cookie, which is kept as a hash alone."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        sitting = Sitting(_name(cookie), owner, secrets.token_urlsafe(32), now, now)
        self._open[sitting.name] = sitting
        return cookie, sitting

    def find(self, cookie: str | None) -> Sitting | None:
        """The sitting of a cookie, None when there is none or it is over."""
        sitting = self._open.get(_name(cookie)) if cookie else None
        return None if sitting is None or self.is_over(sitting) else sitting

    def touch(self, sitting: Sitting) -> None:
        """Somebody is there."""
        sitting.seen_at = self._clock()

    def is_over(self, sitting: Sitting) -> bool:
        """Whether it was idle for too long, or lasted too long."""
        now = self._clock()
        return (
            now - sitting.seen_at >= self._idle_seconds
            or now - sitting.began_at >= self._whole_seconds
            or sitting.name not in self._open
        )

    def end(self, sitting: Sitting) -> bool:
        """End it; whether it was open."""
        return self._open.pop(sitting.name, None) is not None

    @property
    def is_full(self) -> bool:
        """Whether there is room for no other one."""
        return len(self._open) >= SITTINGS_MAX


def _name(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()
