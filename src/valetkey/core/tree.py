"""Trees of sessions: children that only narrow, rotation that carries what was spent, extension by the owner.

Every function gives the sessions as they are afterwards; stores lock the tree and write what comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Lineage, Pace, Session, Spent, Usage, ring_of, spent_of
from valetkey.core.windows import Window, carried

DEPTH_MAX = 8
"""How many generations a tree has below its first session."""

TREE_SESSIONS_MAX = 10_000
"""How many sessions a tree has in all, ended ones too: a leaked session key makes no more."""

ROTATIONS_MAX = 100
"""How often one place in a tree gets new keys: the ancestors of the first session in it grow by one each time."""

GRACE_SECONDS_MAX = 3_600
"""How long a rotated session may go on beside the one that took its place."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a child may do less than its parent. None (or nothing) leaves a rule as the parent has it.

    Amounts are base units of the parent's own currency, times unix seconds. `without` names other currencies that
    the child has no limits for.
    """

    expires_at: int | None = None
    not_before: int | None = None
    budget: int | None = None
    per_spend: int | None = None
    windows: tuple[Window, ...] = ()
    spends_max: int | None = None
    approval_above: int | None = None
    allowed_services: frozenset[str] | None = None
    allowed_assets: frozenset[str] | None = None
    allowed_chains: frozenset[int] | None = None
    allowed_payees: frozenset[str] | None = None
    allowed_operations: frozenset[str] | None = None
    without: frozenset[str] = frozenset()


_LIMITS = ("expires_at", "budget", "per_spend", "spends_max", "approval_above")
_SETS = (
    "allowed_services",
    "allowed_assets",
    "allowed_chains",
    "allowed_payees",
    "allowed_operations",
)


def narrow(parent: Policy, wanted: Narrowing) -> Policy | Refused:
    """The policy of a child, or which of the wanted rules is wider than the parent's (NARROW_ONLY)."""
    for rule in _LIMITS:
        most, asked = getattr(parent, rule), getattr(wanted, rule)
        if most is not None and asked is not None and asked > most:
            return _wider(rule, f"{asked} is more than the parent's {most}")
    if wanted.not_before is not None and wanted.not_before < parent.not_before:
        return _wider("not_before", f"{wanted.not_before} is before the parent's {parent.not_before}")
    for rule in _SETS:
        allowed, asked = getattr(parent, rule), getattr(wanted, rule)
        if allowed is not None and asked is not None and not asked <= allowed:
            return _wider(
                rule, f"the parent does not allow {', '.join(map(str, sorted(asked - allowed)[:5]))}"
            )
    windows = {window.seconds: window for window in parent.windows}
    for window in wanted.windows:
        same = windows.get(window.seconds)
        if same is not None and window.limit > same.limit:
            return _wider(
                f"window:{window.seconds}", f"{window.limit} is more than the parent's {same.limit}"
            )
        # Cut as the parent's is: what counts for longer there must not count for less here.
        windows[window.seconds] = window if same is None else replace(window, buckets=same.buckets)
    unknown = wanted.without - {one.currency for one in parent.others}
    if unknown:
        raise InvalidInput(f"the parent has no limits for {', '.join(sorted(unknown))}")
    changes = {
        rule: asked
        for rule in (*_LIMITS, *_SETS, "not_before")
        if (asked := getattr(wanted, rule)) is not None
    }
    return replace(
        parent,
        **changes,
        windows=tuple(sorted(windows.values())),
        others=tuple(one for one in parent.others if one.currency not in wanted.without),
    )


def attenuate(
    parent: Session, ancestors: Lineage, wanted: Narrowing, child_id: str, tree_sessions: int, now: int
) -> Session | Refused:
    """A child of `parent` in a tree that has `tree_sessions` sessions already, or why there is none."""
    if any(one.revoked_at is not None for one in (parent, *ancestors)):
        return refuse(Code.SESSION_REVOKED, "revoked", "the session that this one was made of was revoked")
    if any(now >= one.policy.expires_at for one in (parent, *ancestors)):
        return refuse(Code.SESSION_EXPIRED, "expires_at", "the session that this one was made of has expired")
    if parent.depth >= DEPTH_MAX:
        return refuse(Code.TREE_TOO_DEEP, "depth", f"a tree of sessions has {DEPTH_MAX} generations at most")
    full = _full(tree_sessions)
    if full is not None:
        return full
    policy = narrow(parent.policy, wanted)
    if isinstance(policy, Refused):
        return policy
    return Session(
        id=child_id,
        owner_id=parent.owner_id,
        role=parent.role,
        policy=policy,
        usage=Usage(),
        created_at=now,
        tree_id=parent.tree,
        parent_id=parent.id,
        depth=parent.depth + 1,
    )


def rotations(session_id: str, successors: Mapping[str, str]) -> int:
    """How many sessions had the place of this one before it. `successors`: of each that was rotated in its tree.

    That never changes: whoever takes a place over is new.
    """
    before = {successor: old for old, successor in successors.items()}
    count, one = 0, before.get(session_id)
    while one is not None:
        count, one = count + 1, before.get(one)
    return count


