"""A session is made: what is done, what a wallet is asked meanwhile, and the handing over, once."""

import asyncio
import json
from typing import Any

from nicegui import ui

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.elements.forms import focus
from valetkey.studio.elements.html import Tag, button, card, div, icon, link, paragraph, span
from valetkey.studio.elements.shown_once import ShownOnce
from valetkey.studio.once import offer, withdraw
from valetkey.studio.page import Page
from valetkey.studio.wizard.browser_wallet import ANSWER_SECONDS, Asked
from valetkey.studio.wizard.draft import Draft, FieldError
from valetkey.studio.wizard.making import Making, Makings
from valetkey.studio.wizard.meaning import chain_of_draft, on_solana, step_of
from valetkey.wire.network import NetworkView

PASSPHRASE_CHARS_MIN = 12
ASKS = {
    "personal_sign": "Your wallet asks you to sign the text that opens recovery copies.",
    "eth_signTypedData_v4": "Your wallet asks you to sign the grant, and then its revocation, which is kept for later.",
    "eth_sendTransaction": "Your wallet asks you to send a transaction.",
}


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
        _over(draft)
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
        self._said = ""

    def build(self) -> None:
        """Make everything."""
        with div("wizard stack"):
            _, inside = card("Making it")
            with inside, div("stack"):
                self._steps = Tag("ol", "", "progress")
                self._asks = paragraph("", "callout warn", role="status", hidden="")
                self._failure = div("stack")
            self._handing = div("stack")
        self._status = paragraph("", "unseen", role="status")
        self._page.client.on_delete(self._making.listen(self._show))
        self._page.begin(self._carry())
        self._show()

    # What is done

    def _show(self) -> None:
        if self._page.client.is_deleted:
            return
        making = self._making
        with self._page.client:
            self._steps.clear()
            with self._steps:
                for one in making.shown():
                    with Tag("li", "", one.state), div():
                        span(one.title)
                        span(f": {one.state}", "unseen")
                        if one.told:
                            paragraph(one.told, "told mono")
            self._asks.tell(hidden="" if making.bridge.asked is None else None)
            self._failure.clear()
            if not making.is_over:
                doing = next((one.title for one in making.shown() if one.state == "doing"), "")
                self._status.say(doing)
                return
            if making.failed is not None:
                with self._failure:
                    self._fail(making.failed)
                return
            self._status.say("Done.")
            if self._said != "handing":
                self._said = "handing"
                with self._handing:
                    Handing(self._page, self._makings, making).build()
                focus("handing-heading")

    def _fail(self, error: ValetkeyError) -> None:
        with div("callout bad", role="alert"):
            paragraph(f"{str(error)[:1].upper()}{str(error)[1:]}")
        with div("buttons"):
            if not self._draft.is_begun:
                step = step_of(error) if isinstance(error, FieldError) else "review"
                link("Change it", f"/new/{self._draft.id}/{step}", "button primary")
                return
            paragraph("What is done stays done.", "quiet small stretch")
            button("Go on", self._go_on, kind="primary", drawn="resume")

    def _go_on(self) -> None:
        self._makings.begin(self._draft, self._page.owner, self._network)

    async def _carry(self) -> None:
        """Carry what is asked of the browser's wallet to it, and its answer back."""
        bridge = self._making.bridge
        while True:
            asked = await bridge.next()
            answer: Any = None
            try:
                self._asks.say(ASKS.get(asked.method, "Your wallet asks you for something."))
                self._asks.tell(hidden=None)
                answer = await self._asked(asked)
            finally:
                if answer is None:
                    bridge.lose(asked)
            if answer is not None:
                bridge.answer(asked, answer)
            self._asks.tell(hidden="")
            if answer is None:
                return

    async def _asked(self, asked: Asked) -> Any:
        try:
            return await self._page.client.run_javascript(
                f"valetkeyWallet({json.dumps(asked.told())})", timeout=ANSWER_SECONDS
            )
        except TimeoutError:
            return {"error": "The wallet did not answer."}


class Handing:
    """The handing over: what is shown is shown once, and is then nowhere in this process."""

    def __init__(self, page: Page, makings: Makings, making: Making) -> None:
        self._page, self._makings, self._making = page, makings, making
        self._draft = making.draft

    def build(self) -> None:
        """The card with what is to be done."""
        _, self._inside = card("Hand it over")
        with self._inside:
            self._fill()

    def _fill(self) -> None:
        with div("stack") as place:
            self._place = place
            way = self._draft["handing"]
            Tag("h3", "Your session is made", "made-title", id="handing-heading", tabindex="-1")
            if on_solana(self._draft):
                paragraph(
                    "There is nothing to hand over: its keys are in the keystore of this studio's state folder. Whoever"
                    " shares the folder and the passphrase pays with them, by a Client."
                )
                self._keep_handed()
                _next_steps(self._draft)
                return
            if way == "enrolled":
                paragraph(
                    "There is nothing to hand over: your agent picks it up by itself, with its own keys."
                )
                self._keep_handed()
                _next_steps(self._draft)
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
        if self._making.info is None:
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
        info, self._making.info = self._making.info, None
        if info is None:
            raise ShownElsewhere("It is shown elsewhere already.")
        shown: str | None = None
        try:
            shown = await self._shown(info, passphrase)
        finally:
            if shown is None:
                # Nobody has seen it: it is still to be handed over.
                self._making.info = info
        self._keep_handed()
        return shown

    async def _shown(self, info: SessionInfo, passphrase: Secret | None) -> str:
        way = self._draft["handing"]
        if way == "link":
            agent: AsyncBuyerAgent = self._page.agent
            return (await agent.claim_link(info)).reveal()
        if way == "sealed":
            return str(await asyncio.to_thread(info.seal, self._draft.lines("recipients")))
        if way == "passphrase":
            return str(await asyncio.to_thread(lambda: info.seal(passphrase=passphrase)))
        return info.serialize()

    def _once(self, address: str) -> None:
        way = self._draft["handing"]
        titles = {
            "link": "One-time link",
            "plain": "Bundle",
            "sealed": "Sealed bundle",
            "passphrase": "Sealed bundle",
        }
        Tag("h3", f"{titles[way]}: shown once", "made-title", id="handing-heading", tabindex="-1")
        ShownOnce(
            address,
            titles[way],
            rows=3 if way == "link" else 8,
            refused=self._refused,
        )
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
            _next_steps(self._draft)
            focus("handing-heading")

    def _keep_handed(self) -> None:
        self._draft.handed = True
        self._makings.drafts.keep(self._draft)
        self._makings.end(self._making)


class ShownElsewhere(ValetkeyError):
    """Another page has it."""


def _is_over(draft: Draft) -> bool:
    """Whether nothing is left to do: what is of an enrolment, or on Solana, needs no handing over."""
    if on_solana(draft):
        return "opened" in draft.done
    return draft["handing"] == "enrolled" and {"made", "approved"} <= draft.done.keys()


def _over(draft: Draft) -> None:
    with div("wizard"):
        _, inside = card("Handed over")
        with inside, div("stack"):
            if on_solana(draft):
                paragraph("It is made, and its keys are in the keystore of this studio's state folder.")
            else:
                paragraph("What was shown of this session was shown once, and is not shown again.")
                paragraph(
                    "Whoever lost it: the owner's wallet opens the recovery copy (valetkey session bundle), or revoke"
                    " this one and make another.",
                    "quiet small",
                )
            _next_steps(draft)


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
