"""A session is made: what is done, and the handing over, once."""

from nicegui import ui

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.forms import focus
from valetkey.studio.elements.html import Tag, div, icon, link, span
from valetkey.studio.page import Page
from valetkey.studio.pages.handing import ENROLLED, NOTHING_ENROLLED, Handing, Way, handed_over
from valetkey.studio.pages.progress import Progress
from valetkey.studio.wizard.draft import Draft, FieldError
from valetkey.studio.wizard.making import Making, Makings
from valetkey.studio.wizard.meaning import chain_of_draft, on_solana, step_of
from valetkey.wire.network import NetworkView


async def show_made(page: Page, draft: Draft, makings: Makings, networks: dict[int, NetworkView]) -> None:
    """The page of one draft whose making began."""
    network = networks.get(chain_of_draft(draft) or 0)
    if not draft.is_begun or network is None:
        ui.navigate.to(f"/new/{draft.id}/review")
        return
    with div("page-head"), div("stretch"):
        Tag("h1", draft["label"] or "New session", id="step-heading", tabindex="-1")
    making = makings.find(draft.id, page.owner)
    if draft.handed or (making is None and _is_over(draft)):
        handed_over(lambda: _next_steps(draft), _nothing(draft))
        return
    made = MadePage(
        page, makings, makings.begin(draft, page.owner, network) if making is None else making, network
    )
    made.build()


class MadePage:
    """What is on it while it is made, and then."""

    def __init__(self, page: Page, makings: Makings, making: Making, network: NetworkView) -> None:
        self._page, self._makings, self._making, self._network = page, makings, making, network
        self._draft = making.draft

    def build(self) -> None:
        """Make everything."""
        Progress(
            self._page,
            self._making,
            title="Making it",
            go_on=self._go_on,
            done=self._hand_over,
            failing=self._is_changed_instead,
        ).build()

    def _go_on(self) -> None:
        self._makings.begin(self._draft, self._page.owner, self._network)

    def _hand_over(self) -> None:
        draft = self._draft
        way = Way(
            name=draft["handing"],
            recipients=draft.lines("recipients"),
            title="Your session is made",
            handed=self._keep_handed,
            next_steps=lambda: _next_steps(draft),
            nothing=_nothing(draft),
        )
        Handing(self._page, self._making, way).build()
        focus("handing-heading")

    def _is_changed_instead(self, error: ValetkeyError) -> bool:
        if self._draft.is_begun:
            return False
        step = step_of(error) if isinstance(error, FieldError) else "review"
        link("Change it", f"/new/{self._draft.id}/{step}", "button primary")
        return True

    def _keep_handed(self) -> None:
        self._draft.handed = True
        self._makings.drafts.keep(self._draft)
        self._makings.end(self._making)


def _is_over(draft: Draft) -> bool:
    """Whether nothing is left to do: what is of an enrolment, or on Solana, needs no handing over."""
    if on_solana(draft):
        return "opened" in draft.done
    return draft["handing"] == ENROLLED and {"made", "approved"} <= draft.done.keys()


def _nothing(draft: Draft) -> str:
    """Why there is nothing to hand over, where there is nothing."""
    if on_solana(draft):
        return (
            "There is nothing to hand over: its keys are in the keystore of this studio's state folder. Whoever shares"
            " the folder and the passphrase pays with them, by a Client."
        )
    return NOTHING_ENROLLED if draft["handing"] == ENROLLED else ""


def _next_steps(draft: Draft) -> None:
    with div("buttons"):
        if draft.session_id:
            with Tag("a", "", "button primary", href=f"/sessions/{draft.session_id}"):
                icon("sessions")
                span("Look at it")
        with (
            Tag("form", "", method="post", action=f"/new/like/{draft.id}"),
            Tag("button", "", "button", type_="submit"),
        ):
            icon("new")
            span("Another like this")
