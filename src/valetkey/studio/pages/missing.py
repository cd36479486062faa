"""What is shown for an address that is none."""

from valetkey.studio.elements.html import Tag, link, paragraph
from valetkey.studio.page import Page
from valetkey.studio.shell import frame


async def show(page: Page) -> None:
    """The page."""
    page.client.status_code = 404
    with frame(page, "Not found", ""):
        Tag("h1", "Not found")
        paragraph("There is no such page.", "quiet")
        link("To the sessions", "/sessions")
