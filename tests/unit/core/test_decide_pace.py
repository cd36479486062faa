"""Windows and numbers of spends in a decision: what is left, when it fits, and what is said about it."""

from dataclasses import replace

import pytest

from tests.unit.core.build import NOW, session, spend
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import InvalidInput
from valetkey.core.policy import SPENDS_MAX, Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.rules import span
from valetkey.core.session import Pace, Session, Status, spends_left, status
from valetkey.core.windows import WINDOWS_MAX, Window

HOUR, DAY = Window(3_600, 20_000_000), Window(86_400, 100_000_000)
# The bucket of NOW in HOUR is 60 seconds long and begins at 1,980.
BUCKET = NOW // 60


def spent(units: int, *, day: int = 0) -> Session:
    """A session that spent so much in this minute, and so much today."""
    made = session(budget=None, windows=(HOUR, DAY))
    rings = (((BUCKET, units),), ((NOW // 1_440, units + day),))
    return replace(made, policy=replace(made.policy, expires_at=10**6), pace=Pace(1, rings))


def test_a_window_says_what_is_left_and_when_more_fits() -> None:
    refused = decide(spent(15_000_000), spend(5_000_001), NOW)
    assert isinstance(refused, Refused)
    (reason,) = refused.reasons
    assert (reason.code, reason.rule) == (Code.WINDOW_EXCEEDED, "window:3600")
    assert (reason.asked, reason.limit, reason.remaining) == (5_000_001, 20_000_000, 5_000_000)
    assert reason.resets_at == (BUCKET + 1) * 60 + 3_600
    assert reason.message == "asked 5.000001 USDC, left 5 USDC of 20 USDC in any 1 h"
    assert reason.hint == "ask for at most 5 USDC, or wait 1 h 40 s"
    assert isinstance(decide(spent(15_000_000), spend(5_000_000), NOW), Allowed)
    assert isinstance(decide(spent(15_000_000), spend(20_000_000), reason.resets_at), Allowed)


def test_what_never_fits_is_not_waited_for() -> None:
    refused = decide(spent(0), spend(20_000_001), NOW)
    assert isinstance(refused, Refused)
    assert refused.first.resets_at is None
    assert refused.first.hint == "ask for at most 20 USDC"


def test_a_wait_that_outlives_the_session_is_no_help() -> None:
    made = spent(15_000_000)
    made = replace(made, policy=replace(made.policy, expires_at=NOW + 60))
    refused = decide(made, spend(10_000_000), NOW)
    assert isinstance(refused, Refused)
    assert refused.first.resets_at is None
    assert refused.first.hint == "ask for at most 5 USDC"


def test_every_window_that_refuses_is_named() -> None:
    refused = decide(spent(15_000_000, day=80_000_000), spend(10_000_000), NOW)
    assert isinstance(refused, Refused)
    assert [reason.rule for reason in refused.reasons] == ["window:3600", "window:86400"]


def test_all_spends_made_is_exhausted() -> None:
    made = replace(session(spends_max=2), pace=Pace(2))
    refused = decide(made, spend(1), NOW)
    assert isinstance(refused, Refused)
    assert (refused.first.code, refused.first.limit) == (Code.SPEND_COUNT_EXCEEDED, 2)
    assert status(made, NOW) is Status.EXHAUSTED
    assert spends_left(made) == 0
    assert isinstance(decide(replace(made, pace=Pace(1)), spend(1), NOW), Allowed)
    assert status(replace(made, pace=Pace(1)), NOW) is Status.ACTIVE
    assert spends_left(session()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"windows": (DAY, HOUR)},
        {"windows": (HOUR, Window(3_600, 1))},
        {"windows": tuple(Window(seconds, 1) for seconds in range(1, WINDOWS_MAX + 2))},
        {"spends_max": -1},
        {"spends_max": True},
        {"spends_max": SPENDS_MAX + 1},
    ],
)
def test_a_policy_that_contradicts_itself_is_none(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Policy(budget=1, expires_at=10, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min 1 s"), (93_600, "1 d 2 h"), (86_400, "1 d")],
)
def test_spans_are_told_as_people_say_them(seconds: int, words: str) -> None:
    assert span(seconds) == words
