"""Plain HTML elements. Text reaches the browser as a text node, and no property is made out of a string of several."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from valetkey.studio.elements.icons import PATHS

Work = Callable[[], Awaitable[None] | None]


class Tag(TextElement):
    """One element. Names of properties lose a trailing underscore, and have dashes for the others: `aria_label`."""

    def __init__(self, tag: str, text: str = "", classes: str = "", **props: Any) -> None:
        super().__init__(tag=tag, text=text)
        self._classes.extend(classes.split())
        self._props.update(
            {name.removesuffix("_").replace("_", "-"): one for name, one in props.items() if one is not None}
        )

    def say(self, text: str) -> None:
        """Another text."""
        if self.text != text:
            self.text = text

    def look(self, classes: str) -> None:
        """Other classes, all of them."""
        if list(self._classes) != classes.split():
            self._classes[:] = classes.split()
            self.update()

    def tell(self, **props: Any) -> None:
        """Other properties; None takes one away."""
        for name, one in props.items():
            key = name.removesuffix("_").replace("_", "-")
            if one is None:
                self._props.pop(key, None)
            else:
                self._props[key] = one
        self.update()


def div(classes: str = "", text: str = "", **props: Any) -> Tag:
    """A block."""
    return Tag("div", text, classes, **props)


def span(text: str, classes: str = "", **props: Any) -> Tag:
    """Some text."""
    return Tag("span", text, classes, **props)


def paragraph(text: str, classes: str = "", **props: Any) -> Tag:
    """A paragraph of text."""
    return Tag("p", text, classes, **props)


def icon(name: str) -> Element:
    """A drawing beside a word; readers of screens pass over it."""
    with Tag("svg", classes="icon", viewBox="0 0 24 24", aria_hidden="true") as drawn:
        for path in PATHS[name]:
            Tag("path", d=path)
    return drawn


def button(
    text: str,
    work: Work | None = None,
    *,
    kind: str = "",
    drawn: str | None = None,
    bare: bool = False,
    js: str | None = None,
    **props: Any,
) -> Tag:
    """A button. `bare`: only its drawing is shown, its words are for readers of screens and as a tip.

    `js`: what the browser does with a click by itself; a constant of ours, never made of what somebody wrote.
    """
    classes = f"button {kind}{' square' if bare else ''}"
    if bare:
        props = {"aria_label": text, "title": text, **props}
    with Tag("button", "", classes, type_="button", **props) as made:
        if drawn:
            icon(drawn)
        if not bare:
            span(text)
    if work is not None:
        made.on("click", lambda _: work())
    if js is not None:
        made.on("click", js_handler=js)
    return made


def link(text: str, to: str, classes: str = "", **props: Any) -> Tag:
    """A link to a page of the studio, or to a block explorer that the operator named."""
    return Tag("a", text, classes, href=to, **props)


def facts(found: dict[str, str | None]) -> None:
    """Names and values; what is None is left out."""
    with Tag("dl", classes="facts"):
        for name, value in found.items():
            if value is not None:
                Tag("dt", name)
                Tag("dd", value)


def card(title: str = "", **props: Any) -> tuple[Tag, Tag]:
    """A card with a heading: its header, and where its content goes."""
    with Tag("section", "", "card", aria_label=title or None, **props):
        with Tag("header") as header:
            Tag("h2", title, "stretch")
        inside = div("inside")
    return header, inside
