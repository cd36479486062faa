"""Dialogs that are asked and answered: the keyboard stays inside while one is open, and Escape says no."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from valetkey.studio.elements.html import Tag, button, div, paragraph


@contextmanager
def dialog(title: str) -> Iterator[Any]:
    """An open dialog with a heading; what is made inside is in it. Await it for its result, then delete it."""
    shown = ui.dialog().props("transition-duration=120")
    with shown, div("dialog", role="document"):
        Tag("h2", title)
        yield shown
    shown.props["aria-label"] = title
    shown.open()


def close(shown: Any) -> None:
    """Take an answered dialog away; the keyboard is where it was."""
    client = shown.client
    shown.delete()
    client.run_javascript("valetkeyBack()")


async def sure(
    title: str, text: str, verb: str, *, danger: bool = True, more: Callable[[], None] | None = None
) -> bool:
    """Ask for a yes. `more` adds to what the dialog says."""
    with dialog(title) as asked:
        paragraph(text)
        if more is not None:
            more()
        with div("buttons"):
            button("Cancel", lambda: asked.submit(False), autofocus=True)
            button(verb, lambda: asked.submit(True), kind="danger full" if danger else "primary")
    answer = bool(await asked)
    close(asked)
    return answer
