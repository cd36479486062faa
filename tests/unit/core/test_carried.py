"""What a rotation takes over: windows of other lengths, currencies that nothing is left of, proofs that come late."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import BEGINS, ETH, SESSION, USDC
from valetkey.core.commands import Capture, Command, PlaceHold, Refund, Void
from valetkey.core.ledger import State, apply
from valetkey.core.limits import Limits
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.session import Session
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.tree import rotate
from valetkey.core.windows import Window

LONG = 10**7
PLAIN = Policy(budget=None, expires_at=LONG)


class Rotated:
    """A session that is rotated with what it spent, and the holds of its whole line."""

    def __init__(self, policy: Policy, now: int = BEGINS) -> None:
        self.now = now
        self.line: list[Session] = [replace(SESSION, id="ses_0", policy=policy)]
        self.holds: list[Hold] = []

    def place(self, units: int, asset: Asset = USDC) -> Hold | None:
        """A hold of the newest session; None when it is refused."""
        command = PlaceHold(f"hld_{len(self.holds)}", SpendRequest(Money(units, asset), "svc_1"), LONG)
        after = apply(State(self.line[-1]), command, self.now)
        if isinstance(after, Refused):
            return None
        assert after.hold is not None
        self.line[-1] = after.session
        self.holds.append(after.hold)
        return after.hold

    def settle(self, index: int, command: Command) -> None:
        hold = self.holds[index]
        at = next(number for number, one in enumerate(self.line) if one.id == hold.session_id)
        after = apply(State(self.line[at], hold, tuple(self.line[at + 1 :])), command, self.now)
        assert isinstance(after, State)
        assert after.hold is not None
        self.line[at:] = after.lineage
        self.holds[index] = after.hold

    def rotate(self, policy: Policy) -> None:
        new_id = f"ses_{len(self.line)}"
        done = rotate(self.line[-1], new_id, policy, 0, self.now, carry=True, tree_sessions=1, rotated=0)
        assert not isinstance(done, Refused)
        new, old = done
        self.line[-1:] = [old, new]


def windowed(seconds: int, limit: int = 100, *, refunds_restore: bool = False) -> Policy:
    return replace(PLAIN, windows=(Window(seconds, limit),), refunds_restore=refunds_restore)


def test_WINDOW_IS_SLIDING_a_void_takes_nothing_from_other_spends() -> None:
    # 605 s are cut into buckets of 11 s and 600 s into 10 s: what left the old window may still be in the new one's
    # first bucket, by the second it was spent at.
    spent_at = 1_000_000_010 - 1_000_000_010 % 110 + 10
    spent_at = next(at for at in range(spent_at, spent_at + 1_000) if at % 11 == 10 and at % 10 == 0)
    one = Rotated(replace(windowed(605), expires_at=2 * spent_at), now=spent_at)
    one.place(40)
    one.now = spent_at + 300
    one.place(60)
    one.now = spent_at + 606
    one.rotate(replace(windowed(600), expires_at=2 * spent_at))
    one.settle(0, Void())
    # The 60 of 306 seconds ago still count.
    assert one.place(41) is None
    assert one.place(40) is not None


def test_what_left_the_window_before_a_rotation_can_be_voided_after_it() -> None:
    spent_at = next(at for at in range(10**9, 10**9 + 1_000) if at % 11 == 10 and at % 10 == 0)
    one = Rotated(replace(windowed(605), expires_at=2 * spent_at), now=spent_at)
    one.place(40)
    one.now = spent_at + 606
    one.rotate(replace(windowed(600), expires_at=2 * spent_at))
    one.settle(0, Void())
    assert one.line[-1].usage.held == 0


def test_the_same_window_is_taken_over_as_it_is() -> None:
    one = Rotated(windowed(600))
    one.place(70)
    one.now += 300
    one.place(30)
    before = one.line[-1].pace.rings
    one.rotate(windowed(600, 80))
    assert one.line[-1].pace.rings == before
    one.now += 310
    assert one.place(51) is None
    assert one.place(50) is not None


def test_WINDOW_IS_SLIDING_what_came_back_was_spent_all_the_same() -> None:
    # A refund is spent again out of the budget, and not out of the window.
    one = Rotated(windowed(60, refunds_restore=True))
    one.place(60)
    one.settle(0, Capture(60))
    one.settle(0, Refund(60))
    one.now += 200
    one.rotate(windowed(600))
    assert one.line[-1].usage.committed == 0
    assert one.place(41) is None
    assert one.place(40) is not None


def test_a_currency_that_nothing_is_left_of_needs_no_limits() -> None:
    eth = Limits("ETH", 50, windows=(Window(60, 50),))
    one = Rotated(replace(windowed(60), others=(eth,)))
    one.place(30, ETH)
    one.settle(0, Void())
    one.rotate(windowed(60))
    # And when it moved after all, whoever proves it is told no nonsense: the session that had limits is debited.
    one.settle(0, Capture(30))
    old, new = one.line
    assert old.others[0].usage.captured == 30
    assert (new.others, new.pace.spends) == ((), 1)


LENGTHS = st.sampled_from([1, 59, 60, 61, 119, 120, 121, 240, 241, 600, 601, 605])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(1, 60)),
        st.tuples(st.just("place"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 59, 61, 240, 300, 301, 599, 600, 602, 606])),
        st.tuples(st.just("void"), st.integers(0, 20)),
        st.tuples(st.just("capture"), st.integers(0, 20)),
        st.tuples(st.just("refund"), st.integers(0, 20)),
        st.tuples(st.just("rotate"), LENGTHS),
    ),
    max_size=40,
)


@given(length=LENGTHS, begins=st.integers(10**6, 10**6 + 700), restore=st.booleans(), steps=STEPS)
def test_WINDOW_IS_SLIDING_over_rotations(
    length: int, begins: int, restore: bool, steps: list[tuple[str, int]]
) -> None:
    """Whoever spent it: the new session's window holds no more than its limit when it says yes."""
    one = Rotated(windowed(length, refunds_restore=restore), now=begins)
    for word, number in steps:
        hold = one.holds[number % len(one.holds)] if one.holds else None
        if word == "wait":
            one.now += number
        elif word == "rotate" and len(one.line) < 3:
            one.rotate(windowed(number, refunds_restore=restore))
        elif word == "place" and one.place(number) is not None:
            window = one.line[-1].policy.windows[0]
            counted = [h for h in one.holds if h.state in ("held", "captured")]
            assert sum(h.amount for h in counted if h.placed_at > one.now - window.seconds) <= window.limit
        elif word == "void" and hold is not None and hold.state in ("held", "voided"):
            one.settle(number % len(one.holds), Void())
        elif word == "capture" and hold is not None and hold.state == "held":
            one.settle(number % len(one.holds), Capture(hold.amount))
        elif word == "refund" and hold is not None and hold.state == "captured":
            one.settle(number % len(one.holds), Refund(hold.amount))
