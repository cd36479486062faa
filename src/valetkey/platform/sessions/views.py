"""A session as JSON."""

from typing import TypeVar

from valetkey.core.agent import Agent
from valetkey.core.headroom import headroom
from valetkey.core.limits import Limits
from valetkey.core.money import format_units
from valetkey.core.session import Session, remaining, ring_of, status, usage_of, worst_case_loss
from valetkey.core.windows import counted
from valetkey.platform.context import Platform
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.overview import Health
from valetkey.wire.limits import LimitView, WindowOfView, WindowView
from valetkey.wire.sessions import HealthView, NextRefusal, SessionView
from valetkey.wire.timestamps import iso_timestamp

T = TypeVar("T", str, int)


def session_view(
    platform: Platform, record: SessionRecord, owner: Agent, health: Health | None = None
) -> SessionView:
    """What owner and holder see; no key or token is in it."""
    session = record.session
    policy = session.policy
    now = platform.clock.now()

    def usdc(units: int | None) -> str | None:
        return None if units is None else format_units(units, policy.decimals)

    return SessionView(
        session_id=session.id,
        agent_id=owner.id,
        owner_wallet=owner.wallet_address,
        role=str(session.role),
        status=str(status(session, now, record.ancestors)),
        label=record.label,
        delegate=record.delegate,
        parent_id=session.parent_id,
        successor_id=session.successor_id,
        tree_id=session.tree,
        depth=session.depth,
        policy_version=session.policy_version,
        budget_usdc=usdc(policy.budget),
        remaining_usdc=usdc(remaining(session)),
        worst_case_loss_usdc=usdc(worst_case_loss(session, now, record.ancestors)),
        held_usdc=format_units(session.usage.held, policy.decimals),
        spent_usdc=format_units(session.usage.captured, policy.decimals),
        per_spend_usdc=usdc(policy.per_spend),
        windows=[
            WindowView(
                seconds=window.seconds,
                limit_usdc=format_units(window.limit, policy.decimals),
                left_usdc=format_units(
                    max(window.limit - counted(window, ring_of(session, index), now), 0), policy.decimals
                ),
            )
            for index, window in enumerate(policy.windows)
        ],
        spends_max=policy.spends_max,
        spends=session.pace.spends,
        approval_above_usdc=usdc(policy.approval_above),
        limits=[_limit(session, one, now) for one in policy.others],
        allowed_service_ids=sorted(policy.allowed_services or ()),
        allowed_assets=_sorted(policy.allowed_assets),
        allowed_chains=_sorted(policy.allowed_chains),
        allowed_payees=_sorted(policy.allowed_payees),
        allowed_operations=_sorted(policy.allowed_operations),
        refunds_restore=policy.refunds_restore,
        not_before=policy.not_before,
        expires_at=iso_timestamp(policy.expires_at),
        expiry=policy.expires_at,
        session_wallet=record.wallet_address,
        session_key_hash=None if record.key_hash is None else f"0x{record.key_hash.hex()}",
        sole_label=record.sole,
        e2e_public_key=record.e2e_public_key.hex() if record.e2e_public_key else None,
        proof=None if record.proof_key is None else "required",
        funding_mode=str(record.funding),
        network=platform.network_of_session(policy).view,
        next_refusal=_next_refusal(record, now),
        health=None if health is None else _health(health),
    )


def _health(health: Health) -> HealthView:
    since = health.unknown_since
    return HealthView(
        refused_last_hour=health.refused,
        unknown=health.unknown,
        unknown_since=None if since is None else iso_timestamp(since),
    )


def _next_refusal(record: SessionRecord, now: int) -> NextRefusal:
    room = headroom(record.session, now, record.ancestors)
    decimals = record.session.policy.decimals

    def written(units: int | None) -> str | None:
        return None if units is None else format_units(units, decimals)

    told = NextRefusal(most_usdc=written(room.most), free_usdc=written(room.free))
    if (why := room.binds) is not None:
        told.code, told.rule, told.message = str(why.code), why.rule, why.message
        told.hint, told.resets_at, told.session_id = why.hint, why.resets_at, why.session_id
    return told


def _limit(session: Session, limits: Limits, now: int) -> LimitView:
    def written(units: int | None) -> str | None:
        return None if units is None else format_units(units, limits.decimals)

    usage = usage_of(session, limits.currency)
    return LimitView(
        currency=limits.currency,
        budget=written(limits.budget),
        remaining=written(remaining(session, limits.currency)),
        held=format_units(usage.held, limits.decimals),
        spent=format_units(usage.captured, limits.decimals),
        per_spend=written(limits.per_spend),
        windows=[
            WindowOfView(
                window.seconds,
                format_units(window.limit, limits.decimals),
                format_units(
                    max(window.limit - counted(window, ring_of(session, index, limits.currency), now), 0),
                    limits.decimals,
                ),
            )
            for index, window in enumerate(limits.windows)
        ],
        approval_above=written(limits.approval_above),
    )


def _sorted(names: frozenset[T] | None) -> list[T] | None:
    return None if names is None else sorted(names)
