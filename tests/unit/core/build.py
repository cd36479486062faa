"""Sessions and spends for the tests of the rules: one sound session, and what a test changes in it."""

from dataclasses import replace

from valetkey.core.commands import Command
from valetkey.core.ledger import State, apply
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.session import Pace, Role, Session, Usage
from valetkey.core.spend import CLOSED, Hold, HoldState, SpendRequest
from valetkey.core.windows import Window

USDC = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
FINE_USDC = Asset("USDC", 56, "0x" + "11" * 20, 18)
"""The same currency on a chain where it has more decimals than the limits are written in."""
COARSE_USDC = Asset("USDC", 57, "0x" + "22" * 20, 2)
ETH = Asset("ETH", 84532, "0x" + "00" * 20, 18)

BEGINS = 1_000
ENDS = 5_000
NOW = 2_000
"""Between the session's beginning and its end."""

POLICY = Policy(budget=50_000_000, expires_at=ENDS, not_before=BEGINS)
SESSION = Session(
    id="ses_00000000000000000000a",
    owner_id="agt_00000000000000000000a",
    role=Role.BUYER,
    policy=POLICY,
    usage=Usage(),
    created_at=BEGINS,
)
HOLD = Hold(
    id="hld_00000000000000000000a",
    session_id=SESSION.id,
    request=SpendRequest(Money(10_200_000, USDC), "svc_1"),
    amount=10_200_000,
    state=HoldState.HELD,
    placed_at=NOW,
    expires_at=3_800,
)
AMOUNT = HOLD.amount
SETTLED = NOW + 5
LATER = NOW + 99
END = HOLD.expires_at
GAVE_BACK = frozenset({HoldState.VOIDED, HoldState.EXPIRED})


def session(
    *,
    budget: int | None = 50_000_000,
    per_spend: int | None = None,
    services: frozenset[str] | None = None,
    held: int = 0,
    captured: int = 0,
    spends: int = 0,
    windows: tuple[Window, ...] = (),
    spends_max: int | None = None,
    role: Role = Role.BUYER,
    revoked_at: int | None = None,
    paused_at: int | None = None,
) -> Session:
    """The sound session with these facts; it may spend from BEGINS until ENDS."""
    policy = replace(
        POLICY,
        budget=budget,
        per_spend=per_spend,
        allowed_services=services,
        windows=windows,
        spends_max=spends_max,
    )
    return replace(
        SESSION,
        policy=policy,
        usage=Usage(held=held, captured=captured),
        pace=Pace(spends),
        role=role,
        revoked_at=revoked_at,
        paused_at=paused_at,
    )


def spend(units: int, asset: Asset = USDC, service_id: str = "svc_1") -> SpendRequest:
    """A spend of so many base units."""
    return SpendRequest(Money(units, asset), service_id)


def state_of(
    hold_state: HoldState, budget: int | None = 50_000_000, request: SpendRequest = HOLD.request
) -> State:
    """The session with one hold in this state, and the usage that belongs to it."""
    closed = hold_state in CLOSED
    moved = AMOUNT if hold_state is HoldState.CAPTURED else 0
    hold = replace(
        HOLD, state=hold_state, request=request, captured=moved, settled_at=SETTLED if closed else None
    )
    one = session(
        budget=budget,
        held=0 if closed else AMOUNT,
        captured=moved,
        spends=0 if hold_state in GAVE_BACK else 1,
    )
    return State(one, hold)


def applied(state: State, command: Command, now: int = LATER) -> State:
    """The state after a command that is not refused."""
    after = apply(state, command, now)
    assert isinstance(after, State), after
    assert after.hold is not None
    return after


def usage(state: State) -> tuple[int, int]:
    """What is held and what was captured."""
    return state.session.usage.held, state.session.usage.captured
