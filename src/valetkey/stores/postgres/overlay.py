"""What a batch knows of the database's rows and what it changed, with every change undoable until it is written.

Whatever is not known is asked for by raising Missing: it is read, and the job begins again.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


Label = tuple[str, int, int, bool, int]
"""A label, from when until when (unix seconds), whether only of sessions that need it for themselves, how many."""


@dataclass(slots=True)
class Wanted:
    """Keys of rows that a job will look at. What is left out is read later, for one more round trip."""

    agents: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)
    undecided: set[tuple[str, str]] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    fundings: set[str] = field(default_factory=set)
    living: set[str] = field(default_factory=set)
    api_keys: set[str] = field(default_factory=set)
    grants: set[tuple[int, bytes]] = field(default_factory=set)
    last_grants: set[tuple[str, int]] = field(default_factory=set)
    labels: set[Label] = field(default_factory=set)
    session_keys: set[bytes] = field(default_factory=set)
    allotments: set[str] = field(default_factory=set)
    enrollments: set[str] = field(default_factory=set)
    claims: set[str] = field(default_factory=set)
    unclaimed: set[str] = field(default_factory=set)
    alerts: set[tuple[str, str, str]] = field(default_factory=set)
    tallies: set[tuple[str, int]] = field(default_factory=set)
    living_keys: bool = False
    crowds: bool = False

    def add(self, other: "Wanted") -> None:
        """These keys too."""
        for name in SETS:
            if keys := getattr(other, name):
                getattr(self, name).update(keys)
        self.crowds |= other.crowds
        self.living_keys |= other.living_keys


SETS = (
    "agents", "services", "sessions", "holds", "transactions", "undecided", "keys", "fundings", "living",
    "api_keys", "grants", "last_grants", "labels", "session_keys", "allotments", "enrollments",
    "claims", "unclaimed", "alerts", "tallies",
)  # fmt: skip


class Missing(Exception):
    """A job looked at rows that nobody has read yet."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__("not read yet")
        self.wanted = wanted


class Journal:
    """What each table was like before a job changed it."""

    def __init__(self) -> None:
        self.steps: list[tuple[Rows[Any, Any], Any, Any, bool]] = []

    def keep(self) -> None:
        """The job's changes stand."""
        self.steps.clear()

    def undo(self) -> None:
        """Take the job's changes back, the last one first."""
        for rows, key, before, was_changed in reversed(self.steps):
            rows.restore(key, before, was_changed)
        self.steps.clear()


class _Unknown:
    """Stands for a row that nobody has read."""


UNKNOWN = _Unknown()


class Rows(Generic[K, V]):
    """Rows of one table by their key, and which of them the batch changed."""

    def __init__(self, journal: Journal) -> None:
        self._steps = journal.steps
        self._known: dict[K, V] = {}
        self.changed: dict[K, None] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._known

    def __getitem__(self, key: K) -> V:
        return self._known[key]

    def get(self, key: K) -> V | None:
        """A row, None when it was not read."""
        return self._known.get(key)

    def load(self, key: K, value: V) -> None:
        """What the database says; what the batch has changed since stays."""
        self._known.setdefault(key, value)

    def put(self, key: K, value: V) -> None:
        """Change a row, or add it."""
        self._steps.append((self, key, self._known.get(key, UNKNOWN), key in self.changed))
        self._known[key] = value
        self.changed[key] = None

    def mark(self, key: K, value: V) -> None:
        """As put, for a row that says no more than that it is to be written: once is enough."""
        if key not in self.changed:
            self.put(key, value)

    def restore(self, key: K, before: Any, was_changed: bool) -> None:
        """As it was before `put`."""
        if before is UNKNOWN:
            del self._known[key]
        else:
            self._known[key] = before
        if not was_changed:
            del self.changed[key]

    def known(self) -> list[tuple[K, V]]:
        """Everything that was read or changed."""
        return list(self._known.items())

    def items(self) -> list[tuple[K, V]]:
        """What is to be written, in the order in which it was changed first."""
        return [(key, self._known[key]) for key in self.changed]
