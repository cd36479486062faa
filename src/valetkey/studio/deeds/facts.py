"""What is known before something is done to a session: itself, its grant, what its wallet and its owner's hold."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from valetkey.core.chains import is_solana
from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk.holdings import Holdings
from valetkey.studio.wizard.operator import Operator
from valetkey.studio.words.amounts import grouped
from valetkey.studio.words.rows import ENDED
from valetkey.wire.granting import ExposureView, GrantView
from valetkey.wire.sessions import SessionView

T = TypeVar("T")
LIVING = ("signed", "known")
ETHER = 18
TRANSFER_GAS = 65_000
"""What a transfer of a token takes, about; what is said before something is signed is no promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`wallet` and `home`: what the session's wallet and its owner's hold. `problem`: why the chain was not asked.

    `operator`: the address of the operator's key, where that is the owner's wallet.
    """

    view: SessionView
    now: int
    grant: GrantView | None = None
    exposure: ExposureView | None = None
    wallet: Holdings | None = None
    home: Holdings | None = None
    problem: str = ""
    operator: str | None = None

    @property
    def lives(self) -> bool:
        """Whether the session has not ended."""
        return self.view.status not in ENDED

    @property
    def has_grant(self) -> bool:
        """Whether a grant is there by which it may be paid."""
        return self.grant is not None and self.grant.status in LIVING


async def facts_of(
    agent: Any, view: SessionView, operator: Operator, place: tuple[str, Path | None], now: int
) -> Facts:
    """Ask for all of it at once. `place`: the platform's address, and the state folder."""
    held = asyncio.to_thread(_held, agent.api_key, view, place)
    grant, exposure, found = await asyncio.gather(
        or_problem(agent.find_grant(view.session_id)),
        or_problem(agent.exposure(view.session_id)),
        or_problem(held),
    )
    problem = next((str(one) for one in (found, exposure, grant) if isinstance(one, ValetkeyError)), "")
    wallet, home = found if isinstance(found, tuple) else (None, None)
    return Facts(
        view=view,
        now=now,
        grant=grant if isinstance(grant, GrantView) else None,
        exposure=exposure if isinstance(exposure, ExposureView) else None,
        wallet=wallet,
        home=home,
        problem=problem,
        operator=operator.address(view.owner_wallet),
    )


def _held(
    key: Secret, view: SessionView, place: tuple[str, Path | None]
) -> tuple[Holdings | None, Holdings | None]:
    """In a thread: what speaks to a chain is slow to be loaded."""
    if view.session_wallet is None or is_solana(view.network.chain_id):
        return None, None
    with BuyerAgent(key, base_url=place[0], state_dir=place[1]) as agent:
        chain = view.network.chain_id
        return agent.holdings(view.session_wallet, chain), agent.holdings(view.owner_wallet, chain)


async def or_problem(asked: Awaitable[T]) -> T | ValetkeyError:
    """What was asked for, or why there is no answer: that is told of, and no failure."""
    try:
        return await asked
    except ValetkeyError as error:
        return error


def coin(wei: int) -> str:
    """Wei as an amount of the chain's coin, to six places, and never as nothing where it is something."""
    amount = Decimal(wei).scaleb(-ETHER)
    shown = round(amount, 6)
    return f"{grouped(format(shown if shown or not wei else amount, 'f'))} ETH"
