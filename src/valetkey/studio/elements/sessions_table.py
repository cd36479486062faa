"""The table of sessions. The browser draws it out of rows, so that a change of one figure sends no page."""

from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class SessionsTable(Element, component="sessions_table.js"):
    """Rows as `words/rows.py` makes them.

    `act` is called with the name of an action and the id of a session, `sort` with an order, `choose` with ids and
    whether they are chosen from now on.
    """

    def __init__(
        self,
        *,
        columns: list[list[str]],
        act: Callable[[str, str], Any],
        sort: Callable[[str], Any],
        choose: Callable[[list[str], bool], Any],
    ) -> None:
        super().__init__()
        self._props.update({"rows": [], "columns": columns, "sort": "newest", "chosen": []})
        self.on("act", lambda event: act(*_texts(event, 2)))
        self.on("sort", lambda event: sort(*_texts(event, 1)))
        self.on("choose", lambda event: choose(*_ticked(event)))

    def show(self, **props: Any) -> None:
        """Other rows, columns, order or choice; the browser is told what changed."""
        changed = {name: value for name, value in props.items() if self._props.get(name) != value}
        if changed:
            self._props.update(changed)
            self.update()


def _texts(event: GenericEventArguments, count: int) -> list[str]:
    """What a browser sent, as texts: it may send anything."""
    found = event.args if isinstance(event.args, list) else [event.args]
    return [str(one) for one in found[:count]] + [""] * (count - len(found[:count]))


def _ticked(event: GenericEventArguments) -> tuple[list[str], bool]:
    found = event.args if isinstance(event.args, list) and len(event.args) == 2 else [[], False]
    ids = found[0] if isinstance(found[0], list) else []
    return [str(one) for one in ids], found[1] is True
