"""Something that is done to a session, as it goes on, and what came of it."""

from nicegui import ui

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.studio.deeds.advice import advice
from valetkey.studio.deeds.deed import FUND, NARROW, RECLAIM, Deed
from valetkey.studio.deeds.deeds import KINDS, Deeds
from valetkey.studio.elements.forms import focus
from valetkey.studio.elements.html import Tag, button, card, div, icon, link, paragraph, span
from valetkey.studio.elements.transactions import told_with_links
from valetkey.studio.page import Page
from valetkey.studio.pages.handing import ENROLLED, NOTHING_ENROLLED, Handing, Way, handed_over
from valetkey.studio.pages.progress import Progress, draw_steps
from valetkey.studio.stepping import Shown
from valetkey.wire.sessions import SessionView

HERE = "/sessions"
DONE = {
    FUND: "The money is in the session's wallet.",
    RECLAIM: "What was left is yours again.",
}


class DonePage:
    """What is on it meanwhile, and then."""

    def __init__(self, page: Page, deed: Deed, view: SessionView, deeds: Deeds) -> None:
        self._page, self._deed, self._view, self._deeds = page, deed, view, deeds
        self._kind = KINDS[deed.kind]

    def build(self) -> None:
        """Make everything."""
        doing = self._deeds.find(self._deed)
        if doing is None and self._deed.is_over:
            self._over()
            return
        doing = doing or self._deeds.begin(self._deed, self._view, self._page.owner)
        # The one in memory is what is kept next.
        self._deed, self._doing = doing.deed, doing
        Progress(
            self._page,
            doing,
            title="Doing it",
            go_on=self._go_on,
            done=self._done,
            failing=self._leave,
            advice=lambda error: advice(self._deed, error),
            tell=lambda text: told_with_links(text, self._view.network),
        ).build()

    def _go_on(self) -> None:
        self._deeds.begin(self._deed, self._view, self._page.owner)

    def _leave(self, error: ValetkeyError) -> bool:
        """The ways out beside Go on; whether that one is none."""
        if not self._deed.is_begun:
            self._deeds.end(self._doing)
            field = (
                "" if not isinstance(error, InvalidInput) or error.field is None else " and look at it again"
            )
            link(f"Change it{field}", f"{HERE}/{self._deed.session_id}/{self._deed.kind}", "button primary")
            return True
        if self._doing.may_leave:
            button("Leave it at that", self._end)
        return False

    def _end(self) -> None:
        self._deed.is_over = True
        self._deeds.place.kept.keep(self._deed)
        self._deeds.end(self._doing)
        ui.navigate.to(f"{HERE}/{self._deed.session_id}")

    def _done(self) -> None:
        if not self._doing.hands_over:
            self._deeds.end(self._doing)
            self._result()
            focus("done-heading")
            return
        title = "The narrower session is made" if self._deed.kind == NARROW else "The new keys are made"
        way = Way(
            name=self._deed["handing"],
            recipients=self._deed.lines("recipients"),
            title=title,
            handed=lambda: self._deeds.handed(self._doing),
            next_steps=self._next_steps,
            nothing=NOTHING_ENROLLED if self._deed["handing"] == ENROLLED else "",
        )
        Handing(self._page, self._doing, way).build()
        focus("handing-heading")

    def _result(self) -> None:
        _, inside = card("Done")
        with inside, div("stack"):
            Tag(
                "h3", DONE.get(self._deed.kind, "It is done."), "made-title", id="done-heading", tabindex="-1"
            )
            self._next_steps()

    def _next_steps(self) -> None:
        with div("buttons"):
            for session_id, words in (
                (self._deed.outcome, "Look at the new one"),
                (self._deed.session_id, "Back to the session"),
            ):
                if session_id:
                    with Tag("a", "", "button", href=f"{HERE}/{session_id}"):
                        icon("sessions")
                        span(words)

    def _over(self) -> None:
        """A page that is looked at again, of what is done."""
        with div("wizard stack"):
            _, inside = card("What was done")
            with inside:
                shown = [
                    Shown(name, self._kind.work.titles.get(name, name), "done", told)
                    for name, told in self._deed.done.items()
                ]
                draw_steps(
                    Tag("ol", "", "progress"), shown, lambda text: told_with_links(text, self._view.network)
                )
                if not shown:
                    paragraph("Nothing: it was left at that.", "quiet")
            if not (self._kind.work.hands_over and self._deed.outcome):
                self._next_steps()
                return
        with div("wizard-next"):
            handed_over(self._next_steps)
