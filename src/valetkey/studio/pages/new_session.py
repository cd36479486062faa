"""Making a session: a page for each step of the form. What is typed is kept at once; the address says which step."""

import time
from typing import Any

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from valetkey.core.errors import ValetkeyError
from valetkey.studio.assets import asset_url
from valetkey.studio.elements.forms import Form, Values, focus
from valetkey.studio.elements.html import Tag, button, div, link, paragraph, span
from valetkey.studio.gate import sitting_of
from valetkey.studio.owners import Owner
from valetkey.studio.page import ZONE, Page, zone_of
from valetkey.studio.pages.new_session_fields import FIELDS, Known
from valetkey.studio.pages.new_session_made import show_made
from valetkey.studio.pages.new_session_review import Review
from valetkey.studio.shell import frame
from valetkey.studio.wizard.alike import fields_like
from valetkey.studio.wizard.currencies import MAIN, offered
from valetkey.studio.wizard.draft import PLACES, STEPS, Draft, FieldError
from valetkey.studio.wizard.kept_drafts import Drafts, NoDraft
from valetkey.studio.wizard.making import Makings
from valetkey.studio.wizard.meaning import chain_of_draft, check, on_solana, step_of
from valetkey.wire.network import NetworkView

HERE = "/new"
MADE = "made"
SERVICES_SHOWN = 50


class Wizard:
    """The pages, and the makings that go on whether a page is open or not."""

    def __init__(self, makings: Makings) -> None:
        self._makings = makings

    @property
    def drafts(self) -> Drafts:
        """Where drafts are kept."""
        return self._makings.drafts

    def routes(self) -> list[Route]:
        """The beginning: a new draft, and on to its first step."""
        return [Route(HERE, self._begin), Route(HERE + "/like/{draft_id}", self._again, methods=["POST"])]

    async def show(self, page: Page, draft_id: str, step: str) -> None:
        """One step of a draft."""
        draft = self._found(page, draft_id)
        if draft is None or (step not in PLACES and step != MADE):
            _missing(page)
            return
        if draft.is_begun and step != MADE:
            ui.navigate.to(place_of(draft, MADE))
            return
        networks = await page.doing(page.owner.networks())
        if not networks:
            _away(page, draft, step)
            return
        if step == MADE:
            with frame(page, "New session", HERE):
                prepare_assets()
                await show_made(page, draft, self._makings, networks)
            return
        await StepPage(page, draft, step, self._makings, networks).build()

    def _found(self, page: Page, draft_id: str) -> Draft | None:
        try:
            return self.drafts.find(draft_id, page.owner)
        except NoDraft:
            return None
        except ValetkeyError as error:
            page.tell(str(error), bad=True)
            return None

    async def _begin(self, request: Request) -> Response:
        owner = sitting_of(request.scope).owner
        draft = self.drafts.new(owner, str(zone_of(request.cookies.get(ZONE))))
        like = request.query_params.get("like")
        if like:
            await self._be_like(draft, owner, like)
        return RedirectResponse(place_of(draft, STEPS[0].name), 303)

    async def _be_like(self, draft: Draft, owner: Owner, session_id: str) -> None:
        """Fill a draft in by a session that is; where that cannot be seen, it stays empty."""
        try:
            draft.fields |= fields_like(await owner.agent.get_session(session_id))
        except ValetkeyError:
            return
        self.drafts.keep(draft)

    async def _again(self, request: Request) -> Response:
        """Another draft like one that became a session."""
        owner = sitting_of(request.scope).owner
        try:
            before = self.drafts.find(request.path_params["draft_id"], owner)
        except NoDraft:
            return RedirectResponse(HERE, 303)
        draft = self.drafts.new(owner, before.zone)
        draft.fields = {**before.fields, "code": ""}
        self.drafts.keep(draft)
        return RedirectResponse(place_of(draft, STEPS[0].name), 303)


