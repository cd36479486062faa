"""Some work as it goes on: what is done, what a wallet is asked meanwhile, and what went wrong."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.html import Tag, button, card, div, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.stepping import Shown, Stepping
from valetkey.studio.wizard.browser_wallet import ANSWER_SECONDS, Asked

ASKS = {
    "personal_sign": "Your wallet asks you to sign the text that opens recovery copies.",
    "eth_signTypedData_v4": "Your wallet asks you to sign the grant, and then its revocation, which is kept for later.",
    "eth_sendTransaction": "Your wallet asks you to send a transaction.",
}


class Progress:
    """The card of a piece of work. `done` makes what is below it, once; `failing` may say what to do instead of Go on.

    `failing` is given what went wrong, and is true when it said all that there is to say. `advice`: what is said
    below it. `tell` draws what is told of a step.
    """

    def __init__(
        self,
        page: Page,
        work: Stepping,
        *,
        title: str,
        go_on: Callable[[], None],
        done: Callable[[], None],
        failing: Callable[[ValetkeyError], bool],
        advice: Callable[[ValetkeyError], list[str]] = lambda _: [],
        tell: Callable[[str], None] = lambda text: _tell(text),
    ) -> None:
        self._page, self._work, self._title = page, work, title
        self._go_on, self._make_rest, self._failing = go_on, done, failing
        self._advice, self._tell_step = advice, tell
        self._is_told = False

    def build(self) -> None:
        """Make everything."""
        with div("wizard stack"):
            _, inside = card(self._title)
            with inside, div("stack"):
                self._steps = Tag("ol", "", "progress")
                self._asks = paragraph("", "callout warn", role="status", hidden="")
                self._failure = div("stack")
            self._rest = div("stack")
        self._status = paragraph("", "unseen", role="status")
        self._page.client.on_delete(self._work.listen(self._show))
        self._page.begin(self._carry())
        self._show()

    def _show(self) -> None:
        if self._page.client.is_deleted:
            return
        work = self._work
        with self._page.client:
            draw_steps(self._steps, work.shown(), self._tell_step)
            self._asks.tell(hidden="" if work.bridge.asked is None else None)
            self._failure.clear()
            if not work.is_over:
                doing = next((one.title for one in work.shown() if one.state == "doing"), "")
                self._status.say(doing)
                return
            if work.failed is not None:
                with self._failure:
                    self._fail(work.failed)
                return
            self._status.say("Done.")
            if not self._is_told:
                self._is_told = True
                with self._rest:
                    self._make_rest()

    def _fail(self, error: ValetkeyError) -> None:
        with div("callout bad", role="alert"):
            paragraph(f"{str(error)[:1].upper()}{str(error)[1:]}")
            for one in self._advice(error):
                paragraph(one, "small")
        with div("buttons"):
            if self._failing(error):
                return
            paragraph("What is done stays done.", "quiet small stretch")
            button("Go on", self._go_on, kind="primary", drawn="resume")

    async def _carry(self) -> None:
        """Carry what is asked of the browser's wallet to it, and its answer back."""
        bridge = self._work.bridge
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


def draw_steps(place: Tag, shown: Sequence[Shown], tell: Callable[[str], None]) -> None:
    """Every step and how it stands, anew."""
    place.clear()
    with place:
        for one in shown:
            with Tag("li", "", one.state), div():
                span(one.title)
                span(f": {one.state}", "unseen")
                if one.told:
                    tell(one.told)


def _tell(text: str) -> None:
    paragraph(text, "told mono")
