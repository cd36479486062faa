"""Forms that people fill in: each field has its words, hint and complaint tied to it, and keeps what was typed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from valetkey.studio.elements.html import Tag, div, paragraph, span

Values = dict[str, str]
SAVE_SECONDS = 0.15

SUBMITTED = "(event) => { event.preventDefault(); emit([...new FormData(event.currentTarget)]); }"
TYPED = "(event) => emit([...new FormData(event.currentTarget)])"


class Form:
    """One form. `values` are what its fields hold at first; a field of several values has them as lines.

    A typed value is the browser's: nothing that changes around a field puts back what was there before, which is why
    fields are given their `defaultValue`.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._complaints: dict[str, Tag] = {}
        self._fields: dict[str, list[Tag]] = {}
        self._hints: dict[str, str] = {}
        self._alert: Tag | None = None

    @contextmanager
    def open(self, *, submit: Callable[[Values], Any], typed: Callable[[Values], Any]) -> Iterator[None]:
        """The form; what is made inside is in it. `typed` is told what it holds while somebody types."""
        with Tag("form", "", "form", novalidate="", autocomplete="off") as form:
            self._alert = div("callout bad", role="alert", hidden="", id="form-alert", tabindex="-1")
            yield
        form.on("submit", lambda event: submit(values_of(event.args)), js_handler=SUBMITTED)
        form.on("input", lambda event: typed(values_of(event.args)), js_handler=TYPED, throttle=SAVE_SECONDS)

    def complain(self, text: str, field: str | None) -> None:
        """Say what is wrong, at its field where it has one, and bring the keyboard there."""
        self.be_quiet()
        assert self._alert is not None
        at = field if field in self._complaints else None
        self._alert.tell(hidden=None)
        self._alert.say(f"{text[:1].upper()}{text[1:]}." if at is None else "One field needs another look.")
        place = "form-alert"
        if at is not None:
            self._complaints[at].say(f"{text[:1].upper()}{text[1:]}.")
            self._complaints[at].tell(hidden=None)
            for tag in self._fields[at]:
                tag.tell(aria_invalid="true")
            place = str(self._fields[at][0].props["id"])
        focus(place)

    def holds(self, name: str, value: str) -> bool:
        """Whether a field begins with a value."""
        return self._values.get(name) == value

    def be_quiet(self) -> None:
        """No complaints."""
        if self._alert is not None:
            self._alert.tell(hidden="")
        for name, tag in self._complaints.items():
            tag.tell(hidden="")
            for field in self._fields[name]:
                field.tell(aria_invalid=None)

    # Fields

    def text(self, name: str, words: str, hint: str = "", *, type_: str = "text", **props: Any) -> None:
        """A line of text."""
        with div("field"):
            Tag("label", words, "field-name", for_=f"f-{name}")
            self._hint(name, hint)
            tag = Tag("input", "", "input", type_=type_, defaultValue=self._values.get(name, ""))
            self._named(tag, name, **props)
            self._complaint(name, tag)

    def area(self, name: str, words: str, hint: str = "", *, rows: int = 3, **props: Any) -> None:
        """Several lines of text."""
        with div("field"):
            Tag("label", words, "field-name", for_=f"f-{name}")
            self._hint(name, hint)
            tag = Tag("textarea", "", "input area", rows=rows, defaultValue=self._values.get(name, ""))
            self._named(tag, name, spellcheck="false", **props)
            self._complaint(name, tag)

    def select(self, name: str, words: str, choices: Mapping[str, str], hint: str = "", **props: Any) -> None:
        """One of several, in a list that opens."""
        with div("field"):
            Tag("label", words, "field-name", for_=f"f-{name}")
            self._hint(name, hint)
            self._complaint(name, self._options(name, choices, **props))

    def length(self, words: str, count: str, unit: str, units: Mapping[str, str], hint: str = "") -> None:
        """A number of units of time, beside each other."""
        with div("field"):
            Tag("label", words, "field-name", for_=f"f-{count}")
            self._hint(count, hint)
            with div("beside"):
                tag = Tag("input", "", "input short", inputmode="numeric")
                tag.tell(defaultValue=self._values.get(count, ""))
                self._named(tag, count)
                self._options(unit, units, aria_label=f"Unit of {words.lower()}")
            self._complaint(count, tag)

    def window(self, number: int, units: Mapping[str, str]) -> None:
        """An amount in any interval of a length."""
        name = f"window{number}"
        with div("field"):
            words = "At most, in any length of time" if number == 1 else "And at most"
            Tag("label", words, "field-name", for_=f"f-{name}_amount")
            with div("beside"):
                tag = Tag("input", "", "input", inputmode="decimal", placeholder="none")
                tag.tell(defaultValue=self._values.get(f"{name}_amount", ""))
                self._named(tag, f"{name}_amount")
                span("USDC in any", "quiet nowrap")
                count = Tag("input", "", "input short", inputmode="numeric", placeholder="1")
                count.tell(
                    defaultValue=self._values.get(f"{name}_count", ""), aria_label=f"Length of limit {number}"
                )
                self._named(count, f"{name}_count")
                self._options(f"{name}_unit", units, aria_label=f"Unit of limit {number}")
            self._complaint(f"{name}_amount", tag)
            self._complaint(f"{name}_count", count)

    @contextmanager
    def group(self, words: str) -> Iterator[None]:
        """Fields that are about one thing, under its name."""
        with Tag("fieldset", "", "field group"):
            Tag("legend", words, "unseen")
            with div("pair"):
                yield

    def choose(self, name: str, words: str, choices: Mapping[str, tuple[str, str]], hint: str = "") -> None:
        """One of a few: each a title and what it means."""
        self._boxes(name, words, choices, hint, "radio", {self._values.get(name, "")})

    def ticks(self, name: str, words: str, choices: Mapping[str, tuple[str, str]], hint: str = "") -> None:
        """Any of a few."""
        self._boxes(name, words, choices, hint, "checkbox", set(self._values.get(name, "").splitlines()))

    def tick(self, name: str, words: str) -> None:
        """Yes or no."""
        with Tag("label", "", "check"):
            tag = Tag("input", "", type_="checkbox", value="on", checked=bool(self._values.get(name)) or None)
            self._named(tag, name)
            span(words)
        self._complaint(name, tag)

    # Inside

    def _boxes(
        self,
        name: str,
        words: str,
        choices: Mapping[str, tuple[str, str]],
        hint: str,
        type_: str,
        chosen: set[str],
    ) -> None:
        with Tag("fieldset", "", "field boxes"):
            Tag("legend", words, "field-name")
            self._hint(name, hint)
            tags = []
            for place, (value, (title, tells)) in enumerate(choices.items()):
                with Tag("label", "", "box"):
                    tag = Tag("input", "", type_=type_, value=value, checked=value in chosen or None)
                    self._named(tag, name, id=f"f-{name}" if place == 0 else f"f-{name}-{place}")
                    tags.append(tag)
                    with span("", "box-words"):
                        span(title, "strong")
                        if tells:
                            span(tells, "quiet small")
            self._complaint(name, *tags)

    def _options(self, name: str, choices: Mapping[str, str], **props: Any) -> Tag:
        with Tag("select", "", "input") as tag:
            for value, text in choices.items():
                Tag("option", text, value=value, selected=self._values.get(name) == value or None)
        self._named(tag, name, **props)
        return tag

    def _hint(self, name: str, hint: str) -> None:
        if hint:
            paragraph(hint, "hint", id=f"h-{name}")
            self._hints[name] = f"h-{name}"

    def _named(self, tag: Tag, name: str, **props: Any) -> None:
        described = " ".join((*([self._hints[name]] if name in self._hints else []), f"e-{name}"))
        tag.tell(**{"name": name, "id": f"f-{name}", "aria_describedby": described, **props})

    def _complaint(self, name: str, *tags: Tag) -> None:
        self._complaints[name] = paragraph("", "complaint", id=f"e-{name}", hidden="")
        self._fields[name] = list(tags)


def focus(element_id: str) -> None:
    """The keyboard goes on there; `element_id` is one of ours."""
    ui.run_javascript(f"valetkeyFocus({element_id!r})")


def values_of(pairs: Any) -> Values:
    """What a form holds, several values of one name as lines. What is no form holds nothing."""
    found: Values = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair):
            name, value = pair
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found
