"""The place of a secret on a page. The secret itself is in no element, so that no message to a page carries it."""

from collections.abc import Callable
from typing import Any

from nicegui.element import Element


class ShownOnce(Element, component="shown_once.js"):
    """`address`: as `once.offer` answers it. It is fetched when this is on the page; what was fetched is `#secret`.

    `refused` is called with the words of why it is not there.
    """

    def __init__(self, address: str, words: str, *, rows: int, refused: Callable[[str], Any]) -> None:
        super().__init__()
        self._props.update({"address": address, "words": words, "rows": rows})
        self.on("refused", lambda event: refused(str(event.args)[:300]))
