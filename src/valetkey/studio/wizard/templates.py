"""What people make sessions for: each has a length of life and the amounts it is about; all of it may be changed."""

from dataclasses import dataclass, field

HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One purpose. `amount`: the field that its limit comes from, and what people call that.

    `fields`: what is filled in when it is chosen, by the names of the draft's fields. `of_the_day`: it ends with the
    day. `unlimits`: it may have no budget at all. `sells`: it delivers, and spends nothing.
    """

    name: str
    title: str
    tells: str
    amount: str
    amount_title: str
    amount_hint: str
    fields: dict[str, str] = field(default_factory=dict)
    of_the_day: bool = False
    unlimits: bool = False
    sells: bool = False


def _life(seconds: int) -> dict[str, str]:
    """A length of life as the form has it."""
    return {"life_count": str(seconds // HOUR), "life_unit": "hours"}


TEMPLATES = {
    one.name: one
    for one in (
        Template(
            name="once",
            title="One-off task",
            tells="One purchase at its exact price, within an hour.",
            amount="budget",
            amount_title="Exact price",
            amount_hint="USDC, fees included. It is the whole budget, and the most that one spend may be.",
            fields=_life(HOUR),
        ),
        Template(
            name="several",
            title="Multi-task",
            tells="A few purchases that you expect, within four hours.",
            amount="purchases",
            amount_title="Expected purchases",
            amount_hint="USDC, fees included, such as 2.50, 3 x 0.75. Their sum is the budget.",
            fields=_life(4 * HOUR),
        ),
        Template(
            name="long",
            title="Long-running",
            tells="A day of work, with a cap for any 24 hours.",
            amount="daily",
            amount_title="Daily cap",
            amount_hint="USDC in any 24 hours.",
            fields=_life(DAY),
            unlimits=True,
        ),
        Template(
            name="daily",
            title="Daily budget",
            tells="A new budget for today: it ends with the day, and is the only one of its label.",
            amount="budget",
            amount_title="Budget of today",
            amount_hint="USDC until midnight, your time.",
            fields=_life(DAY),
            of_the_day=True,
        ),
        Template(
            name="chain",
            title="Per chain",
            tells="A key and a limit for one chain; make another one for each further chain.",
            amount="budget",
            amount_title="Budget on this chain",
            amount_hint="USDC, fees included.",
            fields=_life(DAY),
            unlimits=True,
        ),
        Template(
            name="seller",
            title="Seller",
            tells="Delivers in your name and spends nothing; proceeds go to your own wallet.",
            amount="",
            amount_title="",
            amount_hint="",
            fields={**_life(DAY), "funding": "wallet"},
            sells=True,
        ),
    )
}
FIRST = "once"
