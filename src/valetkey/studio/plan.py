"""How a studio is started: which platform it asks, how it is reached, and how long a sitting lasts."""

from dataclasses import dataclass
from pathlib import Path

from valetkey.core.errors import InvalidInput

LOOPBACK = ("127.0.0.1", "localhost", "::1")
IDLE_SECONDS = 3_600
SITTING_SECONDS = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """No secret is in it: owners sign in. `base_url` and `state_dir` are as for BuyerAgent.

    hosts: names beside loopback by which it is reached, as `studio.example.com` or with a port. secure: it is reached
    by https, through a proxy, so that its cookie is sent nowhere else. idle_seconds: after so long without a hand at a
    sitting it is over; sitting_seconds: in any case after so long. Raises InvalidInput.
    """

    base_url: str
    state_dir: Path | None = None
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    secure: bool = False
    idle_seconds: int = IDLE_SECONDS
    sitting_seconds: int = SITTING_SECONDS

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.hosts:
            raise InvalidInput(
                "a studio that listens beyond loopback is told the names that it is reached by", field="hosts"
            )
        if self.idle_seconds < 1 or self.sitting_seconds < 1:
            raise InvalidInput("a sitting lasts a second or more", field="idle")