class StepPage:
    """One step: its form, and where its buttons lead."""

    def __init__(
        self, page: Page, draft: Draft, step: str, makings: Makings, networks: dict[int, NetworkView]
    ) -> None:
        self._page, self._draft, self._step, self._makings = page, draft, step, makings
        self._networks = networks
        self._form = Form(draft.fields)
        if not draft["chain"] and self._networks:
            draft.fields["chain"] = str(next(iter(self._networks)))

    async def build(self) -> None:
        """Make everything."""
        place = PLACES[self._step]
        known = await self._known()
        with frame(self._page, f"New session: {STEPS[place].title}", HERE):
            prepare_assets()
            with div("page-head"), div("stretch"):
                Tag("h1", "New session")
                paragraph("Kept as you type: leave, and come back to this address.", "quiet")
            with div("wizard"):
                self._progress(place)
                with Tag("section", "", "card", aria_labelledby="step-heading"), div("inside stack"):
                    Tag(
                        "h2",
                        f"{STEPS[place].title}",
                        id="step-heading",
                        tabindex="-1",
                        aria_label=f"Step {place + 1} of {len(STEPS)}: {STEPS[place].title}",
                    )
                    if self._step == "review":
                        Review(self._page, self._draft, self._makings, known).build()
                    else:
                        self._fields(known, place)
        focus("step-heading")
        if "fix" in self._page.request.query_params:
            self._check(self._step)

    async def _known(self) -> Known:
        """What the fields of a step offer."""
        page = self._page
        services: dict[str, Any] = {}
        if self._step in ("where", "review"):
            found = await page.doing(page.agent.find_services(limit=SERVICES_SHOWN))
            services = {one.id: one for one in found or ()}
        operator, network = self._makings.operator, network_of(self._draft, self._networks)
        local = self._makings.local(page.owner)
        return Known(
            networks=self._networks,
            services=services,
            operator=operator.address(page.owner.wallet),
            keeps_keys=operator.passphrase is not None,
            owner_wallet=page.owner.wallet,
            currencies=(MAIN,) if network is None else tuple(offered(network, local.assets_of(network))),
            on_solana=on_solana(self._draft),
        )

    def _progress(self, place: int) -> None:
        with Tag("nav", "", aria_label="Steps"), Tag("ol", "", "steps"):
            for at, step in enumerate(STEPS):
                current = "step" if at == place else None
                with Tag("li"):
                    if at < place:
                        with Tag("a", "", href=place_of(self._draft, step.name)):
                            Tag("b", step.title)
                    else:
                        with span("", aria_current=current):
                            Tag("b", step.title)

    def _fields(self, known: Known, place: int) -> None:
        with self._form.open(submit=self._submit, typed=self._typed):
            FIELDS[self._step](self._form, self._draft, known, self._page)
            with div("form-foot"):
                if place:
                    link("Back", place_of(self._draft, STEPS[place - 1].name), "button")
                span("", "stretch")
                with Tag("button", "", "button primary", type_="submit"):
                    span("Continue")

    # What is done

    def _typed(self, values: Values) -> bool:
        """Keep what was typed on this page, beside what another window typed on others; whether it may be changed."""
        try:
            self._makings.drafts.refresh(self._draft, self._page.owner)
        except ValetkeyError as error:
            self._page.tell(str(error), bad=True)
            return False
        if self._draft.is_begun:
            ui.navigate.to(place_of(self._draft, MADE))
            return False
        if self._draft.fill(self._step, values):
            self._form.be_quiet()
            self._keep()
        return True

    def _submit(self, values: Values) -> None:
        if self._typed(values) and self._check(self._step):
            ui.navigate.to(place_of(self._draft, STEPS[PLACES[self._step] + 1].name))

    def _check(self, step: str) -> bool:
        problem: FieldError | None = None
        try:
            network = network_of(self._draft, self._networks)
            check(self._draft, step, int(time.time()), network, self._makings.local(self._page.owner))
        except FieldError as error:
            problem = error
        if problem is None:
            self._form.be_quiet()
            return True
        place = step_of(problem)
        if place != self._step and PLACES[place] < PLACES[self._step]:
            ui.navigate.to(f"{place_of(self._draft, place)}?fix=1")
            return False
        self._form.complain(str(problem), problem.field)
        return False

    def _keep(self) -> None:
        try:
            self._makings.drafts.keep(self._draft)
        except ValetkeyError as error:
            self._page.tell(str(error), bad=True)


def place_of(draft: Draft, step: str) -> str:
    """The address of a step."""
    return f"{HERE}/{draft.id}/{step}"


def network_of(draft: Draft, networks: dict[int, NetworkView]) -> NetworkView | None:
    """The network that a draft is for."""
    return networks.get(chain_of_draft(draft) or 0)


def prepare_assets() -> None:
    """The look of the form, and what its scripts do."""
    ui.add_head_html(
        f'<link rel="stylesheet" href="{asset_url("wizard.css")}">'
        f'<script src="{asset_url("wizard.js")}"></script>'
    )


def _away(page: Page, draft: Draft, step: str) -> None:
    """Without its chains a form would forget which one was chosen."""
    with frame(page, "New session", HERE):
        Tag("h1", draft["label"] or "New session")
        with div("callout bad", role="alert"):
            paragraph("The platform does not answer. What you typed is kept, and what is done stays done.")
        link("Try again", place_of(draft, step), "button primary")


def _missing(page: Page) -> None:
    page.client.status_code = 404
    with frame(page, "New session", HERE):
        Tag("h1", "There is no such draft")
        paragraph("It was another owner's, or it is long over.", "quiet")
        button("Begin a new one", lambda: ui.navigate.to(HERE), kind="primary", drawn="new")
