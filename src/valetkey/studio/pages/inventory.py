"""The inventory: every session of the owner, found, looked at and stopped. What is seen is in the URL."""

from typing import Any

from nicegui import ui

from valetkey.core.audit import Kind
from valetkey.studio.actions import act, revoke_many
from valetkey.studio.elements.fields import choice, search_field, select_field
from valetkey.studio.elements.html import Tag, button, div, icon, link, paragraph, span
from valetkey.studio.elements.saved_views import SavedViews
from valetkey.studio.elements.sessions_table import SessionsTable
from valetkey.studio.finding import found
from valetkey.studio.page import Page
from valetkey.studio.shell import frame
from valetkey.studio.sight import ASSETS, COLUMNS, SIZES, STATUSES, VIEWS, Sight
from valetkey.studio.words.chains import title_of
from valetkey.studio.words.rows import row_of
from valetkey.wire.audit import Event
from valetkey.wire.network import NetworkView

MORE = "(event) => event.currentTarget.closest('.filters').classList.toggle('open')"
"""On phones most filters are out of sight until they are asked for."""

SPENDS = {
    kind.value
    for kind in (
        *(Kind.HOLD_PLACED, Kind.HOLD_REFUSED, Kind.CAPTURED, Kind.VOIDED, Kind.EXPIRED, Kind.REFUNDED),
        *(Kind.MARKED_UNKNOWN, Kind.EXECUTED, Kind.SETTLE_REFUSED, Kind.APPROVAL_ASKED, Kind.OBSERVED),
    )
}
"""What concerns only the tree that it happened in. Everything else may bring sessions in, or take them out."""


async def show(page: Page) -> None:
    """The page."""
    inventory = Inventory(page, Sight.of(page.request.query_params))
    networks = await page.doing(page.owner.networks())
    with frame(page, "Sessions", "/sessions"):
        inventory.build(networks or {})
    await page.doing(inventory.load())
    page.follow(inventory.load, inventory.concerns)


