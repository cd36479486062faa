"""The inventory: every session of the owner, found, looked at and stopped."""

from valetkey.studio.elements.html import Tag, div
from valetkey.studio.page import Page
from valetkey.studio.shell import frame


async def show(page: Page) -> None:
    """The page."""
    with frame(page, "Sessions", "/sessions"):
        with div("page-head"):
            Tag("h1", "Sessions", "stretch")
