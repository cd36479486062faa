"""What an owner looks at first: sums over all of its sessions, and what needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

TOP_MAX = 20
"""Names and codes that are told of each kind, those with the most first."""

LISTED_MAX = 10
"""Sessions that end soon, and payments whose outcome is unknown, that are told by name."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What live sessions could still cost in a currency: base units, of so many sessions; `unlimited` of them have no
    budget, and are in no sum."""

    currency: str
    units: int
    sessions: int
    unlimited: int


@dataclass(frozen=True, slots=True)
class SpentBy:
    """What was spent under one name: base units of a currency, in so many spends."""

    name: str
    currency: str
    units: int
    spends: int


@dataclass(frozen=True, slots=True)
class Overview:
    """See OverviewStore. `ending`: ids of sessions with their ends; `unknown`: ids of holds with when they were placed.

    `refused_lately`: spends that were refused within the last hour, by session, most first. Times are unix seconds.
    `labels`: of the sessions that are named here and have one. `spent` is by `delegate`, `label` and `chain`; a name
    that nobody gave is empty.
    """

    risks: list[Risk] = field(default_factory=list)
    spent: dict[str, list[SpentBy]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    refused_lately: dict[str, int] = field(default_factory=dict)
    ending: list[tuple[str, int]] = field(default_factory=list)
    ending_count: int = 0
    unknown: list[tuple[str, int]] = field(default_factory=list)
    unknown_count: int = 0
    labels: dict[str, str] = field(default_factory=dict)


REFUSED_SECONDS = 3_600
"""What was refused so lately is told of a session."""


@dataclass(frozen=True, slots=True)
class Health:
    """What needs a look at a session: spends that were refused within the last hour, by whole minutes (60 to 61 of
    them), and payments whose outcome is not proven, with when the oldest was placed (unix seconds)."""

    refused: int = 0
    unknown: int = 0
    unknown_since: int | None = None


@dataclass(frozen=True, slots=True)
class SpentThen:
    """What a session spent itself in one bucket of time, which begins at `at` (unix seconds)."""

    at: int
    currency: str
    chain_id: int
    units: int
    spends: int


class OverviewStore(Protocol):
    """Reads alone. What was spent is folded into days after the look at paces, and is that much behind."""

    async def overview(self, owner_id: str, first_day: int, ends_before: int) -> Overview:
        """`first_day`: from which day on (days of UTC since 1970) spends and refusals count. `ends_before`: what ends
        before then (unix seconds) ends soon.

        What is at risk is added up from the roots of the owner's live trees: a root bounds all that was made out of it.
        """
        ...

    async def health(self, owner_id: str, session_ids: Sequence[str]) -> dict[str, Health]:
        """Of those sessions of the owner that have anything to tell."""
        ...

    async def spending(self, session_id: str, since: int) -> list[SpentThen]:
        """What a session spent itself, by buckets of BUCKET_SECONDS, from `since` (unix seconds) on, oldest first."""
        ...
