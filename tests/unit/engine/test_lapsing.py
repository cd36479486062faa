"""Lapsing and anchoring: batches, races, and when to look again."""

import asyncio
from typing import Any, cast

import pytest

from valetkey.core.commands import Command, Lapse
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Code, refuse
from valetkey.engine import anchoring, lapsing
from valetkey.engine.anchoring import Anchoring
from valetkey.engine.lapsing import Lapsing
from valetkey.ports.auditing import AuditStore
from valetkey.ports.ledger import LedgerStore


class Ledger:
    """Holds whose end has come."""

    def __init__(self, due: list[str], answers: dict[str, Any] | None = None) -> None:
        self.due, self.answers = due, answers or {}
        self.settled: list[tuple[str, Command, str]] = []

    async def lapsed(self, limit: int) -> list[str]:
        return self.due[:limit]

    async def settle(self, hold_id: str, command: Command, *, by: str) -> Any:
        self.settled.append((hold_id, command, by))
        answer = self.answers.get(hold_id)
        if isinstance(answer, Exception):
            raise answer
        return answer


def step(ledger: Ledger) -> tuple[list[str], bool]:
    told: list[str] = []
    return told, asyncio.run(Lapsing(cast(LedgerStore, ledger), told.append).step())


def test_what_is_due_lapses_and_what_was_paid_meanwhile_does_not_stop_the_others() -> None:
    refusal = refuse(Code.HOLD_ENDED, "expires_at", "over")
    ledger = Ledger(["a", "b", "c", "d"], {"b": Contradiction("it is captured"), "c": refusal})
    assert step(ledger) == (["a", "d"], False)
    assert ledger.settled == [(one, Lapse(), "platform") for one in "abcd"]


@pytest.mark.parametrize("count", [0, lapsing.BATCH - 1, lapsing.BATCH, lapsing.BATCH + 1])
def test_a_full_batch_says_that_there_may_be_more(count: int) -> None:
    assert step(Ledger(["x"] * count))[1] is (count >= lapsing.BATCH)


@pytest.mark.parametrize("count", [0, 3, anchoring.BATCH])
def test_anchors_are_counted(count: int) -> None:
    class Accounts:
        async def anchor(self, limit: int) -> int:
            assert limit == anchoring.BATCH
            return count

    told: list[int] = []
    more = asyncio.run(Anchoring(cast(AuditStore, Accounts()), told.append).step())
    assert (more, told) == (count == anchoring.BATCH, [count] if count else [])
