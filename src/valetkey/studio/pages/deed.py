"""What is done to one session that takes keys, money or signatures: what will happen, then that it happens, once."""

import time
from dataclasses import replace

from nicegui import ui

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.sdk.errors import NotFound
from valetkey.studio.deeds.deed import FUND, GRANT, ROTATE, Deed, place_of
from valetkey.studio.deeds.deeds import KINDS, Deeds
from valetkey.studio.deeds.facts import Facts, facts_of
from valetkey.studio.deeds.narrowing import Wider
from valetkey.studio.deeds.offered import offered
from valetkey.studio.elements.forms import Form, Values, focus
from valetkey.studio.elements.html import Tag, card, div, facts, icon, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.pages import session
from valetkey.studio.pages.deed_done import DonePage
from valetkey.studio.pages.deed_fields import FIELDS
from valetkey.studio.pages.new_session import prepare_assets
from valetkey.studio.shell import frame
from valetkey.studio.words.amounts import money
from valetkey.studio.words.rows import name_of
from valetkey.wire.sessions import SessionView

HERE = "/sessions"


class DeedPages:
    """The pages of all kinds, and the deeds that go on whether a page is open or not."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    async def session(self, page: Page, session_id: str) -> None:
        """The session's own page, which says what was begun with it and is not over."""
        await session.show(page, session_id, lambda: self._deeds.unfinished(page.owner, session_id))

    async def form(self, page: Page, session_id: str, kind: str) -> None:
        """What is meant, and what will happen."""
        view = await self._view(page, session_id, kind)
        if view is None:
            return
        with frame(page, f"{KINDS[kind].title} {name_of(view)}", HERE):
            prepare_assets()
            _heading(view, kind)
            if not page.may_change:
                paragraph(
                    "The API key that you signed in with only looks. This takes one with sessions:write.",
                    "quiet",
                )
                return
            deed = self._deeds.place.kept.open(page.owner, kind, session_id)
            if deed.is_begun:
                ui.navigate.to(place_of(deed))
                return
            with div("stack") as inside:
                paragraph("Looking at its wallet and yours …", "quiet", role="status")
            # A chain takes its time, and the page is there before it has answered.
            page.begin(self._fill(page, inside, deed, view))
        focus("deed-heading")

    async def _fill(self, page: Page, inside: Tag, deed: Deed, view: SessionView) -> None:
        place = self._deeds.place
        known = await facts_of(
            page.agent, view, place.operator, (place.base_url, place.state_dir), int(time.time())
        )
        if page.client.is_deleted:
            return
        inside.clear()
        with inside:
            if deed.kind not in offered(view, known.grant, page.owner.standing.told.scopes):
                paragraph("This cannot be done to the session as it is now.", "quiet")
            elif deed.kind == FUND and view.funding_mode == "grant":
                _no_wallet(known)
            else:
                DeedForm(page, deed, known, self._deeds).build()

    async def progress(self, page: Page, session_id: str, kind: str, deed_id: str) -> None:
        """That it happens."""
        view = await self._view(page, session_id, kind)
        if view is None:
            return
        deed = self._deeds.place.kept.last(page.owner, kind, session_id)
        with frame(page, f"{KINDS[kind].title} {name_of(view)}", HERE):
            prepare_assets()
            _heading(view, kind)
            if deed is None or deed.id != deed_id or not deed.is_begun:
                paragraph("This is long over; another one of its kind was begun since.", "quiet")
                link("Look at the session", f"{HERE}/{session_id}", "button")
                return
            if not page.may_change:
                paragraph("The API key that you signed in with only looks.", "quiet")
                return
            DonePage(page, deed, view, self._deeds).build()

    async def _view(self, page: Page, session_id: str, kind: str) -> SessionView | None:
        missing = "There is no such session, or it is another owner's."
        try:
            if kind in KINDS:
                found: SessionView = await page.agent.get_session(session_id)
                return found
        except NotFound:
            pass
        except ValetkeyError as error:
            missing = str(error)
        page.client.status_code = 404
        with frame(page, "Session", HERE):
            link("Sessions", HERE, "crumb")
            Tag("h1", "Not found")
            paragraph(missing, "quiet")
        return None


