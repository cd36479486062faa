"""What the tests of session trees know by themselves: every hold as a few numbers, added up naively.

Nothing here calls the rules: sums are over holds, windows over moments, lineages over remembered parents.
"""

from collections import Counter
from dataclasses import dataclass, field

from valetkey.core.spend import SpendRequest

OPEN = frozenset({"pending_approval", "approved", "held", "unknown"})


@dataclass
class Entry:
    """So many base units that count against windows from a moment on."""

    at: int
    units: int


@dataclass
class Spend:
    """One hold. `counts_in`: the sessions whose limits it counts against; `restored`: what came back to each.

    `uncounted`: those among them that have it as a spend alone: it moved in a currency that they have no limits for.
    """

    id: str
    session_id: str
    request: SpendRequest
    asked: int
    ends_at: int
    state: str
    counts_in: set[str]
    terms: tuple[tuple[str, int], ...]
    entries: list[Entry]
    moved: int = 0
    refunded: int = 0
    signed: bool = False
    restored: Counter[str] = field(default_factory=Counter)
    uncounted: set[str] = field(default_factory=set)

    @property
    def currency(self) -> str:
        return self.request.amount.asset.currency

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def kept(self) -> int:
        """What is off the budget because it may still move."""
        return self.asked if self.is_open else 0

    def taken_from(self, session_id: str) -> int:
        """What a session's budget lacks because of this hold."""
        return 0 if session_id not in self.counts_in else self.kept + self.moved - self.restored[session_id]


@dataclass
class Place:
    """One session: its parent, and what was done to it. `versions` counts how often its policy was set."""

    parent: str | None
    tree: str
    versions: int = 1
    revoked: bool = False
    paused: bool = False
    rotated: bool = False
    carried: bool = False


@dataclass
class Model:
    """Every session and every hold of one owner; `told` counts the decisions of each tree."""

    sessions: dict[str, Place] = field(default_factory=dict)
    spends: dict[str, Spend] = field(default_factory=dict)
    frozen: bool = False
    told: Counter[str] = field(default_factory=Counter)

    def lineage(self, session_id: str) -> list[str]:
        found, one = [session_id], self.sessions[session_id].parent
        while one is not None:
            found.append(one)
            one = self.sessions[one].parent
        return found

    def revoked(self, session_id: str) -> bool:
        return any(self.sessions[one].revoked for one in self.lineage(session_id))

    def stopped(self, session_id: str) -> bool:
        places = [self.sessions[one] for one in self.lineage(session_id)]
        return self.frozen or any(one.revoked or one.paused for one in places)

    def terms(self, session_id: str) -> tuple[tuple[str, int], ...]:
        return tuple((one, self.sessions[one].versions) for one in self.lineage(session_id))

    def taken(self, session_id: str, currency: str) -> int:
        """What is held and what moved, less what came back."""
        return sum(one.taken_from(session_id) for one in self.of(session_id, currency))

    def held(self, session_id: str, currency: str) -> int:
        return sum(one.kept for one in self.of(session_id, currency))

    def made(self, session_id: str) -> int:
        """How many spends count: those that are open, and those that moved."""
        return sum(one.is_open or one.state == "captured" for one in self.of(session_id))

    def within(self, session_id: str, currency: str, after: int, until: int) -> int:
        """What was spent after a moment, until another one."""
        return sum(
            entry.units
            for one in self.of(session_id, currency)
            for entry in one.entries
            if after < entry.at <= until
        )

    def of(self, session_id: str, currency: str | None = None) -> list[Spend]:
        """The holds that count in a session."""
        return [
            one
            for one in self.spends.values()
            if session_id in one.counts_in
            and (currency is None or (currency == one.currency and session_id not in one.uncounted))
        ]

    def tell(self, session_id: str, times: int = 1) -> None:
        self.told[self.sessions[session_id].tree] += times
