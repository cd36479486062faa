"""A session's page: its policy in words, what it spends and was refused, what it could still cost, and stopping it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from valetkey.core.audit import Kind
from valetkey.core.errors import ValetkeyError
from valetkey.sdk.errors import NotFound
from valetkey.studio.actions import act, extend
from valetkey.studio.audit_trail import trail_of
from valetkey.studio.deeds.deed import Deed, place_of
from valetkey.studio.deeds.deeds import KINDS
from valetkey.studio.deeds.offered import offered
from valetkey.studio.elements.html import Tag, button, card, div, icon, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.pages import session_cards as cards
from valetkey.studio.pages import session_on_chain as on_chain
from valetkey.studio.pages import session_past as past
from valetkey.studio.shell import frame
from valetkey.studio.words.policy import policy_in_words
from valetkey.studio.words.rows import may, name_of
from valetkey.wire.audit import Event
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

SPENDS_SHOWN = 100
REFUSALS_SHOWN = 20
MOVES_MONEY = {
    Kind.CAPTURED,
    Kind.OBSERVED,
    Kind.GRANT_GIVEN,
    Kind.GRANT_KNOWN,
    Kind.GRANT_REVOKED,
    Kind.REVOKED,
}


async def show(page: Page, session_id: str, unfinished: Callable[[], list[Deed]]) -> None:
    """The page. `unfinished`: what was begun with the session and is not over."""
    view: SessionView | None = None
    networks: dict[int, NetworkView] = {}
    missing = ""
    try:
        view, networks = await asyncio.gather(page.agent.get_session(session_id), page.owner.networks())
    except NotFound:
        missing = "There is no such session, or it is another owner's."
    except ValetkeyError as error:
        missing = str(error)
    with frame(page, name_of(view) if view is not None else "Session", "/sessions"):
        if view is None:
            link("Sessions", "/sessions", "crumb")
            Tag("h1", "Not found")
            paragraph(missing, "quiet")
            return
        if page.may_change:
            _go_on(unfinished())
        shown = SessionPage(page, view, networks)
        shown.build()
    await page.doing(shown.load())
    page.follow(shown.load, shown.concerns, asks=3)


class SessionPage:
    """What is on the page. Events say which of its parts are old; the others stay as they are."""

    def __init__(self, page: Page, view: SessionView, networks: dict[int, NetworkView]) -> None:
        self._page, self._view, self._networks = page, view, networks
        self._stale = {"spends", "refusals", "tree", "chain"}
        self._head_of: tuple[Any, ...] = ()
        self._deeds: tuple[str, ...] = ()

    def build(self) -> None:
        """Make every card; they are filled when their facts are there."""
        link("Sessions", "/sessions", "crumb")
        self._head = div("page-head")
        with div("stack"):
            self._tiles = div("tiles", role="list")
            with div("columns"):
                with div("wide stack"):
                    _, self._policy = card("What it may do")
                    _, self._chart = card("Spend over time")
                    _, self._spends = card("Spends")
                    _, self._refusals = card("Refused lately")
                    header, self._audit = card("Audit trail")
                    with header:
                        button("Check", self._check, drawn="shield")
                    with self._audit:
                        paragraph(
                            "Every decision of its tree is in a chain of hashes. Check it here, line by line.",
                            "quiet small",
                        )
                with div("narrow stack"):
                    _, self._windows = card("Windows")
                    _, self._chain = card("On chain")
                    _, self._tree = card("Tree")
                    _, self._facts = card("Facts")
        self._show_view()

    def concerns(self, event: Event) -> bool:
        """Whether an event is of this session's tree; what it makes old is noted."""
        if event.chain not in (self._view.tree_id, self._view.session_id) and event.session is not None:
            return False
        self._stale |= {"spends"}
        if event.kind.endswith("_refused"):
            self._stale |= {"refusals"}
        if event.kind in MOVES_MONEY:
            self._stale |= {"chain"}
        self._stale |= {"tree"}
        return True

    async def load(self) -> None:
        """Ask for what is old, all at once, and show it."""
        stale, self._stale = self._stale, set()
        agent, one = self._page.agent, self._view.session_id
        view, spends, refusals, tree, chain = await asyncio.gather(
            agent.get_session(one),
            self._maybe("spends", stale, lambda: agent.list_spends(session=one, limit=SPENDS_SHOWN)),
            self._maybe("refusals", stale, lambda: agent.refusals(one, limit=REFUSALS_SHOWN)),
            self._maybe("tree", stale, lambda: agent.tree(one)),
            self._maybe("chain", stale, lambda: on_chain.facts_of(agent, one)),
        )
        if self._page.client.is_deleted:
            return
        self._view = view
        now, zone = int(time.time()), self._page.zone
        self._show_view()
        if spends is not None:
            _draw(self._chart, lambda: past.chart(view, spends.spends, now))
            _draw(self._spends, lambda: past.spends(spends, now, zone))
        if refusals is not None:
            _draw(self._refusals, lambda: past.refusals(refusals, now, zone))
        if tree is not None:
            _draw(self._tree, lambda: cards.tree(view, tree))
        if chain is not None:
            # Whether a session lacks a grant is known once it was asked for.
            is_known = view.funding_mode != "grant" or not chain.problem
            scopes = self._page.owner.standing.told.scopes
            self._deeds = offered(view, chain.grant, scopes) if is_known else ()
            self._show_view()
            _draw(self._chain, lambda: on_chain.card(view, chain, now, zone))

    async def _maybe(self, part: str, stale: set[str], ask: Any) -> Any:
        """One part, when it is old. What a narrower key may not see stays empty."""
        if part not in stale:
            return None
        try:
            return await ask()
        except ValetkeyError as error:
            self._page.tell(str(error), bad=True)
            return None

    def _show_view(self) -> None:
        view, zone, now = self._view, self._page.zone, int(time.time())
        head = (view.status, view.label, view.delegate, view.successor_id, self._deeds)
        if head != self._head_of:
            self._head_of = head
            self._head.clear()
            with self._head:
                self._heading(view)
        _draw(self._tiles, lambda: cards.tiles(view, now, zone))
        _draw(self._windows, lambda: cards.windows(view))
        _draw(self._facts, lambda: cards.facts_of(view, self._networks, zone))
        _draw(self._policy, lambda: self._words(view, now))

    def _words(self, view: SessionView, now: int) -> None:
        paragraph(policy_in_words(view, self._networks, now, self._page.zone), "sentence")
        cards.next_refusal(view, now, self._page.zone)

    def _heading(self, view: SessionView) -> None:
        allowed = may(view, may_change=self._page.may_change)
        with div("stretch"):
            Tag("h1", name_of(view))
            with div("buttons"):
                with span("", f"status {view.status}", role="status"):
                    span(view.status)
                if view.delegate:
                    span(f"agent {view.delegate}", "tag")
                if view.role == "seller":
                    span("seller", "tag")
                if view.successor_id:
                    link("replaced by another one", f"/sessions/{view.successor_id}", "small")
        with div("buttons"):
            if view.parent_id is None:
                link("Make one like this", f"/new?like={view.session_id}", "button")
            if allowed["pause"]:
                button("Pause", lambda: self._act("pause"), drawn="pause")
            if allowed["resume"]:
                button("Resume", lambda: self._act("resume"), drawn="resume")
            if allowed["extend"]:
                button("Extend", self._extend, drawn="extend")
            for kind in self._deeds:
                with Tag("a", "", "button", href=f"/sessions/{view.session_id}/{kind}"):
                    icon(KINDS[kind].drawn)
                    span(KINDS[kind].title)
            if allowed["revoke"]:
                button("Revoke", lambda: self._act("revoke"), kind="danger", drawn="revoke")

    async def _act(self, action: str) -> None:
        if await act(self._page, action, self._view.session_id, name_of(self._view)):
            await self._page.doing(self.load())

    async def _extend(self) -> None:
        if await extend(self._page, self._view):
            await self._page.doing(self.load())

    async def _check(self) -> None:
        self._audit.clear()
        with self._audit:
            paragraph("Checking …", "quiet", role="status")
        found = await self._page.doing(trail_of(self._page.agent, self._view.session_id))
        if self._page.client.is_deleted:
            return
        self._audit.clear()
        with self._audit:
            past.audit(found, int(time.time()), self._page.zone)


def _go_on(found: list[Deed]) -> None:
    """What a studio that was killed left, or another window has."""
    for deed in found:
        with div("callout warn buttons", style="margin-bottom: var(--s3)"):
            paragraph(f"{KINDS[deed.kind].title} was begun, and is not over.", "stretch")
            link("Go on", place_of(deed), "button")


def _draw(place: Tag, draw: Callable[[], None]) -> None:
    """What is in a card, anew."""
    place.clear()
    with place:
        draw()
