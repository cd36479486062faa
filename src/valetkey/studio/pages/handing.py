"""The handing over of a session's keys: what is shown is shown once, and is then nowhere in this process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.elements.forms import focus
from valetkey.studio.elements.html import Tag, button, card, div, paragraph, span
from valetkey.studio.elements.shown_once import ShownOnce
from valetkey.studio.once import offer, withdraw
from valetkey.studio.page import Page
from valetkey.studio.stepping import Stepping

PASSPHRASE_CHARS_MIN = 12
ENROLLED = "enrolled"
NOTHING_ENROLLED = "There is nothing to hand over: your agent picks it up by itself, with its own keys."


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a session reaches its delegate: one of wizard/words.py's HANDING, and to whom a bundle is sealed.

    `handed` is called before anything is shown, and makes that durable; `next_steps` draws what there is to do then.
    `nothing`: why there is nothing to hand over, where there is nothing.
    """

    name: str
    recipients: list[str]
    title: str
    handed: Callable[[], None]
    next_steps: Callable[[], None]
    nothing: str = ""


class Handing:
    """The card with what is to be done. The session is in `work.info` until it is shown."""

    def __init__(self, page: Page, work: Stepping, way: Way) -> None:
        self._page, self._work, self._way = page, work, way

    def build(self) -> None:
        """Make everything."""
        _, self._inside = card("Hand it over")
        with self._inside:
            self._fill()

    def _fill(self) -> None:
        with div("stack") as place:
            self._place = place
            way = self._way.name
            Tag("h3", self._way.title, "made-title", id="handing-heading", tabindex="-1")
            if self._way.nothing:
                paragraph(self._way.nothing)
                self._way.handed()
                self._way.next_steps()
                return
            paragraph(
                "What you get now is shown once, and never again: not after “I have it”, not on another page, not after"
                " a reload."
            )
            if way == "passphrase":
                self._ask_for_passphrase()
                return
            words = {"sealed": "Show the sealed bundle", "link": "Make the link", "plain": "Show the bundle"}
            button(words.get(way, "Show it"), lambda: self._give(None), kind="primary")

    def _ask_for_passphrase(self) -> None:
        with Tag("form", "", "form", autocomplete="off") as form:
            with div("field"):
                Tag("label", "Passphrase", "field-name", for_="passphrase")
                paragraph(
                    "Six random words or more: whoever has the file may guess at it for ever. Send it another way.",
                    "hint",
                    id="passphrase-hint",
                )
                Tag(
                    "input",
                    "",
                    "input",
                    type_="password",
                    id="passphrase",
                    name="passphrase",
                    minlength=str(PASSPHRASE_CHARS_MIN),
                    required="",
                    autocomplete="new-password",
                    aria_describedby="passphrase-hint",
                )
            with div("buttons"), Tag("button", "", "button primary", type_="submit"):
                span("Seal and show")

        def seal(event: Any) -> None:
            self._give(Secret(str(event.args)))

        form.on(
            "submit",
            seal,
            js_handler="(event) => { event.preventDefault(); emit(new FormData(event.target).get('passphrase')); }",
        )

    def _give(self, passphrase: Secret | None) -> None:
        """Put it on the page, which fetches it: it goes through no message to the page."""
        if self._work.info is None:
            self._page.tell("It is shown elsewhere already.", bad=True)
            return
        sitting = self._page.sitting
        address = offer(sitting, lambda: self._taken(passphrase))
        self._page.client.on_delete(lambda: withdraw(sitting, address))
        self._place.clear()
        with self._place:
            self._once(address)

    async def _taken(self, passphrase: Secret | None) -> str:
        """Take it out of the process. Raises what making it raises, and is then still to be handed over."""
        info, self._work.info = self._work.info, None
        if info is None:
            raise ShownElsewhere("It is shown elsewhere already.")
        shown: str | None = None
        try:
            shown = await self._shown(info, passphrase)
        finally:
            if shown is None:
                # Nobody has seen it: it is still to be handed over.
                self._work.info = info
        self._way.handed()
        return shown

    async def _shown(self, info: SessionInfo, passphrase: Secret | None) -> str:
        way = self._way.name
        if way == "link":
            agent: AsyncBuyerAgent = self._page.agent
            return (await agent.claim_link(info)).reveal()
        if way == "sealed":
            return str(await asyncio.to_thread(info.seal, self._way.recipients))
        if way == "passphrase":
            return str(await asyncio.to_thread(lambda: info.seal(passphrase=passphrase)))
        return info.serialize()

    def _once(self, address: str) -> None:
        way = self._way.name
        titles = {
            "link": "One-time link",
            "plain": "Bundle",
            "sealed": "Sealed bundle",
            "passphrase": "Sealed bundle",
        }
        Tag("h3", f"{titles[way]}: shown once", "made-title", id="handing-heading", tabindex="-1")
        ShownOnce(address, titles[way], rows=3 if way == "link" else 8, refused=self._refused)
        with div("stack taking"):
            span("", "small quiet", id="copied", role="status")
            with div("buttons"):
                button("Copy", js="() => valetkeyCopy('secret', 'copied')")
                if way != "link":
                    name = "session.age" if way in ("sealed", "passphrase") else "session.bundle"
                    save = {
                        "session.age": "() => valetkeySave('secret', 'session.age')",
                        "session.bundle": "() => valetkeySave('secret', 'session.bundle')",
                    }
                    button("Save as a file", js=save[name])
                button("I have it", self._gone, kind="primary", drawn="check")
            if way == "link":
                paragraph(
                    "Whoever opens it first has the session. It waits for a quarter of an hour.",
                    "quiet small",
                )
        focus("handing-heading")

    def _refused(self, why: str) -> None:
        self._page.tell(why, bad=True)
        self._inside.clear()
        with self._inside:
            self._fill()
        focus("handing-heading")

    def _gone(self) -> None:
        self._place.clear()
        with self._place:
            Tag("h3", "Handed over", "made-title", id="handing-heading", tabindex="-1")
            paragraph("The secret is gone from this page and from this process.")
            self._way.next_steps()
            focus("handing-heading")


class ShownElsewhere(ValetkeyError):
    """Another page has it."""


def handed_over(next_steps: Callable[[], None], nothing: str = "") -> None:
    """The page of what was handed over before; `nothing` as in Way."""
    with div("wizard"):
        _, inside = card("Handed over")
        with inside, div("stack"):
            if nothing:
                paragraph(nothing)
            else:
                paragraph("What was shown of this session was shown once, and is not shown again.")
                paragraph(
                    "Whoever lost it: the owner's wallet opens the recovery copy (valetkey session bundle), or revoke"
                    " this one and make another.",
                    "quiet small",
                )
            next_steps()
