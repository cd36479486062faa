"""What there are pictures of. Everything is found by its role or its words: more buttons and fields change nothing."""

from playwright.sync_api import Page, expect

from pictures.camera import PHONE, Camera
from pictures.filling import Company

LOOKS = (("", "light", None), ("-dark", "dark", None), ("-phone", "light", PHONE))


def everything(camera: Camera, company: Company) -> None:
    """Every picture."""
    review = ""
    for suffix, scheme, size in LOOKS:
        with camera.looking(scheme, size) as page:
            overview(camera, page)
            camera.take(page, f"overview{suffix}")
            inventory(camera, page)
            camera.take(page, f"sessions{suffix}")
            session(camera, page, company.ids["atlas"])
            camera.take(page, f"session{suffix}")
            review = review or drafted(camera, page)
            page.goto(review)
            expect(page.get_by_text("With this policy, last week's spends")).to_be_visible()
            camera.take(page, f"new-session{suffix}")
    with camera.looking() as page:
        page.goto(f"{camera.url}/approvals")
        expect(page.get_by_text("wait for you")).to_be_visible()
        camera.take(page, "approvals")
        page.goto(f"{camera.url}/alerts")
        expect(page.get_by_role("button", name="Seen").first).to_be_visible()
        camera.take(page, "alerts")
        inventory(camera, page)
        page.get_by_role("button", name="Freeze").first.click()
        expect(page.get_by_role("dialog").get_by_role("button", name="Freeze everything")).to_be_visible()
        camera.take(page, "freeze")


def overview(camera: Camera, page: Page) -> None:
    page.goto(f"{camera.url}/")
    expect(page.get_by_role("region", name="by agent").get_by_text("atlas-research")).to_be_visible()


def inventory(camera: Camera, page: Page) -> None:
    """By label: some of every status beside each other."""
    page.goto(f"{camera.url}/sessions?sort=label")
    expect(page.locator("tr[data-session]").first).to_be_visible()


def session(camera: Camera, page: Page, session_id: str) -> None:
    page.goto(f"{camera.url}/sessions/{session_id}")
    expect(page.get_by_role("region", name="Spends", exact=True).get_by_role("row").nth(1)).to_be_visible()
    expect(page.get_by_role("region", name="Tree").get_by_text("Research: patents")).to_be_visible()
    expect(page.get_by_role("region", name="On chain").get_by_text("Contract", exact=True)).to_be_visible()


def drafted(camera: Camera, page: Page) -> str:
    """A new session up to its review; the address of that."""

    def go_on(heading: str) -> None:
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name=heading)).to_be_focused()

    page.goto(f"{camera.url}/new")
    expect(page.get_by_role("heading", name="Purpose")).to_be_visible()
    page.get_by_label("Long-running").check()
    page.get_by_label("Label", exact=True).fill("Market research, weekend")
    page.get_by_label("Agent (optional)").fill("atlas-research")
    go_on("Limits")
    page.get_by_label("Daily cap").fill("360")
    page.get_by_role("textbox", name="Budget in all").fill("900")
    page.get_by_role("textbox", name="Lives for").fill("72")
    page.get_by_text("More limits").click()
    page.get_by_role("textbox", name="At most at once").first.fill("60")
    page.get_by_role("textbox", name="Ask me above").first.fill("34")
    go_on("Where")
    go_on("Money")
    page.get_by_label("One-time link").check()
    go_on("Review")
    return page.url
