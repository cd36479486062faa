"""What a run does, as a pure function of its seed: the disturbances with their times, and what each client asks for.

What depends on answers (which of its own holds a client voids) is drawn here too, as a number that the client reduces
to what it has. So two runs of one seed ask the same in the same order; how they interleave is up to the machine.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

CLIENTS = 64
SESSIONS = 1_000
HOUR_SECONDS = 3_600

TREE_PARENTS = (None, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6)
"""The hot tree: node 0 is the root, the others name their parent. Its leaves are three generations below the root."""

LEAVES = tuple(range(7, 15))
_LEAF_WEIGHTS = (1, 1, 1, 1, 1, 1, 4, 6)
"""The first two are fought for, the last has no limits but its ancestors'."""

DOOMED = 4
"""The node of the tree that is revoked in the middle of a run, and with it the two below it."""

LONG_SECONDS = 86_400
"""Holds that must not lapse, however the clocks jump."""

SHORT_SECONDS = 20

JUMPS_MAX = 12
"""So many hours the clock of a server is ahead at most: a long hold outlives a run."""


@dataclass(frozen=True, slots=True)
class Event:
    """A disturbance `at` seconds after the beginning. `target`: a process, a client, or a place, by its number."""

    at: float
    what: str
    target: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """What a client does next.

    what: `hold`, or what becomes of a hold of its own. place: a node of the tree from 0 on, a plain session from
    len(TREE_PARENTS) on. units: base units of USDC. fate: what becomes of the answer. draw: a number for what depends
    on answers.
    """

    what: str
    place: int
    units: int
    seconds: int
    fate: str
    draw: int


# What clients do, how often of a thousand.
_WHAT = {"hold": 900, "void": 45, "capture": 25, "sign": 8, "capture_less": 7, "refund": 8, "child": 7}
# What becomes of a hold's answer: it is read; the connection is dropped before it; the request is sent twice at once;
# it is asked for again after the answer; the same key is used for another amount.
_FATE = {"read": 940, "dropped": 25, "twice": 20, "again": 10, "other_body": 5}

# How often a disturbance comes in two minutes, and whom it meets.
_OFTEN = {
    "kill": 24,
    "jump_server": 16,
    "jump_client": 64,
    "revoke": 40,
    "rotate": 40,
    "extend": 20,
    "pause": 8,
    "freeze": 4,
}
_AT_LEAST = {"kill": 4, "jump_server": 4, "jump_client": 4, "revoke": 4, "rotate": 4, "extend": 2, "pause": 1}
FULL_SECONDS = 120
RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of a run.

    processes: how many platforms there are. restarts: whether the database is restarted. sessions: how many there are
    beside the tree.
    """

    seed: int
    seconds: float
    processes: int
    restarts: bool
    sessions: int = SESSIONS

    @property
    def places(self) -> int:
        """How many sessions are spent from: those of the tree, and those beside it."""
        return len(TREE_PARENTS) + self.sessions

    def events(self) -> list[Event]:
        """The disturbances, in the order of their times."""
        found: list[Event] = []
        for what, often in _OFTEN.items():
            draw = random.Random(f"{self.seed} {what}")
            count = max(round(often * self.seconds / FULL_SECONDS), _AT_LEAST.get(what, 0))
            for number in range(count):
                # One in each part of the run, so that none of them is spent at the end.
                at = self.seconds * (number + draw.uniform(0.1, 0.95)) / count
                found.append(self._event(round(at, 3), what, draw))
        found.append(Event(round(self.seconds * 0.6, 3), "revoke", DOOMED))
        if self.restarts:
            draw = random.Random(f"{self.seed} restart")
            count = max(1, round(RESTARTS * self.seconds / FULL_SECONDS))
            for number in range(count):
                at = self.seconds * (number + draw.uniform(0.3, 0.7)) / count
                found.append(Event(round(at, 3), "restart_database", value=number % 2))
        return sorted(found, key=lambda one: (one.at, one.what, one.target))

    def _event(self, at: float, what: str, draw: random.Random) -> Event:
        if what == "kill":
            return Event(at, what, draw.randrange(self.processes))
        if what == "jump_server":
            return Event(
                at, what, draw.randrange(self.processes), draw.choice((1, 1, 1, -1, -1)) * HOUR_SECONDS
            )
        if what == "jump_client":
            return Event(at, what, draw.randrange(CLIENTS), draw.choice((1, -1)) * HOUR_SECONDS)
        if what in ("rotate", "pause") and draw.random() < 0.3:
            return Event(at, what, draw.choice(LEAVES), draw.randrange(4))
        if what == "extend" and draw.random() < 0.7:
            return Event(at, what, draw.choice((1, 3, 7, 8)), draw.randrange(200_000, 1_000_000))
        place = draw.randrange(len(TREE_PARENTS), self.places)
        return Event(
            at, what, place, draw.randrange(200_000, 1_000_000) if what == "extend" else draw.randrange(4)
        )

    def actions(self, client: int) -> Iterator[Action]:
        """What one client does, without an end."""
        draw = random.Random(f"{self.seed} client {client}")
        whats, fates = (list(_WHAT), list(_WHAT.values())), (list(_FATE), list(_FATE.values()))
        while True:
            place = (
                draw.choices(LEAVES, _LEAF_WEIGHTS)[0]
                if draw.random() < 0.4
                else draw.randrange(1, self.places)
            )
            yield Action(
                what=draw.choices(whats[0], whats[1])[0],
                place=place,
                units=draw.randrange(1, 20) * 1_000 + draw.randrange(10),
                seconds=SHORT_SECONDS if draw.random() < 0.03 else LONG_SECONDS,
                fate=draw.choices(fates[0], fates[1])[0],
                draw=draw.randrange(2**32),
            )


def printed(plan: Plan, actions: int) -> Iterator[str]:
    """The plan for people: every disturbance, and the first actions of every client."""
    yield f"seed {plan.seed}, {plan.seconds:g} s, {plan.processes} platform process(es)"
    for event in plan.events():
        yield f"{event.at:9.3f} s  {event.what:<17}{event.target:>5}{event.value:>9}"
    for client in range(CLIENTS):
        for number, action in zip(range(actions), plan.actions(client), strict=False):
            yield (
                f"client {client:>2} #{number:<3}{action.what:<13} place {action.place:>4} {action.units:>6} units"
                f" for {action.seconds} s, {action.fate}, {action.draw}"
            )
