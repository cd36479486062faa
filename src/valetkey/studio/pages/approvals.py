"""What waits for the owner: each spend with its exact payee, amount and reason, to be approved or rejected."""

import asyncio
import time

from valetkey.core.audit import Kind
from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.dialogs import sure
from valetkey.studio.elements.html import Tag, button, div, facts, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.shell import frame
from valetkey.studio.words.amounts import money
from valetkey.studio.words.rows import name_of
from valetkey.studio.words.times import moment, seconds_of
from valetkey.wire.audit import Event
from valetkey.wire.spends import SpendView

SHOWN_MAX = 50
CONCERNS = {
    str(kind)
    for kind in (
        *(Kind.APPROVAL_ASKED, Kind.APPROVED, Kind.REJECTED, Kind.EXECUTED, Kind.EXPIRED, Kind.VOIDED),
        *(Kind.REVOKED, Kind.ALL_REVOKED, Kind.EXTENDED),
    )
}


async def show(page: Page) -> None:
    """The page."""
    with frame(page, "Approvals", "/approvals"):
        approvals = Approvals(page)
    await page.doing(approvals.load())
    page.follow(approvals.load, concerns)


def concerns(event: Event) -> bool:
    """Whether an event may change what waits."""
    return event.kind in CONCERNS


class Approvals:
    """The queue."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._names: dict[str, str] = {}
        self._shown: list[tuple[str, str]] = []
        with div("page-head"), div("stretch"):
            Tag("h1", "Approvals")
            self._count = paragraph("", "quiet", role="status")
        self._list = div("stack")

    async def load(self) -> None:
        """Ask what waits, and show it; what is the same stays, and the keyboard with it."""
        waiting = await self._page.agent.approvals()
        shown = waiting[:SHOWN_MAX]
        await self._learn({one.session_id for one in shown})
        if self._page.client.is_deleted:
            return
        self._count.say(f"{len(waiting):,} wait for you" if waiting else "Nothing waits for you.")
        now_shown = [(one.spend_id, one.state) for one in shown]
        if now_shown == self._shown:
            return
        self._shown = now_shown
        self._list.clear()
        with self._list:
            for one in shown:
                self._card(one)
            if not shown:
                with div("card"):
                    paragraph("A spend above a session's threshold appears here, and waits.", "empty")

    async def _learn(self, session_ids: set[str]) -> None:
        """The names of sessions, each asked for once."""

        async def learn(session_id: str) -> None:
            try:
                self._names[session_id] = name_of(await self._page.agent.get_session(session_id))
            except ValetkeyError:
                self._names[session_id] = session_id

        await asyncio.gather(*(learn(one) for one in session_ids - self._names.keys()))

    def _card(self, one: SpendView) -> None:
        now, zone = int(time.time()), self._page.zone
        name = self._names.get(one.session_id, one.session_id)
        told = f"{money(one.amount, one.currency)} for {name}"
        with Tag("section", "", "card", aria_label=told, data_spend=one.spend_id):
            with Tag("header"):
                Tag("h2", money(one.amount, one.currency))
                link(name, f"/sessions/{one.session_id}", "stretch")
                if one.state == "approved":
                    span("approved, not spent yet", "tag")
                else:
                    button(
                        "Reject", lambda: self._reject(one, told), kind="danger", aria_label=f"Reject {told}"
                    )
                    button(
                        "Approve",
                        lambda: self._approve(one, told),
                        kind="primary",
                        aria_label=f"Approve {told}",
                    )
            with div("inside"):
                facts(
                    {
                        "Payee": one.payee or "nobody named",
                        "Reason": one.note or "none given",
                        "Operation": one.operation,
                        "Service": one.service_id,
                        "Asset": one.asset,
                        "Asked": moment(seconds_of(one.placed_at), now, zone),
                        "Waits until": moment(seconds_of(one.expires_at), now, zone),
                    }
                )

    async def _approve(self, one: SpendView, told: str) -> None:
        text = f"To {one.payee or 'nobody named'}, for {one.note or 'no reason given'}."
        if await sure(f"Approve {told}?", text, "Approve", danger=False):
            await self._done(
                await self._page.doing(self._page.agent.approve(one.spend_id)), f"Approved {told}."
            )

    async def _reject(self, one: SpendView, told: str) -> None:
        await self._done(await self._page.doing(self._page.agent.reject(one.spend_id)), f"Rejected {told}.")

    async def _done(self, answer: object, told: str) -> None:
        if answer is not None:
            self._page.tell(told)
        await self._page.doing(self.load())
