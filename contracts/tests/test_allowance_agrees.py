"""CHAIN_AGREES_WITH_CORE: the contract and core give the same verdict on the same sequence of spends.

Sequences are drawn from a seed, so that any of them is played again by its number: spends by keys and by signature,
children and their spends, steps of time, revocations, rotations, freezes and epochs.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import boa
import pytest

from contracts.tests.purse import HOUR, USDC, Purse, key
from contracts.tests.world import START, Outcome, at, now
from valetkey.core.commands import PlaceHold
from valetkey.core.grant import Grant
from valetkey.core.ledger import State, apply
from valetkey.core.money import Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Lineage, Role, Session, Usage
from valetkey.core.spend import SpendRequest
from valetkey.core.tree import Narrowing, narrow, rotate
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.grants import grant_hash, only

SEQUENCES, SLOW_SEQUENCES = 300, 20_000
STEPS = 14
SEED = int(os.environ.get("VALETKEY_SEED", "20261126"))

LIFE = {Code.SESSION_REVOKED, Code.SESSION_EXPIRED, Code.SESSION_PAUSED, Code.SESSION_PENDING}
REASONS = {
    **dict.fromkeys(("revoked", "frozen", "another epoch", "not valid yet", "expired"), LIFE),
    "above the per-spend limit": {Code.PER_SPEND_EXCEEDED},
    "above the cap": {Code.BUDGET_EXCEEDED},
    "above the window's cap": {Code.WINDOW_EXCEEDED},
    "payee not allowed": {Code.PAYEE_NOT_ALLOWED},
}
"""Which of core's reasons the contract may mean. Of what ends or stops a session both say the first that they meet,
core in an order of its own; of everything else core says all."""


@dataclass(slots=True)
class Node:
    """A grant, and what core holds of it."""

    grant: Grant
    session: Session
    parent: "Node | None" = None

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    def line(self) -> list["Node"]:
        return [self, *(self.parent.line() if self.parent is not None else [])]


class Sequence:
    """One sequence, played on both sides."""

    def __init__(self, purse: Purse, seed: str) -> None:
        self.purse = purse
        self.draw = random.Random(seed)
        self.keys = iter(range(100, 10_000))
        self.nodes: list[Node] = []
        self.epoch = 0
        self.frozen_at: int | None = None
        self.seen: Counter[str] = Counter()
        self.payees = [str(purse.payee), str(purse.other_payee)]

    def play(self) -> None:
        self._root()
        for _ in range(STEPS):
            step = self.draw.choices(
                (self._spend, self._pass, self._child, self._revoke, self._rotate, self._owner, self._root),
                (60, 18, 8, 3, 5, 4, 2),
            )[0]
            step()

    # Steps

    def _root(self) -> None:
        self._add(self.purse.grant(key=self._key(), epoch=self.epoch, **self._rules()), None)

    def _child(self) -> None:
        above = self.draw.choice(self.nodes)
        if above.depth == 2:
            return
        rules = self._rules()
        unit = above.grant.unit if self.draw.random() < 0.9 else rules["unit"]
        rules |= {"valid_after": now() + self.draw.choice((0, 0, 0, -5)), "unit": unit}
        if self.draw.random() < 0.6:
            # As its maker means it: in nothing wider.
            rules |= {name: min(rules[name], getattr(above.grant, name)) for name in ("cap", "per_spend")}
            rules["valid_after"] = max(rules["valid_after"], above.grant.valid_after)
            rules["valid_until"] = max(
                min(rules["valid_until"], above.grant.valid_until), rules["valid_after"] + 1
            )
            rules["payees"] = above.grant.payees
        child = self.purse.child_grant(above.grant, key=self._key(), **rules)
        wanted = Narrowing(
            expires_at=child.valid_until,
            not_before=child.valid_after,
            budget=child.cap,
            per_spend=child.per_spend,
            allowed_payees=None if child.payee is None else frozenset({child.payee}),
        )
        allowed = not isinstance(narrow(enforced_now(above), wanted), Refused)
        # Anyone is more than someone: a narrowing that says nothing of payees keeps them, a grant says all of itself.
        allowed = allowed and (above.grant.payee is None or child.payee is not None)
        allowed = allowed and child.epoch == above.grant.epoch and child.unit == above.grant.unit
        outcome = self.purse.register_child(child, above.grant, self._key_of(above.grant))
        assert outcome.ok == allowed, f"a child: {outcome.reason}, core says {allowed}"
        self.seen["child" if allowed else "child refused"] += 1
        if allowed:
            self._add(child, above, registered=True)

    def _spend(self) -> None:
        node = self.draw.choice(self.nodes)
        payee = self.draw.choice((*self.payees[:1] * 3, self.payees[1]))
        amount = self.draw.choice((1, 100, 101, USDC, 3 * USDC, 5 * USDC, self.draw.randrange(1, 12 * USDC)))
        line = node.line()
        after = self._decide(line, amount, payee)
        outcome = self._sent(line, amount, payee)
        if isinstance(after, Refused):
            codes = {reason.code for reason in after.reasons}
            assert not outcome.ok, f"the contract let {amount} to {payee} through, core says {codes}"
            assert REASONS[outcome.reason] & codes, f"the contract says {outcome.reason}, core {codes}"
            self.seen[outcome.reason] += 1
            return
        assert outcome.ok, f"the contract says {outcome.reason}, core nothing"
        self.seen["spend"] += 1
        for one, session in zip(line, after, strict=True):
            one.session = session
            units = session.usage.committed // one.grant.unit
            assert self.purse.spent_units(one.grant) == units

    def _pass(self) -> None:
        seconds = (1, 60, 449, 450, 451, HOUR - 1, HOUR, HOUR + 1, HOUR + 450, 2 * HOUR)
        at(now() + self.draw.choice((*seconds, self.draw.randrange(1, 3 * HOUR))))

    def _revoke(self) -> None:
        node = self.draw.choice(self.nodes)
        assert self.purse.revoke(node.grant).ok
        if node.session.revoked_at is None:
            node.session = replace(node.session, revoked_at=now())
        self.seen["revoke"] += 1

    def _rotate(self) -> None:
        node = self.draw.choice(self.nodes)
        rules = self._rules() | {name: getattr(node.grant, name) for name in ("unit", "window_seconds")}
        if not rules["window_seconds"]:
            rules["window_cap"] = 0
        elif not rules["window_cap"]:
            rules["window_cap"] = node.grant.window_cap
        new = self.purse.grant(key=self._key(), epoch=self.epoch, predecessor=grant_hash(node.grant), **rules)
        outcome = self.purse.succeed(new, node.grant)
        # A revoked one may be succeeded on the chain, to count what it spent; core makes a new session then.
        allowed = node.parent is None and node.session.successor_id is None
        assert outcome.ok == allowed, outcome.reason
        if not allowed:
            return
        self.seen["rotate"] += 1
        alive = replace(node.session, revoked_at=None)
        made = rotate(
            alive,
            f"s{len(self.nodes)}",
            self.purse.policy(new),
            0,
            now(),
            carry=True,
            tree_sessions=1,
            rotated=0,
        )
        assert not isinstance(made, Refused)
        successor, ended = made
        node.session = replace(ended, revoked_at=node.session.revoked_at or now())
        self.nodes.append(Node(new, successor))

    def _owner(self) -> None:
        act = self.draw.choice(("freeze", "thaw", "thaw", "revokeAll"))
        self.purse.must(self.purse.owner.address, self.purse.allowance, act)
        self.seen[act] += 1
        if act == "revokeAll":
            self.epoch += 1
            for node in self.nodes:
                node.session = replace(node.session, revoked_at=node.session.revoked_at or now())
        else:
            self.frozen_at = now() if act == "freeze" else None

    # What both sides say

    def _decide(self, line: list[Node], amount: int, payee: str) -> Lineage | Refused:
        asset = self.purse.asset(line[0].grant)
        command = PlaceHold(
            "hld", SpendRequest(Money(amount, asset), None, payee.lower(), "payment"), now() + 300, None
        )
        sessions = [
            replace(
                one.session,
                frozen_at=self.frozen_at,
                parent_id=None if one.parent is None else one.parent.session.id,
            )
            for one in line
        ]
        after = apply(State(sessions[0], None, tuple(sessions[1:])), command, now())
        return after if isinstance(after, Refused) else after.lineage

    def _sent(self, line: list[Node], amount: int, payee: str) -> Outcome:
        node, parents = line[0], [one.grant for one in line[1:]]
        if parents:
            return self.purse.spend_as_child(node.grant, parents, amount, payee)
        if self.draw.random() < 0.3:
            wanted = self.purse.wanted(amount, payee=payee)
            signed = self.purse.spend_signature(node.grant, wanted, self._key_of(node.grant))
            return self.purse.relay(node.grant, wanted, signed=signed)
        return self.purse.spend(node.grant, amount, payee)

    # Making

    def _rules(self) -> dict[str, Any]:
        draw = self.draw
        window = draw.choice((0, HOUR, HOUR, 60, 61, 7))
        begins = now() + draw.choice((0, 0, 0, 100))
        return {
            "cap": draw.choice((5 * USDC, 20 * USDC, 100 * USDC)) + draw.choice((0, 1)),
            "per_spend": draw.choice((USDC, 5 * USDC, 10 * USDC, 100 * USDC)),
            "window_cap": draw.choice((5 * USDC, 10 * USDC)) if window else 0,
            "window_seconds": window,
            "unit": draw.choice((10, 100, 1_000)),
            "payees": only(self.payees[0]) if draw.random() < 0.7 else bytes(32),
            "valid_after": begins,
            "valid_until": begins + draw.choice((HOUR, 10 * HOUR, 100 * HOUR)),
        }

    def _key(self) -> str:
        number = next(self.keys)
        made = key(number)
        self._known[made.address] = number
        return made.address

    _known: ClassVar[dict[str, int]] = {}

    def _key_of(self, grant: Grant) -> PrivateKey:
        return key(self._known[grant.key])

    def _add(self, grant: Grant, parent: Node | None, *, registered: bool = False) -> None:
        if not registered:
            assert self.purse.register(grant).ok
        session = Session(
            id=f"s{len(self.nodes)}",
            owner_id="agt",
            role=Role.BUYER,
            policy=self.purse.policy(grant),
            usage=Usage(),
            created_at=now(),
            parent_id=None if parent is None else parent.session.id,
        )
        self.nodes.append(Node(grant, session, parent))


def enforced_now(node: Node) -> Policy:
    """The policy that its grant says, also after it was rotated: narrowing looks at what was signed."""
    return replace(node.session.policy, not_before=node.grant.valid_after, expires_at=node.grant.valid_until)


@pytest.fixture(scope="module")
def purse() -> Iterator[Purse]:
    with boa.swap_env(boa.Env()):
        yield Purse()


def play(purse: Purse, numbers: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for number in numbers:
        with boa.env.anchor():
            at(START)
            one = Sequence(purse, f"{SEED} {number}")
            try:
                one.play()
            except AssertionError as error:
                raise AssertionError(f"VALETKEY_SEED={SEED}, sequence {number}: {error}") from error
            seen += one.seen
    return seen


def test_CHAIN_AGREES_WITH_CORE(purse: Purse) -> None:
    seen = play(purse, range(SEQUENCES))
    print(f"seed {SEED}: {dict(seen)}")
    # Every kind of answer was among them.
    assert {"spend", "child", "child refused", "revoke", "rotate", "freeze", "revokeAll", *REASONS} <= set(
        seen
    )


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_CHAIN_AGREES_WITH_CORE_in_twenty_thousand_sequences(purse: Purse) -> None:
    print(f"seed {SEED}: {dict(play(purse, range(SEQUENCES, SEQUENCES + SLOW_SEQUENCES)))}")