class Inventory:
    """What is on the page, and what its controls do."""

    def __init__(self, page: Page, sight: Sight) -> None:
        self._page, self._sight = page, sight
        self._networks: dict[int, NetworkView] = {}
        self._names: dict[str, str] = {}
        self._trees: set[str] = set()
        self._chosen: list[str] = []
        self._bulk_of: list[str] = []
        self._total = 0
        self._turn = 0

    def build(self, networks: dict[int, NetworkView]) -> None:
        """Make everything, without rows yet."""
        self._networks = networks
        with div("page-head"):
            with div("stretch"):
                Tag("h1", "Sessions")
                self._count = paragraph("", "quiet", role="status")
            SavedViews(self._page.owner.wallet, VIEWS)
            self._columns_menu()
            with Tag("a", "", "button primary hide-small", href="/new"):
                icon("new")
                span("New session")
        with Tag("section", "", "card", aria_label="Sessions"):
            self._filters()
            self._bulk = div("bulk", hidden="")
            self._table = SessionsTable(
                columns=self._shown_columns(), act=self._act, sort=self._sort, choose=self._tick
            )
            self._empty = paragraph("", "empty", hidden="")
            self._first = div("empty", hidden="")
            with self._first:
                link("Make the first one", "/new", "button primary")
            self._pager()

    async def load(self) -> None:
        """Ask for what is seen, and show it. An answer that was overtaken by another one is dropped."""
        self._turn += 1
        turn, sight, owner = self._turn, self._sight, self._page.owner
        page = await found(owner, sight)
        if turn != self._turn or self._page.client.is_deleted:
            return
        if not page.sessions and page.total and sight.page > 1:
            self._see(sight.but(page=-(-page.total // sight.size)))
            return
        self._total = page.total
        self._names = {one.session_id: one.label or one.session_id for one in page.sessions}
        self._trees = {one.tree_id for one in page.sessions}
        rows = [row_of(one, self._networks, may_change=self._page.may_change) for one in page.sessions]
        self._chosen = [one for one in self._chosen if one in self._names]
        self._table.show(rows=rows, sort=sight.sort, chosen=list(self._chosen), columns=self._shown_columns())
        self._tell(len(rows))

    def concerns(self, event: Event) -> bool:
        """Whether an event may change what is seen."""
        return event.kind not in SPENDS or event.chain in self._trees or event.session in self._names

    # What is seen

    def _see(self, sight: Sight) -> None:
        self._sight = sight
        query = sight.query()
        ui.navigate.history.replace(f"/sessions?{query}" if query else "/sessions")
        for field in self._fields:
            field.follow(sight)
        self._page.begin(self._loaded())

    async def _loaded(self) -> None:
        await self._page.doing(self.load())

    def _tell(self, count: int) -> None:
        sight = self._sight
        first = (sight.page - 1) * sight.size + 1
        many = "session" if self._total == 1 else "sessions"
        self._count.say(f"{self._total:,} {many}{' found' if sight.is_narrow else ''}")
        self._range.say(f"{first:,}–{first + count - 1:,} of {self._total:,}" if count else "0 of 0")
        self._before.tell(disabled=True if sight.page == 1 else None)
        self._after.tell(disabled=True if first + count > self._total else None)
        nothing = "No session fits." if sight.is_narrow else "There are no sessions yet."
        self._empty.say("" if count else nothing)
        self._empty.tell(hidden=None if not count else "")
        self._first.tell(hidden=None if not count and not sight.is_narrow else "")
        self._clear.tell(hidden=None if sight.is_narrow else "")
        self._show_bulk()

    # Controls

    def _filters(self) -> None:
        chains = {str(one.chain_id): title_of(one.network) for one in self._networks.values()}
        with div("filters", role="search", aria_label="Filter sessions"):
            self._fields = [
                search_field("Find", "find", "Label, agent, id, wallet or key hash", self._filter)
            ]
            button("Filters", kind="more-filters", js=MORE)
            self._fields += [
                search_field("Label", "label", "A part of it", self._filter),
                search_field("Agent", "agent", "Exactly", self._filter),
                select_field("Chain", "chain", {"": "Every chain"} | chains, self._filter),
                select_field(
                    "Asset", "asset", {"": "Every asset"} | {one: one for one in ASSETS}, self._filter
                ),
                search_field("Made out of", "parent", "Session id", self._filter),
                select_field(
                    "Order",
                    "sort",
                    {
                        "newest": "Newest",
                        "oldest": "Oldest",
                        "expiry": "Ends first",
                        "label": "Label",
                        "remaining": "Least left",
                    },
                    self._filter,
                ),
            ]
        with div("choice", role="group", aria_label="Status"):
            self._fields.append(
                choice("status", {"": "All"} | {one: one.capitalize() for one in STATUSES}, self._filter)
            )
            div("stretch")
            self._clear = button("Clear filters", lambda: self._see(Sight(columns=self._sight.columns)))
        for field in self._fields:
            field.follow(self._sight)

    def _filter(self, name: str, value: str) -> None:
        text: Any = value.strip()
        if name == "chain":
            text = int(text) if text.isascii() and text.isdecimal() else 0
        changed = (
            Sight.of({name: str(text)}) if name in ("sort", "status", "chain", "size", "asset") else None
        )
        text = getattr(changed, name) if changed is not None else text[:200]
        if getattr(self._sight, name) != text:
            self._see(self._sight.but(**{name: text}))

    def _sort(self, order: str) -> None:
        self._filter("sort", order)

    def _columns_menu(self) -> None:
        with Tag("details", "", "columns-menu"):
            Tag("summary", "Columns", "button")
            with div("menu"):
                for key, words in COLUMNS.items():
                    with Tag("label", "", "check"):
                        box = Tag(
                            "input", type_="checkbox", checked=True if key in self._sight.columns else None
                        )
                        span(words)
                    box.on(
                        "change",
                        lambda event, key=key: self._column(key, bool(event.args)),
                        js_handler="(event) => emit(event.target.checked)",
                    )

    def _column(self, key: str, shown: bool) -> None:
        chosen = [
            one for one in COLUMNS if (one in self._sight.columns and one != key) or (one == key and shown)
        ]
        self._see(self._sight.but(columns=tuple(chosen)))

    def _shown_columns(self) -> list[list[str]]:
        return [[key, words] for key, words in COLUMNS.items() if key in self._sight.columns]

    def _pager(self) -> None:
        with Tag("nav", "", "pager", aria_label="Pages of the list"):
            self._range = span("", "quiet")
            div("stretch")
            self._fields.append(
                select_field("Rows", "size", {str(one): str(one) for one in SIZES}, self._filter, beside=True)
            )
            self._fields[-1].follow(self._sight)
            self._before = button(
                "Back", lambda: self._see(self._sight.but(page=max(1, self._sight.page - 1)))
            )
            self._after = button("Next", lambda: self._see(self._sight.but(page=self._sight.page + 1)))

    # Actions

    async def _act(self, action: str, session_id: str) -> None:
        if session_id in self._names and await act(self._page, action, session_id, self._names[session_id]):
            await self._loaded()

    def _tick(self, session_ids: list[str], is_on: bool) -> None:
        ticked = {one for one in session_ids if one in self._names}
        kept = [one for one in self._chosen if one not in ticked]
        self._choose([*kept, *(one for one in self._names if one in ticked)] if is_on else kept)

    def _choose(self, session_ids: list[str]) -> None:
        self._chosen = session_ids
        self._table.show(chosen=list(self._chosen))
        self._show_bulk()

    def _show_bulk(self) -> None:
        if self._bulk_of == self._chosen:
            return
        self._bulk_of = list(self._chosen)
        self._bulk.clear()
        self._bulk.tell(hidden=None if self._chosen else "")
        if not self._chosen:
            return
        with self._bulk:
            span(f"{len(self._chosen)} chosen", "strong", role="status")
            if self._page.may_change:
                button("Revoke", self._revoke_chosen, kind="danger", drawn="revoke")
            button("Clear", lambda: self._choose([]), kind="bare")

    async def _revoke_chosen(self) -> None:
        if await revoke_many(self._page, list(self._chosen)):
            self._chosen = []
            await self._loaded()
