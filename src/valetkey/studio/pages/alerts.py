"""Alerts: what the platform raised while nobody looked, until somebody says that it was seen."""

import time

from valetkey.studio.elements.html import Tag, button, div, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.shell import frame
from valetkey.studio.words.alerts import alert_in_words
from valetkey.studio.words.times import exact, moment, seconds_of
from valetkey.wire.alerts import AlertView

LISTED = 100
GRAVE = ("claim_intercepted", "unasked")
KINDS = {
    "budget": "Budget",
    "expiry": "Ends soon",
    "pace": "Pace",
    "claim_intercepted": "Claim intercepted",
    "unasked": "Moved unasked",
}


async def show(page: Page) -> None:
    """The page."""
    with frame(page, "Alerts", "/alerts"):
        alerts = Alerts(page, everything=page.request.query_params.get("all") == "1")
    await page.doing(alerts.load())
    page.follow(alerts.load)


class Alerts:
    """Newest first; those that were seen only when they are asked for, which is in the address."""

    def __init__(self, page: Page, *, everything: bool) -> None:
        self._page, self._everything = page, everything
        self._shown: list[tuple[str, bool]] | None = None
        with div("page-head"):
            with div("stretch"):
                Tag("h1", "Alerts")
                self._count = paragraph("", "quiet", role="status")
            if everything:
                link("Only new ones", "/alerts", "button")
            else:
                link("Seen ones too", "/alerts?all=1", "button")
        with Tag("section", "", "card", aria_label="Alerts"):
            self._list = div("inside")

    async def load(self) -> None:
        """Ask, and show; what is the same stays, and the keyboard with it."""
        found = await self._page.agent.alerts(is_open=None if self._everything else True, limit=LISTED)
        shown = [(one.alert_id, one.acknowledged_at is None) for one in found]
        if self._page.client.is_deleted or shown == self._shown:
            return
        self._shown = shown
        new = sum(is_new for _, is_new in shown)
        self._count.say(f"{new:,}{' or more' if new == LISTED else ''} new" if new else "Nothing new.")
        self._list.clear()
        with self._list:
            for one in found:
                self._row(one)
            if not found:
                paragraph("Thresholds, ends, haste and theft are told here, and by webhook.", "empty")

    def _row(self, one: AlertView) -> None:
        now, zone, at = int(time.time()), self._page.zone, seconds_of(one.raised_at)
        words = alert_in_words(one, now, zone)
        with div("refusal", data_alert=one.alert_id):
            with div("buttons"):
                span(KINDS.get(one.kind, one.kind), "tag bad" if one.kind in GRAVE else "tag warn")
                link(one.label or one.session_id, f"/sessions/{one.session_id}", "strong stretch")
                span(moment(at, now, zone), "small quiet", title=exact(at, zone))
                if one.acknowledged_at is None:
                    button("Seen", lambda: self._seen(one), aria_label=f"Seen: {words}")
                else:
                    span("seen", "small quiet")
            paragraph(words, "wrap")

    async def _seen(self, one: AlertView) -> None:
        await self._page.doing(self._page.agent.acknowledge_alert(one))
        await self._page.doing(self.load())
