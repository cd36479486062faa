"""The overview: what is at risk now, what wants a look, and how much there is of everything."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.html import Tag, card, div, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.shell import frame
from valetkey.studio.sight import STATUSES
from valetkey.studio.words.amounts import grouped, money, share, short_address
from valetkey.studio.words.rows import name_of
from valetkey.studio.words.times import about, moment, seconds_of
from valetkey.wire.sessions import SessionView
from valetkey.wire.spends import SpendPage

LOOKED_AT = 100
"""So many active sessions are added up: those that end first."""

LISTED = 6


async def show(page: Page) -> None:
    """The page."""
    with frame(page, "Overview", "/"):
        overview = Overview(page)
    await page.doing(overview.load())
    page.follow(overview.load)


class Overview:
    """Figures and short lists, each with the way to what it is about."""

    def __init__(self, page: Page) -> None:
        self._page = page
        with div("page-head"):
            Tag("h1", "Overview", "stretch")
        with div("stack"):
            self._tiles = div("tiles", role="list")
            with div("columns"):
                with div("wide stack"):
                    _, self._agents = card("Spent, by agent")
                    _, self._unknown = card("Signed and not proven")
                with div("narrow stack"):
                    _, self._soon = card("Ending soon")
                    _, self._states = card("Sessions")

    async def load(self) -> None:
        """Ask for everything at once, and show it."""
        owner = self._page.owner
        others = [one for one in STATUSES if one != "active"]
        (active, *counts), unknown, waiting = await asyncio.gather(
            asyncio.gather(
                owner.sessions({"status": "active", "sort": "expiry", "limit": LOOKED_AT}),
                *(owner.sessions({"status": one, "limit": 1}) for one in others),
            ),
            self._spends("unknown"),
            self._spends("pending_approval"),
        )
        if self._page.client.is_deleted:
            return
        now, zone = int(time.time()), self._page.zone
        totals = {"active": active.total} | dict(zip(others, (one.total for one in counts), strict=True))
        for place in (self._tiles, self._agents, self._unknown, self._soon, self._states):
            place.clear()
        with self._tiles:
            _tiles(active.sessions, active.total, unknown, waiting)
        with self._agents:
            _by_agent(active.sessions)
        with self._unknown:
            _signed(unknown, now, zone)
        with self._soon:
            _soon(active.sessions, now, zone)
        with self._states:
            for one in STATUSES:
                with div("tree-row"):
                    with span("", f"status {one} stretch"):
                        link(one.capitalize(), f"/sessions?status={one}")
                    span(f"{totals[one]:,}", "strong")

    async def _spends(self, state: str) -> SpendPage | None:
        """None where the key may not see spends."""
        try:
            found: SpendPage = await self._page.agent.list_spends(state=state, limit=LOOKED_AT)
            return found
        except ValetkeyError:
            return None


def _tiles(
    active: Sequence[SessionView], total: int, unknown: SpendPage | None, waiting: SpendPage | None
) -> None:
    # What was made out of a session spends out of its budget: only the first of each tree are added up.
    roots = [one for one in active if one.parent_id is None]
    bounded = [Decimal(one.worst_case_loss_usdc) for one in roots if one.worst_case_loss_usdc is not None]
    below = "if every key leaked now"
    if len(bounded) < len(roots):
        below = f"and {len(roots) - len(bounded)} sessions without a limit"
    elif total > len(active):
        below = f"of the {len(active)} that end first, of {total:,}"
    risk = grouped(format(sum(bounded, Decimal(0)), "f"))
    _tile("Money at risk", risk, "USDC", below, "warn" if bounded else "")
    held = sum((Decimal(one.held_usdc) for one in roots), Decimal(0))
    _tile("Held now", grouped(format(held, "f")), "USDC", "placed and not settled")
    _tile("Active", f"{total:,}", "", "sessions that may spend", to="/sessions?status=active")
    if waiting is not None:
        many = waiting.total
        _tile("Waiting for you", f"{many:,}", "", "approvals", "warn" if many else "", to="/approvals")
    if unknown is not None:
        many = unknown.total
        _tile("Not proven", f"{many:,}", "", "payments that were signed", "warn" if many else "")


def _tile(name: str, figure: str, unit: str, below: str, tone: str = "", to: str = "") -> None:
    with div("tile", role="listitem"):
        paragraph(name, "small quiet")
        with paragraph("", f"figure {tone}"):
            if to:
                link(figure, to)
            else:
                span(figure)
            if unit:
                span(unit, "unit")
        paragraph(below, "small quiet")


def _by_agent(active: Sequence[SessionView]) -> None:
    spent: dict[str, Decimal] = defaultdict(Decimal)
    agents = {one.session_id: one.delegate or "no agent named" for one in active}
    for one in active:
        spent[agents[one.session_id]] += Decimal(one.spent_usdc)
        if one.parent_id in agents:
            # It is among what its parent spent.
            spent[agents[one.parent_id]] -= Decimal(one.spent_usdc)
    most = max(spent.values(), default=Decimal(0))
    if not most:
        paragraph("Nothing was spent by active sessions.", "empty")
        return
    for agent, amount in sorted(spent.items(), key=lambda one: -one[1])[:LISTED]:
        part = share(format(amount, "f"), format(most, "f")) or 0
        with div("", style="margin-bottom: var(--s3)"):
            with div("buttons"):
                span(agent, "stretch")
                span(money(format(amount, "f")), "strong")
            with span("", "meter", aria_hidden="true"):
                Tag("i", style=f"width: {part}%")


def _signed(unknown: SpendPage | None, now: int, zone: tzinfo) -> None:
    if unknown is None or not unknown.spends:
        paragraph("Every payment that was signed is proven.", "empty")
        return
    for one in reversed(unknown.spends[-LISTED:]):
        at = seconds_of(one.placed_at)
        with div("tree-row"):
            span(money(one.amount, one.currency), "strong nowrap")
            link(f"to {short_address(one.payee) or 'nobody named'}", f"/sessions/{one.session_id}", "stretch")
            span(f"{about(max(0, now - at))} ago", "small quiet", title=moment(at, now, zone))
    if unknown.total > LISTED:
        paragraph(f"The oldest of {unknown.total:,}.", "small quiet")


def _soon(active: Sequence[SessionView], now: int, zone: tzinfo) -> None:
    if not active:
        paragraph("No session is active.", "empty")
    for one in active[:LISTED]:
        with div("tree-row"):
            link(name_of(one), f"/sessions/{one.session_id}", "stretch")
            span(moment(one.expiry, now, zone), "small quiet nowrap")
