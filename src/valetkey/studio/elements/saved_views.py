"""Views of the inventory by name: some that everybody has, and a viewer's own, which its browser keeps."""

from collections.abc import Mapping

from nicegui.element import Element


class SavedViews(Element, component="saved_views.js"):
    """A menu of links. `built_in` are queries by their names. An owner's own views are kept apart from another one's,
    in this browser alone: they are addresses, and no more is done with them than to go there.
    """

    def __init__(self, owner: str, built_in: Mapping[str, str]) -> None:
        super().__init__()
        self._props.update({"owner": owner, "known": [list(one) for one in built_in.items()]})
