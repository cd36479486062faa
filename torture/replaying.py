"""Tells a tree's story again from its audit chain, with arithmetic of its own: what was spent of what, at every moment.

Nothing of `core` decides here: budgets are sums over holds, and a window is the list of its holds.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from valetkey.core.audit import Entry, Kind

OPEN = ("held", "unknown", "pending_approval", "approved")


@dataclass(slots=True)
class Spent:
    """One session in the middle of the story. `counting`: holds and what they count here, base units."""

    policy: dict[str, Any]
    parent: str | None
    counting: dict[str, int] = field(default_factory=dict)
    restored: int = 0
    revoked: bool = False
    paused: bool = False
    total: int = 0
    recent: list["Recent"] = field(default_factory=list)

    def set_policy(self, text: str) -> None:
        self.policy = json.loads(text)
        self.recent = [Recent(seconds, limit) for seconds, limit in self.policy.get("windows", ())]


@dataclass(slots=True)
class Recent:
    """A sliding window: every hold of the last `seconds`, and their sum."""

    seconds: int
    limit: int
    holds: deque[tuple[int, str]] = field(default_factory=deque)
    inside: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def add(self, at: int, hold_id: str, units: int) -> None:
        self.holds.append((at, hold_id))
        self.inside[hold_id] = units
        self.total += units

    def change(self, hold_id: str, units: int) -> None:
        if hold_id in self.inside:
            self.total += units - self.inside[hold_id]
            self.inside[hold_id] = units

    def at(self, now: int) -> int:
        """What the interval of this length holds that ends with `now`."""
        while self.holds and self.holds[0][0] <= now - self.seconds:
            self.total -= self.inside.pop(self.holds.popleft()[1], 0)
        return self.total


@dataclass(slots=True)
class Told:
    """A hold in the story. `where`: the sessions that it counts in."""

    session_id: str
    amount: int
    state: str
    placed_at: int
    where: list[str]
    captured: int = 0
    refunded: int = 0


class Story:
    """One tree from its chain. `sessions` and `holds` are as they are after the last entry that was told."""

    def __init__(self) -> None:
        self.sessions: dict[str, Spent] = {}
        self.holds: dict[str, Told] = {}
        self.refused = 0

    def tell(self, entry: Entry) -> Iterator[str]:
        """The next entry. Yields what was wrong about it: the invariant's name, and what happened."""
        facts = json.loads(entry.body)
        session_id = entry.session_id or ""
        match entry.kind:
            case Kind.SESSION_CREATED | Kind.CHILD_REGISTERED:
                made = Spent({}, facts["parent"])
                made.set_policy(facts["policy"])
                self.sessions[session_id] = made
            case Kind.EXTENDED:
                # Only its end and its budget are new: what its windows hold stays.
                self.sessions[session_id].policy = json.loads(facts["policy"])
            case Kind.ROTATED:
                self._rotate(session_id, facts)
            case Kind.REVOKED:
                self.sessions[session_id].revoked = True
            case Kind.PAUSED | Kind.RESUMED:
                self.sessions[session_id].paused = entry.kind is Kind.PAUSED
            case Kind.HOLD_PLACED:
                yield from self._place(session_id, facts, entry)
            case Kind.HOLD_REFUSED:
                self.refused += 1
            case Kind.SETTLE_REFUSED | Kind.EXTENSION_REFUSED | Kind.CHILD_REFUSED | Kind.ROTATION_REFUSED:
                # Everything is as it was.
                return
            case Kind.GRANT_GIVEN | Kind.GRANT_KNOWN | Kind.GRANT_REVOKED:
                # What a chain enforces changes nothing of what the gate does.
                return
            case Kind.OBSERVED:
                yield from self._observe(session_id, facts, entry)
            case Kind.CAPTURED | Kind.VOIDED | Kind.EXPIRED | Kind.MARKED_UNKNOWN | Kind.REFUNDED:
                yield from self._move(facts, entry)
            case _:
                yield f"AUDIT_IS_COMPLETE: a {entry.kind} of {session_id}, which nobody asked for"

    def lineage(self, session_id: str) -> list[str]:
        """The session, its parent, and so on."""
        found: list[str] = []
        wanted: str | None = session_id
        while wanted is not None:
            found.append(wanted)
            wanted = self.sessions[wanted].parent
        return found

    def _rotate(self, session_id: str, facts: dict[str, Any]) -> None:
        old, new = self.sessions[session_id], self.sessions[facts["successor"]]
        old.parent = facts["successor"]
        old.policy["expires_at"] = facts["ends"]
        if not facts["carried"]:
            return
        new.counting, new.total, new.restored = dict(old.counting), old.total, old.restored
        for hold_id in sorted(old.counting, key=lambda one: self.holds[one].placed_at):
            hold = self.holds[hold_id]
            hold.where.append(facts["successor"])
            for recent in new.recent:
                # A refund restores budgets, and never what was spent lately.
                recent.add(
                    hold.placed_at, hold_id, hold.captured if hold.state == "captured" else hold.amount
                )

    def _place(self, session_id: str, facts: dict[str, Any], entry: Entry) -> Iterator[str]:
        hold_id, amount, at = facts["hold"], int(facts["amount"]), entry.at
        where = self.lineage(session_id)
        if hold_id in self.holds:
            yield f"IDEMPOTENT: hold {hold_id} was placed twice"
        self.holds[hold_id] = Told(session_id, amount, facts["state"], at, where)
        for name in where:
            one = self.sessions[name]
            one.counting[hold_id] = amount
            one.total += amount
            for recent in one.recent:
                recent.add(at, hold_id, amount)
            yield from _broken(name, one, hold_id, at)

    def _observe(self, session_id: str, facts: dict[str, Any], entry: Entry) -> Iterator[str]:
        """What moved without having been asked for: no rule stands in its way, and the next spend finds it."""
        hold_id, moved, where = facts["hold"], int(facts["captured"]), self.lineage(session_id)
        if hold_id in self.holds:
            yield f"IDEMPOTENT: {hold_id} was debited twice"
        self.holds[hold_id] = Told(session_id, moved, "captured", entry.at, where, captured=moved)
        for name in where:
            one = self.sessions[name]
            one.counting[hold_id] = moved
            one.total += moved
            for recent in one.recent:
                recent.add(entry.at, hold_id, moved)

    def _move(self, facts: dict[str, Any], entry: Entry) -> Iterator[str]:
        hold = self.holds.get(facts["hold"])
        if hold is None:
            yield f"AUDIT_IS_COMPLETE: {facts['hold']} was never placed, and {entry.kind}"
            return
        if hold.state != facts["from"]:
            yield f"AUDIT_IS_COMPLETE: {facts['hold']} was {hold.state} and not {facts['from']}"
        if hold.state == "unknown" and facts["state"] == "expired":
            yield f"UNKNOWN_STAYS_HELD: {facts['hold']} was given back without proof"
        if hold.state not in OPEN and entry.kind is not Kind.REFUNDED:
            yield f"IDEMPOTENT: {facts['hold']} was settled twice"
        hold.state = facts["state"]
        units = hold.amount
        if hold.state == "captured":
            units = hold.captured = int(facts["captured"])
            hold.refunded = int(facts["refunded"])
        elif hold.state in ("voided", "expired"):
            units = 0
        for name in hold.where:
            one = self.sessions[name]
            back = hold.refunded if one.policy.get("refunds_restore") else 0
            one.total += units - back - one.counting.get(facts["hold"], 0)
            one.counting[facts["hold"]] = units - back
            if hold.state in ("voided", "expired"):
                del one.counting[facts["hold"]]
            for recent in one.recent:
                recent.change(facts["hold"], units)


def _broken(name: str, one: Spent, hold_id: str, at: int) -> Iterator[str]:
    """Every rule that a hold, which counts already, does not fit into."""
    policy = one.policy
    budget, most = policy.get("budget"), policy.get("spends_max")
    if budget is not None and one.total > budget:
        yield f"NO_OVERSPEND: {one.total} of {budget} in {name} with hold {hold_id}"
    if most is not None and len(one.counting) > most:
        yield f"NO_OVERSPEND: {len(one.counting)} of {most} spends in {name} with hold {hold_id}"
    for recent in one.recent:
        if recent.at(at) > recent.limit:
            yield (
                f"WINDOW_IS_SLIDING: {recent.total} of {recent.limit} in {recent.seconds} s in {name}"
                f" with hold {hold_id}"
            )
    if one.revoked:
        yield f"REVOKED_IS_DEAD: hold {hold_id} was placed after {name} was revoked"
    if one.paused:
        yield f"REVOKED_IS_DEAD: hold {hold_id} was placed while {name} was paused"
    if not policy.get("not_before", 0) <= at < policy["expires_at"]:
        yield f"REVOKED_IS_DEAD: hold {hold_id} was placed outside of the life of {name}"
