"""The card of a session's page that asks the chain: what its key could take there, and how its grant stands."""

import asyncio
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.studio.deeds.facts import or_problem
from valetkey.studio.elements.html import div, facts, paragraph
from valetkey.studio.words.amounts import money
from valetkey.studio.words.times import moment, seconds_of
from valetkey.wire.granting import ExposureView, GrantView
from valetkey.wire.sessions import SessionView


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says, or why it could not be asked."""

    exposure: ExposureView | None
    grant: GrantView | None
    problem: str = ""


async def facts_of(agent: Any, session_id: str) -> OnChain:
    """What a leaked key could take, and the grant; a chain that does not answer is told of, and no failure."""
    exposure, grant = await asyncio.gather(
        or_problem(agent.exposure(session_id)), or_problem(agent.find_grant(session_id))
    )
    problems = [one for one in (exposure, grant) if isinstance(one, ValetkeyError)]
    return OnChain(
        exposure if isinstance(exposure, ExposureView) else None,
        grant if isinstance(grant, GrantView) else None,
        str(problems[0]) if problems else "",
    )


def card(view: SessionView, found: OnChain, now: int, zone: tzinfo) -> None:
    """What the key could take on chain, and how the grant stands there."""
    if found.problem:
        paragraph(f"The chain could not be asked: {found.problem}", "callout warn small")
    if (seen := found.exposure) is not None:
        facts(
            {
                "A thief could take": money(seen.worst_case_usdc),
                "In its wallet": money(seen.wallet_usdc),
                "Out of the grant": money(seen.grant_usdc) if view.funding_mode != "wallet" else None,
                "Signed, not settled": money(seen.signed_usdc),
                "Read at block": f"{seen.block:,}",
            }
        )
    if (given := found.grant) is not None:
        div("", style="height: var(--s3)")
        known = given.known_at and moment(seconds_of(given.known_at), now, zone)
        facts(
            {
                "Grant": given.status,
                "Contract": given.contract,
                "Known on chain": known or "not yet",
                "Revoked": given.revoked_at and moment(seconds_of(given.revoked_at), now, zone),
                "Revoked by": given.revocation_tx_hash,
            }
        )
