"""What is around every page: the bar with owner and freeze, the navigation, and the words for readers of screens."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from valetkey.studio.assets import asset_url
from valetkey.studio.elements.banner import frozen_banner
from valetkey.studio.elements.html import Tag, button, div, icon, link, span
from valetkey.studio.feed import Liveness
from valetkey.studio.freezing import ask_to_freeze
from valetkey.studio.page import Page
from valetkey.studio.words.amounts import short_address

PLACES = (
    ("/", "overview", "Overview"),
    ("/sessions", "sessions", "Sessions"),
    ("/new", "new", "New session"),
    ("/approvals", "approvals", "Approvals"),
    ("/alerts", "alerts", "Alerts"),
)
"""The navigation: address, drawing, words. A page that is added is added here."""

LIVE = {
    Liveness.LIVE: ("live", "Live"),
    Liveness.POLLING: ("live polling", "Every 5 s"),
    Liveness.AWAY: ("live away", "Platform away"),
}


def prepare(title: str) -> None:
    """The head of a page: styles, the theme before the first paint, the title."""
    ui.page_title(f"{title} · Valetkey Studio")
    ui.add_head_html(
        f'<link rel="stylesheet" href="{asset_url("tokens.css")}">'
        f'<link rel="stylesheet" href="{asset_url("studio.css")}">'
        f'<script src="{asset_url("theme.js")}"></script>'
        f'<script src="{asset_url("page.js")}"></script>'
    )


@contextmanager
def frame(page: Page, title: str, here: str) -> Iterator[None]:
    """The frame of a page; what is made inside is its content. `here` is the place of the navigation that it is of."""
    prepare(title)
    # NiceGUI makes a main landmark out of everything; ours is what changes from page to page.
    around = page.client.content.parent_slot
    assert around is not None
    around.parent.tag = "div"
    link("Skip to content", "#content", "skip")
    with div("frame"):
        _topbar(page)
        with Tag("nav", "", "nav", aria_label="Pages"):
            for address, drawn, words in PLACES:
                with Tag("a", "", href=address, aria_current="page" if address == here else None):
                    icon(drawn)
                    span(words)
        with Tag("main", "", "main", id="content", tabindex="-1"):
            frozen_banner(page)
            yield


def _topbar(page: Page) -> None:
    with Tag("header", "", "topbar"):
        with Tag("a", "", "brand", href="/", aria_label="Valetkey Studio"):
            span("", "brand-mark", aria_hidden="true")
            span("Valetkey", "hide-small")
        div("stretch")
        classes, words = LIVE[page.owner.feed.liveness]
        live = span(words, classes, role="status")
        page.listen(lambda _: _show(live, page))
        with div("owner"):
            span(
                short_address(page.owner.wallet) or "owner",
                "mono small quiet hide-small",
                title=f"Owner {page.owner.wallet}",
            )
        if page.may_change:
            button("Freeze", lambda: ask_to_freeze(page), kind="danger", drawn="freeze")
        button("Light or dark", kind="bare", drawn="theme", bare=True, js="() => valetkeyTheme()")
        with Tag("form", "", method="post", action="/sign-out"):
            Tag("input", type_="hidden", name="form", value=page.sitting.form)
            with Tag(
                "button", "", "button bare square", type_="submit", aria_label="Sign out", title="Sign out"
            ):
                icon("leave")


def _show(live: Tag, page: Page) -> None:
    classes, words = LIVE[page.owner.feed.liveness]
    live.look(classes)
    live.say(words)