class DeedForm:
    """The form, and beside it what will happen, as it is typed."""

    def __init__(self, page: Page, deed: Deed, known: Facts, deeds: Deeds) -> None:
        self._page, self._deed, self._facts, self._deeds = page, deed, known, deeds
        self._kind = KINDS[deed.kind]
        asked = page.request.query_params.get("budget", "") if deed.kind == ROTATE else ""
        self._first = {**self._kind.defaults(known), **deed.fields} | ({"budget": asked} if asked else {})
        self._form = Form(self._first)

    def build(self) -> None:
        """Make everything."""
        with div("wizard stack"):
            if self._facts.problem:
                paragraph(f"The chain could not be asked: {self._facts.problem}", "callout warn small")
            with self._form.open(submit=self._submit, typed=self._typed):
                _, inside = card("What is meant")
                with inside, div("form"):
                    FIELDS[self._deed.kind](self._form, self._facts)
                _, inside = card("What will happen")
                with inside, div("", role="status", id="said"):
                    self._words = Tag("ul", "", "said bulleted")
                with div("form-foot"):
                    link("Cancel", f"{HERE}/{self._deed.session_id}", "button")
                    span("", "stretch")
                    with Tag("button", "", "button primary", type_="submit"):
                        icon(self._kind.drawn)
                        span(self._kind.verb)
        self._say(self._first)

    def _typed(self, values: Values) -> None:
        self._form.be_quiet()
        self._say(values)

    def _say(self, values: Values) -> InvalidInput | None:
        """Say what will happen; what cannot be meant is said there, too, and given back."""
        problem: InvalidInput | None = None
        told: list[str] = []
        try:
            for one in self._kind.said(values, replace(self._facts, now=int(time.time()))):
                told.append(one)  # noqa: PERF402 - what was said before it raised counts
        except InvalidInput as error:
            problem = error
        self._words.clear()
        with self._words:
            for one in told:
                Tag("li", one)
            if problem is not None:
                kind = "complaint" if isinstance(problem, Wider) else "quiet"
                Tag("li", f"{str(problem)[:1].upper()}{str(problem)[1:]}.", kind)
        return problem

    def _submit(self, values: Values) -> None:
        problem = self._say(values)
        if problem is not None:
            self._form.complain(str(problem), problem.field)
            return
        try:
            deed = self._deeds.fix(self._deed, values, self._page.owner)
            self._deeds.begin(deed, self._facts.view, self._page.owner)
        except ValetkeyError as error:
            self._page.tell(str(error), bad=True)
            return
        ui.navigate.to(place_of(deed))


def _heading(view: SessionView, kind: str) -> None:
    link(name_of(view), f"{HERE}/{view.session_id}", "crumb")
    with div("page-head"), div("stretch"):
        Tag("h1", f"{KINDS[kind].title} {name_of(view)}", id="deed-heading", tabindex="-1")


def _no_wallet(known: Facts) -> None:
    """A session that pays out of a grant has nothing to fund: what bounds it, and what raises that."""
    view, seen = known.view, known.exposure
    with div("wizard"):
        _, inside = card("It pays out of your own balance")
        with inside, div("stack"):
            paragraph(
                "Nothing lies in this session, so there is nothing to fill. What it can pay is the least of these:"
            )
            facts(
                {
                    "Left of its budget": money(view.remaining_usdc),
                    "Its grant lets out": None if seen is None else money(seen.grant_usdc),
                    "In your wallet": None if seen is None else money(seen.owner_balance_usdc),
                    "Approved for the contract": None if seen is None else money(seen.owner_approval_usdc),
                }
            )
            paragraph(
                "A grant's cap is signed, and does not grow. A rotation with a larger budget signs another grant in its"
                " place, and what was spent counts on.",
                "quiet",
            )
            with div("buttons"):
                link("Rotate with a larger budget", f"{HERE}/{view.session_id}/{ROTATE}", "button primary")
                if not known.has_grant:
                    link("Sign its grant", f"{HERE}/{view.session_id}/{GRANT}", "button")
