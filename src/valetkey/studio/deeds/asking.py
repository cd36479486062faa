"""What the forms of deeds share: amounts and choices as they were typed, and complaints about them at their fields."""

from collections.abc import Mapping
from decimal import Decimal

from valetkey.core.errors import InvalidInput
from valetkey.core.money import to_decimal
from valetkey.sdk.amounts import usdc_units
from valetkey.studio.deeds.facts import Facts
from valetkey.studio.words.amounts import short_address

Fields = Mapping[str, str]

LIVES = {
    "": "As it is",
    "3600": "1 hour from now",
    "14400": "4 hours from now",
    "86400": "1 day from now",
    "604800": "7 days from now",
    "2592000": "30 days from now",
}


def signers(facts: Facts) -> dict[str, tuple[str, str]]:
    """Who may sign for the owner's wallet, the first one first."""
    found = {}
    if facts.operator:
        found["operator"] = ("The operator's key", f"{short_address(facts.operator)}, on this machine.")
    owner = short_address(facts.view.owner_wallet)
    found["browser"] = ("The wallet in this browser", f"It has to be {owner}.")
    return found


def signer_of(fields: Fields, facts: Facts) -> str:
    """The one that was chosen. Raises InvalidInput."""
    chosen = fields.get("signing", "")
    if chosen not in signers(facts):
        raise InvalidInput("choose who signs", field="signing")
    return chosen


def amount_of(fields: Fields, name: str) -> Decimal | None:
    """An amount of USDC, None where nothing was typed. Raises InvalidInput with the field's name."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    problem = ""
    try:
        return to_decimal(usdc_units(text), 6)
    except InvalidInput as error:
        problem = str(error)
    raise InvalidInput(problem, field=name)


def seconds_of(fields: Fields, name: str, choices: Mapping[str, str] = LIVES) -> int | None:
    """One of the lengths of time that are offered, None for as it is. Raises InvalidInput."""
    text = fields.get(name, "")
    if text not in choices:
        raise InvalidInput("choose one of these", field=name)
    return int(text) if text else None


def count_of(fields: Fields, name: str) -> int | None:
    """A whole number, None where nothing was typed. Raises InvalidInput."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise InvalidInput("write a whole number", field=name)
    return int(text)


def lines_of(fields: Fields, name: str) -> list[str]:
    """The lines of a field that say something."""
    return [one.strip() for one in fields.get(name, "").splitlines() if one.strip()]
