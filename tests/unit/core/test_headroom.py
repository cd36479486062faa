"""What would be refused next agrees with the decision itself: `most` passes, and one unit more does not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import ENDS, NOW, SESSION, USDC, session
from valetkey.core.decide import Allowed, decide
from valetkey.core.headroom import headroom
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Pace, Role
from valetkey.core.spend import SpendRequest
from valetkey.core.windows import Window, added

AMOUNTS = st.integers(0, 60)


@st.composite
def sessions(draw: st.DrawFn) -> object:
    windows = tuple(Window(seconds, draw(AMOUNTS)) for seconds in (60, 3_600)[: draw(st.integers(0, 2))])
    made = session(
        budget=draw(st.none() | AMOUNTS),
        per_spend=draw(st.none() | AMOUNTS),
        captured=draw(AMOUNTS),
        held=draw(AMOUNTS),
        spends=draw(st.integers(0, 3)),
        spends_max=draw(st.none() | st.integers(0, 3)),
        windows=windows,
        role=draw(st.sampled_from([Role.BUYER, Role.BUYER, Role.BUYER, Role.SELLER])),
        paused_at=draw(st.sampled_from([None, None, None, 1])),
    )
    rings = tuple(added(one, (), draw(AMOUNTS), NOW - draw(st.integers(0, 4_000)), NOW) for one in windows)
    policy = replace(
        made.policy, unit=draw(st.sampled_from([1, 1, 7])), approval_above=draw(st.none() | AMOUNTS)
    )
    return replace(made, policy=policy, pace=Pace(made.pace.spends, rings))


@given(sessions(), st.lists(sessions(), max_size=2))
def test_it_agrees_with_the_decision(one: object, above: list[object]) -> None:
    ancestors = tuple(
        replace(each, id=f"ses_{place}", policy=replace(each.policy, unit=one.policy.unit))  # type: ignore[attr-defined,type-var]
        for place, each in enumerate(above)
    )
    room = headroom(one, NOW, ancestors)  # type: ignore[arg-type]

    def asked(units: int) -> Allowed | Refused:
        return decide(one, SpendRequest(Money(units, USDC)), NOW, ancestors)  # type: ignore[arg-type]

    if room.most is None:
        assert isinstance(asked(10**20), Allowed)
        assert room.binds is None
        return
    more = asked(room.most + 1)
    assert isinstance(more, Refused)
    assert room.binds is not None
    assert room.binds.code in {reason.code for reason in more.reasons}
    if room.most:
        allowed = asked(room.most)
        assert isinstance(allowed, Allowed)
    if room.free is not None and room.free > 0:
        free = asked(room.free)
        assert isinstance(free, Allowed)
        # Amounts count in whole units of the policy: the free one may be the threshold itself.
        assert free.approval is None or one.policy.unit > 1  # type: ignore[attr-defined]


def test_an_unlimited_session_has_no_next_refusal() -> None:
    assert headroom(session(budget=None), NOW) == headroom(session(budget=None), NOW)
    assert headroom(session(budget=None), NOW).most is None


def test_what_stops_a_session_comes_first() -> None:
    over = headroom(SESSION, ENDS)
    assert (over.most, over.binds and over.binds.code) == (0, Code.SESSION_EXPIRED)
    spent = headroom(session(spends=2, spends_max=2), NOW)
    assert (spent.most, spent.binds and spent.binds.code) == (0, Code.SPEND_COUNT_EXCEEDED)


def test_an_ancestor_s_rule_is_named_as_its_own() -> None:
    above = replace(session(budget=5), id="ses_above")
    room = headroom(session(budget=9), NOW, (above,))
    assert (room.most, room.binds and room.binds.session_id) == (5, "ses_above")


def test_a_window_tells_when_more_passes() -> None:
    window = Window(60, 10)
    one = replace(session(windows=(window,)), pace=Pace(1, (added(window, (), 10, NOW, NOW),)))
    room = headroom(one, NOW)
    assert room.most == 0
    assert room.binds is not None
    assert room.binds.resets_at is not None
    assert headroom(one, room.binds.resets_at).most == 10
