"""Fields of a filter: each has the name of what it sets, and follows what is seen."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from valetkey.studio.elements.html import Tag, button, span

Set = Callable[[str, str], Any]
TYPED = "(event) => emit(event.target.value)"
WAIT_SECONDS = 0.35
"""Who is typing is waited for."""


class Field(Protocol):
    """One of them."""

    def follow(self, seen: object) -> None:
        """Show what is seen now."""


class _Input:
    def __init__(self, name: str, tag: Tag) -> None:
        self._name, self._tag = name, tag
        self._value: str | None = None

    def heard(self, value: str) -> str:
        """What the browser holds by itself, and need not be told."""
        self._value = value
        return value

    def follow(self, seen: object) -> None:
        value = str(getattr(seen, self._name) or "")
        if value != (self._value or "").strip() or self._value is None:
            self._value = value
            self._tag.tell(value=value)


def search_field(words: str, name: str, hint: str, changed: Set) -> Field:
    """A text; what was typed is told a moment after the last key."""
    with Tag("label", "", "field"):
        span(words, "field-name")
        tag = Tag("input", "", "input", type_="search", placeholder=hint, autocomplete="off", maxlength="200")
        tag.tell(name=name)
    field = _Input(name, tag)
    tag.on(
        "input",
        lambda event: changed(name, field.heard(str(event.args))),
        js_handler=f"""(event) => {{
            clearTimeout(event.target.waiting);
            event.target.waiting = setTimeout(() => emit(event.target.value), {int(WAIT_SECONDS * 1000)});
        }}""",
    )
    return field


def select_field(
    words: str, name: str, choices: Mapping[str, str], changed: Set, *, beside: bool = False
) -> Field:
    """One of several."""
    with Tag("label", "", "field" + (" beside" if beside else "")):
        span(words, "field-name")
        with Tag("select", "", "input", name=name) as tag:
            for value, text in choices.items():
                Tag("option", text, value=value)
    field = _Input(name, tag)
    tag.on("change", lambda event: changed(name, field.heard(str(event.args))), js_handler=TYPED)
    return field


class _Choice:
    def __init__(self, name: str, buttons: Mapping[str, Tag]) -> None:
        self._name, self._buttons = name, buttons

    def follow(self, seen: object) -> None:
        chosen = str(getattr(seen, self._name))
        for value, tag in self._buttons.items():
            tag.tell(aria_pressed="true" if value == chosen else "false")


def choice(name: str, choices: Mapping[str, str], changed: Set) -> Field:
    """One of a few, as buttons beside each other."""
    made = {value: button(text, partial(changed, name, value)) for value, text in choices.items()}
    return _Choice(name, made)
