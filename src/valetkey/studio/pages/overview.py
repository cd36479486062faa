"""The overview: what is at risk now, what wants a look, and how much there is of everything."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.html import Tag, card, div, facts, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.shell import frame
from valetkey.studio.sight import STATUSES
from valetkey.studio.words.amounts import grouped, money, share, short_address
from valetkey.studio.words.chains import chain_name, title_of
from valetkey.studio.words.refusals import explained
from valetkey.studio.words.rows import NAMELESS
from valetkey.studio.words.times import about, moment, seconds_of
from valetkey.wire.network import NetworkView
from valetkey.wire.overview import OverviewView, SpentByView
from valetkey.wire.sessions import SessionCounts
from valetkey.wire.spends import SpendPage

DAYS = 7
LISTED = 6
SETTLE_SECONDS = 1.0
"""Sums are a moment behind the events that they are of."""


async def show(page: Page) -> None:
    """The page."""
    with frame(page, "Overview", "/"):
        overview = Overview(page)
    await page.doing(overview.load())
    # Sums may be of a moment ago already now.
    page.follow(overview.load, asks=4, settle=SETTLE_SECONDS).ask()


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
                    _, self._agents = card(f"Spent in {DAYS} days, by agent")
                    _, self._labels = card(f"Spent in {DAYS} days, by label")
                    _, self._unknown = card("Signed and not proven")
                with div("narrow stack"):
                    _, self._soon = card("Ending within a day")
                    _, self._states = card("Sessions")
                    _, self._refused = card(f"Refused in {DAYS} days")
                    _, self._chains = card("Chains")

    async def load(self) -> None:
        """Ask for everything at once, and show it."""
        agent = self._page.agent
        told, counts, unknown, waiting = await asyncio.gather(
            agent.overview(days=DAYS),
            agent.session_counts(),
            self._spends("unknown"),
            self._spends("pending_approval"),
        )
        networks = await self._page.owner.networks()
        if self._page.client.is_deleted:
            return
        now, zone = int(time.time()), self._page.zone
        places = (
            self._tiles,
            self._agents,
            self._labels,
            self._unknown,
            self._soon,
            self._states,
            self._refused,
            self._chains,
        )
        for place in places:
            place.clear()
        with self._tiles:
            _tiles(told, counts, waiting)
        with self._agents:
            _spent(told.by_delegate, "no agent named")
        with self._labels:
            _spent(told.by_label, "without a label")
        with self._unknown:
            _signed(unknown, told.unknown_count, now, zone)
        with self._soon:
            _soon(told, now, zone)
        with self._states:
            _states(counts)
        with self._refused:
            _refused(told)
        with self._chains:
            _chains(told, networks)

    async def _spends(self, state: str) -> SpendPage | None:
        """None where the key may not see spends."""
        try:
            found: SpendPage = await self._page.agent.list_spends(state=state, limit=LISTED)
            return found
        except ValetkeyError:
            return None


def _tiles(told: OverviewView, counts: SessionCounts, waiting: SpendPage | None) -> None:
    for risk in told.at_risk:
        below = f"and {risk.unlimited:,} without a limit" if risk.unlimited else "if every key leaked now"
        _tile("Money at risk", grouped(risk.amount), risk.currency, below, "warn" if risk.sessions else "")
    if not told.at_risk:
        _tile("Money at risk", "0", "USDC", "no session is live")
    _tile("Active", f"{counts.active:,}", "", f"of {counts.total:,} sessions", to="/sessions?status=active")
    if waiting is not None:
        many = waiting.total
        _tile("Waiting for you", f"{many:,}", "", "approvals", "warn" if many else "", to="/approvals")
    many = told.unknown_count
    _tile("Not proven", f"{many:,}", "", "payments that were signed", "warn" if many else "")
    _tile(
        "Ending soon",
        f"{told.ending_soon_count:,}",
        "",
        "within a day",
        to="/sessions?sort=expiry&status=active",
    )


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


def _spent(found: Sequence[SpentByView], nameless: str) -> None:
    if not found:
        paragraph("Nothing was spent.", "empty")
        return
    most: dict[str, Decimal] = {}
    for one in found:
        most[one.currency] = max(most.get(one.currency, Decimal(0)), Decimal(one.amount))
    for one in found[:LISTED]:
        part = share(one.amount, format(most[one.currency], "f")) or 0
        with div("measure"):
            with div("buttons"):
                span(one.name or nameless, "stretch")
                span(f"{one.spends:,} spend{'' if one.spends == 1 else 's'}", "small quiet")
                span(money(one.amount, one.currency), "strong")
            with span("", "meter", aria_hidden="true"):
                Tag("i", style=f"width: {part}%")


def _signed(unknown: SpendPage | None, total: int, now: int, zone: tzinfo) -> None:
    if unknown is None or not unknown.spends:
        paragraph("Every payment that was signed is proven.", "empty")
        return
    for one in unknown.spends:
        at = seconds_of(one.placed_at)
        with div("tree-row"):
            span(money(one.amount, one.currency), "strong nowrap")
            link(f"to {short_address(one.payee) or 'nobody named'}", f"/sessions/{one.session_id}", "stretch")
            span(f"{about(max(0, now - at))} ago", "small quiet", title=moment(at, now, zone))
    if total > len(unknown.spends):
        paragraph(f"The newest of {total:,}.", "small quiet")


def _soon(told: OverviewView, now: int, zone: tzinfo) -> None:
    if not told.ending_soon:
        paragraph("No session ends within a day.", "empty")
    for one in told.ending_soon[:LISTED]:
        with div("tree-row"):
            link(one.label or NAMELESS, f"/sessions/{one.session_id}", "stretch")
            span(moment(seconds_of(one.expires_at), now, zone), "small quiet nowrap")


def _states(counts: SessionCounts) -> None:
    for one in STATUSES:
        with div("tree-row"):
            with span("", f"status {one} stretch"):
                link(one.capitalize(), f"/sessions?status={one}")
            span(f"{getattr(counts, one):,}", "strong")


def _refused(told: OverviewView) -> None:
    if not told.refusals:
        paragraph("Nothing was refused.", "empty")
    for one in told.refusals[:LISTED]:
        with div("tree-row"):
            span(explained(one.code)[0], "stretch wrap", title=one.code)
            span(f"{one.count:,}", "strong")
    if told.refused_lately:
        Tag("h3", "Most in the last hour", "small quiet")
    for most in told.refused_lately[:LISTED]:
        with div("tree-row"):
            link(most.label or NAMELESS, f"/sessions/{most.session_id}", "stretch wrap")
            span(f"{most.count:,}", "strong")


def _chains(told: OverviewView, networks: Mapping[int, NetworkView]) -> None:
    def named(chain: str) -> str:
        if chain.isdecimal():
            return chain_name(int(chain), networks)
        return next((title_of(one.network) for one in networks.values() if one.chain == chain), chain)

    if not told.by_chain and not told.relayer:
        paragraph("Nothing was spent.", "empty")
    facts({named(one.name): f"{money(one.amount, one.currency)} spent" for one in told.by_chain})
    facts(
        {
            f"Gas on {named(one.chain)}": f"{one.spent} of {one.limit} {one.coin} in 24 hours"
            for one in told.relayer
        }
    )
