"""JSON schemas of what tools take and give: the words that they are made of. All of them are closed."""

from typing import Any

Schema = dict[str, Any]

AGAIN_MAX = 1_000_000

AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,20})(\.[0-9]{1,18})?$"
ID_PATTERN = r"^[A-Za-z0-9_.:-]{1,200}$"
ADDRESS_PATTERN = r"^(0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})$"
TOKEN_PATTERN = r"^(0x[0-9a-fA-F]{40}|[A-Za-z0-9]{1,44})$"  # noqa: S105 - a currency
OPERATION_PATTERN = r"^[a-z][a-z0-9_.-]{0,63}$"
URL_PATTERN = r"^https?://[!-~]{1,2000}$"
HEADER_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"


def _told(schema: Schema, told: str) -> Schema:
    return {**schema, "description": told} if told else schema


def closed(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """An object with these members and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema


def text(told: str = "", *, most: int = 1_000, least: int = 0, pattern: str | None = None) -> Schema:
    """A text of a bounded length."""
    schema: Schema = {"type": "string", "maxLength": most}
    if least:
        schema["minLength"] = least
    if pattern is not None:
        schema["pattern"] = pattern
    return _told(schema, told)


def amount(told: str) -> Schema:
    """An amount of money. A number of JSON would have been rounded on its way."""
    return text(
        f'{told} A decimal string such as "2.50", never a number.', most=40, least=1, pattern=AMOUNT_PATTERN
    )


def identifier(told: str) -> Schema:
    """An id that another tool answered."""
    return text(told, most=200, least=1, pattern=ID_PATTERN)


def address(told: str) -> Schema:
    """An address of a chain."""
    return text(told, most=44, least=32, pattern=ADDRESS_PATTERN)


def number(told: str, least: int, most: int) -> Schema:
    """A whole number."""
    return _told({"type": "integer", "minimum": least, "maximum": most}, told)


def choice(told: str, *values: str) -> Schema:
    """One of a few words."""
    return _told({"type": "string", "enum": list(values)}, told)


def flag(told: str) -> Schema:
    """Yes or no."""
    return _told({"type": "boolean"}, told)


def several(items: Schema, told: str = "", *, most: int) -> Schema:
    """A list of a bounded length."""
    return _told({"type": "array", "items": items, "maxItems": most}, told)


def anything(told: str) -> Schema:
    """Any JSON value."""
    return _told({}, told)


def or_null(schema: Schema) -> Schema:
    """As a schema says, or null."""
    return {**schema, "type": [schema["type"], "null"]}


AGAIN = number(
    "Leave it out. The same call pays once, however often it is made: a retry is safe. Only when the user wants the"
    " very same payment another time, count it: 1 for the second, 2 for the third.",
    0,
    AGAIN_MAX,
)

# What is answered. Amounts are decimal strings, times ISO-8601.

STRING: Schema = {"type": "string"}
MAYBE: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer"}
YES: Schema = {"type": "boolean"}


def answer(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """What a tool gives: these members, of which those that are named are always there."""
    return closed(required, **properties)


def listed(items: Schema) -> Schema:
    """A list in an answer."""
    return {"type": "array", "items": items}


NEXT_REFUSAL = answer(
    (),
    most={**MAYBE, "description": "what one spend may be at most now, USDC; null: no rule about amounts"},
    without_approval={**MAYBE, "description": "what passes without the owner's approval; null: any amount"},
    code=MAYBE,
    rule=MAYBE,
    message=MAYBE,
    hint=MAYBE,
    resets_at=MAYBE,
    of_session=MAYBE,
)

STATE = {
    "type": "string",
    "enum": ["paid", "unknown"],
    "description": "paid: the chain shows it. unknown: it may have been paid, and its money stays off the budget",
}