def rotate(
    old: Session,
    new_id: str,
    policy: Policy,
    grace_seconds: int,
    now: int,
    *,
    carry: bool,
    tree_sessions: int,
    rotated: int,
) -> tuple[Session, Session] | Refused:
    """The session that takes the place of `old`, and `old` as its child, which ends after the grace period.

    Whatever `old` spends from now on is debited from the new one too, so that both together never exceed its limits.
    `carry`: the new one begins with what `old` has spent and holds, in all and in its windows.
    Refused where the tree, which has `tree_sessions`, is full, and where `rotated` sessions had the place before `old`
    and that is enough: what the first of them spent is settled in every one that came after it.
    Raises Contradiction for a session that is revoked or was rotated, InvalidInput for a policy without limits for
    a currency that was spent, and for a grace period that is out of bounds.
    """
    if old.revoked_at is not None:
        raise Contradiction("a revoked session is not rotated; make a new one")
    if old.successor_id is not None:
        raise Contradiction("the session was rotated already")
    if not 0 <= grace_seconds <= GRACE_SECONDS_MAX:
        raise InvalidInput(f"a grace period is 0 to {GRACE_SECONDS_MAX} seconds", field="grace")
    full = _full(tree_sessions)
    if full is not None:
        return full
    if rotated >= ROTATIONS_MAX:
        return refuse(
            Code.TREE_TOO_DEEP,
            "rotations",
            f"a session is rotated {ROTATIONS_MAX} times at most, counting those whose place it took",
            hint="revoke it and make a new session",
        )
    new = Session(
        id=new_id,
        owner_id=old.owner_id,
        role=old.role,
        policy=policy,
        usage=Usage(),
        created_at=now,
        paused_at=old.paused_at,
        frozen_at=old.frozen_at,
        tree_id=old.tree,
        parent_id=old.parent_id,
        depth=old.depth,
    )
    if carry:
        new = _carried(old, new, now)
    # A policy that was to begin later would end before it began.
    begins, ends = old.policy.not_before, max(min(old.policy.expires_at, now + grace_seconds), 1)
    ended = replace(old.policy, not_before=min(begins, ends - 1), expires_at=ends)
    after = replace(
        old,
        policy=ended,
        policy_version=old.policy_version + 1,
        tree_id=old.tree,
        parent_id=new.id,
        successor_id=new.id,
        carried=carry,
    )
    return new, after


def extend(session: Session, expires_at: int, budget: int | None, now: int) -> Session | Refused:
    """The session with a later end and, unless `budget` is None, a larger budget of its own currency.

    Raises InvalidInput for an earlier end or a smaller budget: narrowing is what children are for.
    """
    if session.revoked_at is not None:
        return refuse(Code.SESSION_REVOKED, "revoked", "a revoked session is not extended")
    if now >= session.policy.expires_at:
        return refuse(
            Code.SESSION_EXPIRED, "expires_at", "the session has ended; make a new one, or rotate it"
        )
    if session.successor_id is not None:
        raise Contradiction("the session was rotated; extend the one that took its place")
    if expires_at < session.policy.expires_at:
        raise InvalidInput("an extension ends no earlier than the session does", field="expiry")
    before = session.policy.budget
    if budget is not None and (before is None or budget < before):
        raise InvalidInput("an extension does not make the budget smaller", field="budgetUsdc")
    policy = replace(session.policy, expires_at=expires_at, budget=before if budget is None else budget)
    if policy == session.policy:
        return session
    return replace(session, policy=policy, policy_version=session.policy_version + 1)


def _carried(old: Session, new: Session, now: int) -> Session:
    spent = {currency: spent_of(old, currency) for currency in old.policy.currencies}
    # Empty rings are those of windows that nothing was spent in.
    lost = [
        currency
        for currency, one in spent.items()
        if (one.usage != Usage() or any(one.rings)) and new.policy.limits(currency) is None
    ]
    if lost:
        raise InvalidInput(f"the new policy needs limits for {', '.join(lost)}, which was spent")

    def taken_over(limits: Limits) -> Spent:
        if limits.currency not in spent:
            return Spent()
        usage = spent[limits.currency].usage
        before = old.policy.limits(limits.currency)
        assert before is not None
        known = tuple(
            (window, ring_of(old, index, limits.currency)) for index, window in enumerate(before.windows)
        )
        rings = tuple(carried(window, usage.gross, known, now) for window in limits.windows)
        return Spent(usage, rings)

    main = taken_over(new.policy.main)
    return replace(
        new,
        usage=main.usage,
        pace=Pace(old.pace.spends, main.rings),
        others=tuple(taken_over(one) for one in new.policy.others),
    )


def _full(tree_sessions: int) -> Refused | None:
    if tree_sessions < TREE_SESSIONS_MAX:
        return None
    return refuse(Code.TREE_FULL, "tree", f"a tree has {TREE_SESSIONS_MAX} sessions at most")


def _wider(rule: str, message: str) -> Refused:
    return refuse(
        Code.NOT_NARROWER, rule, f"a session that is made out of another one only narrows: {message}"
    )
