"""A session that is being thought of: what was typed, and how far its making came. No secret is ever in it."""

import secrets
from typing import NamedTuple

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.studio.wizard import currencies
from valetkey.studio.wizard.templates import FIRST, TEMPLATES, Template

TEXT_CHARS_MAX = 20_000
"""Of one field: a long list of payees fits."""


class Step(NamedTuple):
    """One page of the form, and the fields on it."""

    name: str
    title: str
    fields: tuple[str, ...]


STEPS = (
    Step("what", "Purpose", ("template", "label", "agent", "chain", "sole")),
    Step(
        "limits",
        "Limits",
        (
            *("budget", "purchases", "daily", "unlimited"),
            *("per_spend", "approval_above", "spends_max", "refunds"),
            *("window1_amount", "window1_count", "window1_unit"),
            *("window2_amount", "window2_count", "window2_unit"),
            "more_windows",
            *currencies.FIELDS,
            *("life_count", "life_unit", "begins"),
        ),
    ),
    Step(
        "where",
        "Where",
        ("does", "does_more", "services", "services_more", "tokens", "payees", "contracts", "routers"),
    ),
    Step("money", "Money", ("funding", "amount", "signing", "handing", "recipients", "code")),
    Step("review", "Review", ()),
)
PLACES = {step.name: place for place, step in enumerate(STEPS)}
STEP_OF = {name: step.name for step in STEPS for name in step.fields}

DEFAULTS = {
    "template": FIRST,
    "life_unit": "hours",
    "window1_unit": "hours",
    "window2_unit": "days",
    "does": "purchase\npayment\nx402",
    "funding": "grant",
    "signing": "operator",
    "handing": "sealed",
    **TEMPLATES[FIRST].fields,
}


class Draft(msgspec.Struct, kw_only=True):
    """One of them. `owner` is a digest of the owner's key; `key` the idempotency key of its making.

    `fields` are texts as they were typed, several of one name as lines. `fixed_at`: unix seconds from which its life is
    counted, once its making began. `done`: the steps of the making that are done, with what is told of each.
    `asked`: what a wallet of a browser was asked to send and is not known to have sent. `handed`: nothing is shown
    any more.
    """

    id: str
    owner: str
    key: str
    made_at: int
    zone: str = "UTC"
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    fixed_at: int | None = None
    session_id: str = ""
    done: dict[str, str] = msgspec.field(default_factory=dict)
    asked: dict[str, str] = msgspec.field(default_factory=dict)
    handed: bool = False

    @classmethod
    def new(cls, owner: str, now: int, zone: str = "UTC") -> "Draft":
        """An empty one, with what most people want."""
        return cls(
            id=secrets.token_urlsafe(12),
            owner=owner,
            key=f"studio-{secrets.token_hex(16)}",
            made_at=now,
            zone=zone,
            fields=dict(DEFAULTS),
        )

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def lines(self, name: str) -> list[str]:
        """The lines of a field that say something."""
        return [one.strip() for one in self.fields.get(name, "").splitlines() if one.strip()]

    @property
    def template(self) -> Template:
        """What it is for."""
        return TEMPLATES.get(self["template"], TEMPLATES[FIRST])

    @property
    def is_begun(self) -> bool:
        """Whether its making began: what it says is not changed any more."""
        return self.fixed_at is not None

    def fill(self, step: str, given: dict[str, str]) -> bool:
        """Take over what was typed on a page; whether that changed anything. Another template brings its own amounts.

        Fields of other pages are nobody's business here. A box that is not ticked is not among what is given.
        """
        if self.is_begun:
            return False
        before = dict(self.fields)
        for name in STEPS[PLACES[step]].fields:
            self.fields[name] = given.get(name, "")[:TEXT_CHARS_MAX]
        if self.fields.get("template") not in TEMPLATES:
            self.fields["template"] = before.get("template", FIRST)
        if step == "what" and self.fields["template"] != before.get("template"):
            self.fields.update(self.template.fields)
        return self.fields != before

    def reopen(self) -> None:
        """After a making that made nothing: it may be changed, and is another session."""
        self.fixed_at, self.done, self.asked = None, {}, {}
        self.key = f"studio-{secrets.token_hex(16)}"


class FieldError(InvalidInput):
    """Something on a page cannot be meant. `field` is the form's name for it."""
