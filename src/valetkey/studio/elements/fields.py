"""Fields of a filter: each has the name of what it sets, and follows what is seen."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from nicegui.element import Element

from valetkey.studio.elements.html import Tag, button, span

Set = Callable[[str, str], Any]
WAIT_MILLISECONDS = 350
"""Who is typing is waited for."""


class Follows(Protocol):
    """One of them."""

    def follow(self, seen: object) -> None:
        """Show what is seen now."""


class Field(Element, component="field.js"):
    """A text, or one of several choices; the browser keeps it while somebody types."""

    def __init__(
        self, name: str, changed: Set, *, hint: str = "", choices: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._name = name
        listed = None if choices is None else [[key, words] for key, words in choices.items()]
        self._props.update(
            {"name": name, "hint": hint, "choices": listed, "value": "", "wait": WAIT_MILLISECONDS}
        )
        self.on("set", lambda event: self._hear(str(event.args), changed))

    def follow(self, seen: object) -> None:
        """Show what is seen now."""
        value = str(getattr(seen, self._name) or "")
        if self._props["value"].strip() != value:
            self._props["value"] = value
            self.update()

    def _hear(self, value: str, changed: Set) -> Any:
        self._props["value"] = value
        return changed(self._name, value)


def search_field(words: str, name: str, hint: str, changed: Set) -> Follows:
    """A text; what was typed is told a moment after the last key."""
    with Tag("label", "", "field"):
        span(words, "field-name")
        return Field(name, changed, hint=hint)


def select_field(
    words: str, name: str, choices: Mapping[str, str], changed: Set, *, beside: bool = False
) -> Follows:
    """One of several."""
    with Tag("label", "", "field" + (" beside" if beside else "")):
        span(words, "field-name")
        return Field(name, changed, choices=choices)


class _Choice:
    def __init__(self, name: str, buttons: Mapping[str, Tag]) -> None:
        self._name, self._buttons = name, buttons

    def follow(self, seen: object) -> None:
        chosen = str(getattr(seen, self._name))
        for value, tag in self._buttons.items():
            tag.tell(aria_pressed="true" if value == chosen else "false")


def choice(name: str, choices: Mapping[str, str], changed: Set) -> Follows:
    """One of a few, as buttons beside each other."""
    made = {value: button(text, partial(changed, name, value)) for value, text in choices.items()}
    return _Choice(name, made)
