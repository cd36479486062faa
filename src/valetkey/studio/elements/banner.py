"""Everything stands still: said at the head of every page, with what lets it go on."""

import time

from valetkey.studio.elements.html import button, div, icon, paragraph, span
from valetkey.studio.freezing import thaw
from valetkey.studio.page import Page
from valetkey.studio.words.times import moment, seconds_of


def frozen_banner(page: Page) -> None:
    """The place of it. It is empty while sessions go on, and follows what is done elsewhere."""
    place = div("banner-place", role="status")

    def show() -> None:
        if page.client.is_deleted:
            return
        since = page.owner.standing.told.frozen_at
        place.clear()
        if since is None:
            return
        with page.client, place, div("banner"):
            icon("freeze")
            with div("stretch"):
                span("Everything is frozen", "strong")
                at = moment(seconds_of(since), int(time.time()), page.zone)
                paragraph(
                    f"No session of this owner buys anything since {at}. Thaw, and they go on.", "small"
                )
            if page.may_change:
                button("Thaw", lambda: thaw(page), kind="primary")

    show()
    page.client.on_delete(page.owner.standing.listen(show))
