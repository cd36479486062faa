"""After the end: what the database holds against what clients were told. Every check has the name of its invariant.

Sums are made of holds anew, by arithmetic of this room; the figures that the platform keeps are only compared.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator

from torture.facts import Facts, Hold
from torture.journal import Told
from torture.replaying import Story
from valetkey.core.audit import GENESIS, Broken, Head, Kind, verify

SPEND = "spend "
"""What the scope of a spend's idempotency key begins with."""

CLOCK_SECONDS = 2

Check = Callable[[Facts, Told], Iterator[str]]


def check(facts: Facts, told: Told) -> list[str]:
    """Every violation, each beginning with the name of what was violated."""
    found = [f"DATABASE: {one}" for one in facts.problems] + told.seen
    for one in (acknowledged, once, budgets, windows, figures, stopped, chains, anchors, stories):
        found += one(facts, told)
    return found


def acknowledged(facts: Facts, told: Told) -> Iterator[str]:
    """What was said to be held is there; what became of it is what was said; nothing is there that nobody asked for."""
    known = set()
    for one in told.holds:
        known.add(one.hold_id)
        hold = facts.holds.get(one.hold_id)
        if hold is None:
            yield f"ACKNOWLEDGED: hold {one.hold_id} of key {one.key} is gone"
        elif (hold.session_id, hold.amount) != (one.session_id, one.units):
            yield f"ACKNOWLEDGED: hold {one.hold_id} is {hold.amount} of {hold.session_id}, told was {one.units}"
    for hold_id, (state, units) in told.moved.items():
        hold = facts.holds.get(hold_id)
        if hold is None or hold.state != state or (state == "captured" and hold.captured != units):
            yield f"ACKNOWLEDGED: hold {hold_id} was told to be {state} ({units}), and is {hold}"
    keys = {subject: key for (_, key), subject in facts.keys.items()}
    for hold_id in facts.holds:
        if hold_id not in known and keys.get(hold_id) not in told.doubtful:
            yield f"ACKNOWLEDGED: hold {hold_id} is there, and nobody was told of it"


def once(facts: Facts, told: Told) -> Iterator[str]:
    """A key has one hold, and a hold has one key."""
    subjects: dict[str, str] = {}
    by_key: dict[str, str] = {}
    for (scope, key), subject in facts.keys.items():
        if not scope.startswith(SPEND):
            continue
        if subject in subjects:
            yield f"IDEMPOTENT: hold {subject} has the keys {subjects[subject]} and {key}"
        if key in by_key:
            yield f"IDEMPOTENT: key {key} has the holds {by_key[key]} and {subject}"
        subjects[subject], by_key[key] = key, subject
    for one in told.holds:
        if by_key.get(one.key) != one.hold_id:
            yield f"IDEMPOTENT: key {one.key} was answered {one.hold_id} and has {by_key.get(one.key)}"
    for hold_id in facts.holds.keys() - subjects.keys():
        yield f"IDEMPOTENT: hold {hold_id} has no key"


def members(facts: Facts) -> dict[str, list[Hold]]:
    """The holds that count in each session: those that name it, and those of a session whose usage it took over."""
    found: dict[str, list[Hold]] = {name: [] for name in facts.sessions}
    for hold in facts.holds.values():
        for name in hold.debits:
            found[name].append(hold)
    for name in _oldest_first(facts):
        one = facts.sessions[name]
        if one.carried and one.successor_id is not None:
            known = {hold.id for hold in found[one.successor_id]}
            found[one.successor_id] += [hold for hold in found[name] if hold.id not in known]
    return found


def counts(hold: Hold) -> int:
    """What a hold takes from a budget that no refund restores, base units."""
    return {"captured": hold.captured, "voided": 0, "expired": 0}.get(hold.state, hold.amount)


def budgets(facts: Facts, told: Told) -> Iterator[str]:
    """NO_OVERSPEND: for every session and ancestor."""
    for name, holds in members(facts).items():
        policy = facts.sessions[name].policy
        restores = policy.get("refunds_restore")
        spent = sum(counts(one) - (one.refunded if restores else 0) for one in holds)
        budget, most = policy.get("budget"), policy.get("spends_max")
        if budget is not None and spent > budget:
            yield f"NO_OVERSPEND: session {name} spent {spent} of {budget}"
        live = sum(1 for one in holds if one.state not in ("voided", "expired"))
        if most is not None and live > most:
            yield f"NO_OVERSPEND: session {name} made {live} of {most} spends"


def windows(facts: Facts, told: Told) -> Iterator[str]:
    """WINDOW_IS_SLIDING: whatever interval of the window's length one looks at."""
    for name, holds in members(facts).items():
        for seconds, limit in facts.sessions[name].policy.get("windows", ()):
            spent = sorted((one.placed_at, counts(one)) for one in holds)
            times, sums = [at for at, _ in spent], [0]
            for _, units in spent:
                sums.append(sums[-1] + units)
            for index, at in enumerate(times):
                inside = sums[index + 1] - sums[bisect_left(times, at - seconds + 1)]
                if inside > limit:
                    yield f"WINDOW_IS_SLIDING: session {name} spent {inside} of {limit} in {seconds} s until {at}"
                    break


