"""What a viewer of the inventory looks at: filters, order, page, columns. All of it is in the URL, to be kept there."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self
from urllib.parse import urlencode

from valetkey.core.money import CURRENCY_DECIMALS

STATUSES = ("active", "pending", "paused", "exhausted", "expired", "revoked")
SORTS = ("newest", "oldest", "expiry", "label", "remaining")
ASSETS = tuple(sorted(CURRENCY_DECIMALS))
SIZES = (25, 50, 100)
TEXT_CHARS_MAX = 200
OFFSET_MAX = 1_000_000

COLUMNS = {
    "agent": "Agent",
    "chain": "Chain",
    "left": "Left of budget",
    "windows": "Windows",
    "ends": "Ends",
    "parent": "Made out of",
    "unknown": "Unknown",
    "refusals": "Refused, 1 h",
}
"""Columns that may be chosen, in their order. Status and label are always there."""

VIEWS = {
    "Needs attention": "attention=1",
    "Ends first": "status=active&sort=expiry",
    "Least left": "status=active&sort=remaining",
}
"""Views that everybody has, as they stand in a URL."""

USUAL = tuple(one for one in COLUMNS if one != "parent")


@dataclass(frozen=True, slots=True)
class Sight:
    """Empty is any. `find` is a part of a label or an agent, how an id or a wallet begins, or a key's hash; `label` a
    part of one; `agent` exact; `attention` is "1" for what needs a look; `asset` a currency that there are
    limits for; `page` counts from 1.
    """

    find: str = ""
    label: str = ""
    agent: str = ""
    status: str = ""
    parent: str = ""
    asset: str = ""
    chain: int = 0
    attention: str = ""
    sort: str = "newest"
    size: int = SIZES[0]
    page: int = 1
    columns: tuple[str, ...] = USUAL

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """As a URL says; what it says wrongly is as if it were not there."""
        numbers = {name: _number(query.get(name, "")) for name in ("chain", "size", "page")}
        size = numbers["size"] if numbers["size"] in SIZES else SIZES[0]
        told = query.get("columns")
        chosen = USUAL if told is None else tuple(one for one in COLUMNS if one in told.split(","))
        return cls(
            find=query.get("find", "")[:TEXT_CHARS_MAX],
            label=query.get("label", "")[:TEXT_CHARS_MAX],
            agent=query.get("agent", "")[:TEXT_CHARS_MAX],
            status=query.get("status", "") if query.get("status") in STATUSES else "",
            parent=query.get("parent", "")[:TEXT_CHARS_MAX],
            asset=query.get("asset", "") if query.get("asset") in ASSETS else "",
            chain=numbers["chain"],
            attention="1" if query.get("attention") == "1" else "",
            sort=query.get("sort", "") if query.get("sort") in SORTS else "newest",
            size=size,
            page=max(1, min(numbers["page"], OFFSET_MAX // size)),
            columns=chosen,
        )

    def but(self, **changed: Any) -> Self:
        """Another sight; one that shows other sessions begins with their first page."""
        return replace(self, **({"page": 1} if not changed.keys() <= {"columns"} else {}) | changed)

    def query(self) -> str:
        """As it stands in a URL, empty for the usual one."""
        usual, told = type(self)(), {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value != getattr(usual, one.name):
                told[one.name] = ",".join(value) if isinstance(value, tuple) else str(value)
        return urlencode(told)

    @property
    def is_narrow(self) -> bool:
        """Whether any filter is set."""
        return bool(
            self.find
            or self.label
            or self.agent
            or self.status
            or self.parent
            or self.asset
            or self.chain
            or self.attention
        )

    def asked(self) -> dict[str, Any]:
        """The filters as the SDK takes them, without `find`."""
        found = {
            "label_contains": self.label or None,
            "currency": self.asset or None,
            "delegate": self.agent or None,
            "status": self.status or None,
            "parent": self.parent or None,
            "chain": self.chain or None,
            "attention": bool(self.attention),
        }
        return found | {"sort": self.sort, "limit": self.size, "offset": (self.page - 1) * self.size}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
