"""A session as JSON."""

from valetkey.core.agent import Agent
from valetkey.core.money import format_units
from valetkey.core.session import remaining, ring_of, status
from valetkey.core.windows import counted
from valetkey.platform.context import Platform
from valetkey.ports.accounts import SessionRecord
from valetkey.wire.sessions import SessionView, WindowView
from valetkey.wire.timestamps import iso_timestamp


def session_view(platform: Platform, record: SessionRecord, owner: Agent) -> SessionView:
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
        status=str(status(session, now)),
        label=record.label,
        budget_usdc=usdc(policy.budget),
        remaining_usdc=usdc(remaining(session)),
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
        allowed_service_ids=sorted(policy.allowed_services or ()),
        not_before=policy.not_before,
        expires_at=iso_timestamp(policy.expires_at),
        expiry=policy.expires_at,
        session_wallet=record.wallet_address,
        e2e_public_key=record.e2e_public_key.hex() if record.e2e_public_key else None,
        funding_mode="wallet",
        network=platform.main_network.view,
    )