def figures(facts: Facts, told: Told) -> Iterator[str]:
    """What the platform counts is what its holds add up to."""
    for name, holds in members(facts).items():
        restores = facts.sessions[name].policy.get("refunds_restore")
        back = sum(one.refunded for one in holds) if restores else 0
        live = [one for one in holds if one.state not in ("voided", "expired")]
        held = sum(one.amount for one in live if one.state != "captured")
        captured = sum(one.captured for one in live) - back
        spends, (kept_held, kept_captured, _, *kept_back), *_ = facts.figures[name]
        kept = (spends, kept_held, kept_captured, kept_back[0] if kept_back else 0)
        if kept != (len(live), held, captured, back):
            yield f"FIGURES: session {name} has {kept} and its holds are {(len(live), held, captured, back)}"


def stopped(facts: Facts, told: Told) -> Iterator[str]:
    """REVOKED_IS_DEAD: nothing that was asked for after a revoke, freeze or pause was answered is held."""
    stops: dict[str, list[tuple[float, float]]] = {}
    for stopped_id, since, until in told.stops:
        stops.setdefault(stopped_id, []).append((since, until))
    for one in told.holds:
        for since, until in stops.get("", ()):
            if since < one.sent and one.answered < until:
                yield f"REVOKED_IS_DEAD: hold {one.hold_id} was placed while the owner was frozen"
        name: str | None = one.session_id
        while name is not None:
            for since, until in stops.get(name, ()):
                if since < one.sent and one.answered < until:
                    yield f"REVOKED_IS_DEAD: hold {one.hold_id} of {one.session_id} after {name} was stopped"
            name = facts.sessions[name].parent_id if name in facts.sessions else None


def chains(facts: Facts, told: Told) -> Iterator[str]:
    """AUDIT_IS_COMPLETE: every chain holds, and ends where it is said to end."""
    for chain_id, (number, head, _) in facts.chains.items():
        end = verify(facts.entries.get(chain_id, []), Head(chain_id, 0, GENESIS))
        if isinstance(end, Broken):
            yield f"AUDIT_IS_COMPLETE: chain {chain_id} breaks at {end.seq}: {end.reason}"
        elif (end.seq, end.hash) != (number, head):
            yield f"AUDIT_IS_COMPLETE: chain {chain_id} has {end.seq} entries, its head says {number}"
    for chain_id in facts.entries.keys() - facts.chains.keys():
        yield f"AUDIT_IS_COMPLETE: chain {chain_id} has no head"


def anchors(facts: Facts, told: Told) -> Iterator[str]:
    """AUDIT_IS_COMPLETE: the heads that owners' chains tell are those that the trees had."""
    for chain_id, entries in facts.entries.items():
        for entry, _ in entries:
            if entry.kind is not Kind.ANCHOR:
                continue
            said = json.loads(entry.body)
            tree = facts.entries.get(said["tree"], [])
            number = said["seq"]
            if not 0 < number <= len(tree) or tree[number - 1][1].hex() != said["head"]:
                yield f"AUDIT_IS_COMPLETE: anchor {entry.seq} of {chain_id} is not the head of {said['tree']}"
    for chain_id, (number, _, anchored) in facts.chains.items():
        if anchored > number:
            yield f"AUDIT_IS_COMPLETE: chain {chain_id} is anchored beyond its end"


def placed_between(facts: Facts, first: float, last: float) -> Iterator[str]:
    """CLOCK: where decisions go by the database's clock, no platform's clock moves them."""
    for hold in facts.holds.values():
        if not first - CLOCK_SECONDS <= hold.placed_at <= last + CLOCK_SECONDS:
            off = round(hold.placed_at - last)
            yield f"CLOCK: hold {hold.id} of {hold.session_id} was placed {off} s after the end of the run"


def stories(facts: Facts, told: Told) -> Iterator[str]:
    """Every tree told again from its chain: at no moment was a rule broken, and the rows are what the story says."""
    refused, placed = 0, 0
    for chain_id, entries in facts.entries.items():
        if chain_id == facts.owners.get(chain_id):
            continue
        story = Story()
        for entry, _ in entries:
            yield from story.tell(entry)
        refused += story.refused
        placed += len(story.holds)
        for hold_id, said in story.holds.items():
            hold = facts.holds.get(hold_id)
            row = (
                None
                if hold is None
                else (hold.session_id, hold.amount, hold.state, hold.captured, hold.refunded)
            )
            if row != (said.session_id, said.amount, said.state, said.captured, said.refunded):
                yield f"AUDIT_IS_COMPLETE: hold {hold_id} is {row} and the log says {said}"
    if placed != len(facts.holds):
        yield f"AUDIT_IS_COMPLETE: {len(facts.holds)} holds, and {placed} in the log"
    if refused < told.refused:
        yield f"AUDIT_IS_COMPLETE: {told.refused} refusals were told, and {refused} are in the log"


def _oldest_first(facts: Facts) -> list[str]:
    """Sessions such that one that was rotated comes before the one that took its place."""
    found: list[str] = []
    seen: set[str] = set()
    before: dict[str, list[str]] = {}
    for one in facts.sessions.values():
        if one.successor_id is not None:
            before.setdefault(one.successor_id, []).append(one.id)

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for old in before.get(name, ()):
            visit(old)
        found.append(name)

    for name in facts.sessions:
        visit(name)
    return found
