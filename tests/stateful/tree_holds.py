"""What may happen to a hold after it was placed: approval, execution, proofs in any order, and giving up."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from tests.stateful.tree_checks import TreeChecks
from tests.stateful.tree_drivers import Ask, CoreDriver
from tests.stateful.tree_model import Entry, Spend
from valetkey.core.commands import (
    Approve,
    Capture,
    Command,
    Expire,
    Lapse,
    MarkUnknown,
    Refund,
    Reject,
    Void,
)
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Code, Refused


class HoldRules(TreeChecks):
    """Every command of a hold that exists, from every state."""

    placed: Bundle[str] = Bundle("placed")

    @rule(hold=placed)
    def place_again(self, hold: str) -> None:
        before = self.driver.hold(hold)
        if hold in self.asks:
            assert self.driver.place_again(self.asks[hold]) == before, "IDEMPOTENT"
        else:
            spend = self.model.spends[hold]
            assert self.driver.observe(spend.session_id, hold, spend.request) == before, "IDEMPOTENT"

    @rule(hold=placed, lasts=st.sampled_from([30, 600]))
    def approve(self, hold: str, lasts: int) -> None:
        spend, now = self.model.spends[hold], self.driver.now()
        command = Approve(now + lasts)
        if spend.state in ("voided", "expired"):
            self.contradicts(hold, command)
        elif spend.state == "pending_approval" and (now >= spend.ends_at or self.stale(spend)):
            self.refuses(hold, command, Code.APPROVAL_STALE)
        elif spend.state == "pending_approval":
            self.moves(spend, command, "approved", ends_at=now + lasts)
        else:
            self.stays(hold, command)

    @rule(hold=placed)
    def execute(self, hold: str) -> None:
        """What was approved is decided again, as if it had not been placed."""
        if hold not in self.asks:
            # It moved without having been asked for.
            return
        spend, now = self.model.spends[hold], self.driver.now()
        ask = replace(self.asks[hold], expires_at=now + 30)
        over = now >= spend.ends_at or self.stale(spend)
        if spend.state != "approved" or over:
            if isinstance(self.driver, CoreDriver):
                self.not_executed(spend, ask)
            return
        lineage = self.driver.lineage(spend.session_id)
        spend.state, entries, spend.entries = "voided", spend.entries, []
        state = self.expected(lineage, spend.request, waits=True)
        answer = self.driver.execute(ask)
        self.model.tell(spend.session_id)
        if isinstance(answer, Refused):
            self.refused_for_a_reason(lineage, spend.request, answer, state)
            spend.state, spend.entries = "approved", entries
            return
        assert state != "refused"
        spend.state, spend.entries, spend.ends_at = "held", [Entry(now, spend.asked)], now + 30
        self.granted(lineage, spend.request, again=True)

    @rule(number=st.integers(0, 99), lasts=st.sampled_from([30, 600]))
    def go_on_with_what_waits(self, number: int, lasts: int) -> None:
        """What waits is approved, and what is approved is executed, or found stale."""
        waiting = self.waiting()
        if not waiting:
            return
        hold = waiting[number % len(waiting)]
        if self.model.spends[hold].state == "pending_approval":
            self.approve(hold, lasts)
        else:
            self.execute(hold)

    def waiting(self) -> list[str]:
        states = ("pending_approval", "approved")
        return [one.id for one in self.model.spends.values() if one.state in states]

    def not_executed(self, spend: Spend, ask: Ask) -> None:
        if spend.state in ("voided", "expired"):
            with pytest.raises(Contradiction):
                self.driver.execute(ask)
            return
        answer = self.driver.execute(ask)
        assert isinstance(answer, Refused) == (spend.state in ("pending_approval", "approved"))

    # Proofs, and giving up.

    @rule(hold=placed)
    def reject(self, hold: str) -> None:
        spend = self.model.spends[hold]
        if spend.state in ("pending_approval", "approved"):
            self.moves(spend, Reject(), "voided")
        elif spend.state == "voided":
            self.stays(hold, Reject())
        else:
            self.contradicts(hold, Reject())

    @rule(hold=placed)
    def sign(self, hold: str) -> None:
        spend = self.model.spends[hold]
        if spend.state in ("unknown", "captured"):
            self.stays(hold, MarkUnknown())
        elif spend.state != "held":
            self.contradicts(hold, MarkUnknown())
        elif spend.request.operation != "purchase" and self.driver.now() >= spend.ends_at:
            self.refuses(hold, MarkUnknown(), Code.HOLD_ENDED)
        else:
            self.moves(spend, MarkUnknown(), "unknown")
            spend.signed = True

    @rule(number=st.integers(0, 99))
    def sign_too_late(self, number: int) -> None:
        """Go on to the end of a spend that is held, and sign then."""
        held = [
            one
            for one in self.model.spends.values()
            if one.state == "held" and one.request.operation != "purchase"
        ]
        if not held:
            return
        spend = held[number % len(held)]
        self.driver.wait(max(0, spend.ends_at - self.driver.now()))
        self.sign(spend.id)

    @rule(hold=placed, other=st.none() | st.none() | st.integers(0, 60))
    def capture(self, hold: str, other: int | None) -> None:
        """Proof of a payment: of what was asked for (None), or of another amount."""
        spend = self.model.spends[hold]
        amount = spend.asked if other is None else other
        if spend.state == "captured":
            known = amount == spend.moved
            return self.stays(hold, Capture(amount)) if known else self.contradicts(hold, Capture(amount))
        before = spend.asked if spend.is_open else 0
        self.moves(spend, Capture(amount), "captured", entries=spend.entries)
        spend.moved = amount
        for entry in spend.entries:
            entry.units = min(entry.units, amount)
        if amount > before:
            spend.entries.append(Entry(self.driver.now(), amount - before))
        return None

    @rule(hold=placed, total=st.none() | st.integers(0, 60))
    def refund(self, hold: str, total: int | None) -> None:
        spend = self.model.spends[hold]
        total = spend.moved if total is None else total
        if spend.state != "captured" or not spend.refunded <= total <= spend.moved:
            self.contradicts(hold, Refund(total))
            return
        if total == spend.refunded:
            self.stays(hold, Refund(total))
            return
        for session_id in sorted(spend.counts_in):
            if self.driver.lineage(session_id)[0].policy.refunds_restore:
                spend.restored[session_id] += total - spend.refunded
        self.moves(spend, Refund(total), "captured", entries=spend.entries)
        spend.refunded = total

    @rule(hold=placed, proven=st.booleans())
    def void(self, hold: str, proven: bool) -> None:
        spend = self.model.spends[hold]
        proof = proven or spend.state != "unknown"
        self.gives_back(spend, Void(proven), "voided", possible=proof)

    @rule(hold=placed)
    def lapse(self, hold: str) -> None:
        spend = self.model.spends[hold]
        unpaid = spend.state in ("pending_approval", "approved") or (
            spend.state == "held" and spend.request.operation != "purchase"
        )
        self.gives_back(spend, Lapse(), "expired", possible=unpaid and self.driver.now() >= spend.ends_at)

    @rule(hold=placed, late=st.sampled_from([-1, 0, 1]))
    def expire(self, hold: str, late: int) -> None:
        spend = self.model.spends[hold]
        self.gives_back(spend, Expire(spend.ends_at + late), "expired", possible=late >= 0)

    def gives_back(self, spend: Spend, command: Command, word: str, *, possible: bool) -> None:
        if spend.state == word:
            self.stays(spend.id, command)
        elif spend.is_open and possible:
            self.moves(spend, command, word)
        else:
            self.contradicts(spend.id, command)
