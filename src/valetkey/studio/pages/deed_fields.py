"""The fields of what is done to one session."""

from collections.abc import Callable

from valetkey.studio.deeds.asking import LIVES, signers
from valetkey.studio.deeds.deed import FUND, GRANT, NARROW, RECLAIM, ROTATE
from valetkey.studio.deeds.facts import Facts
from valetkey.studio.deeds.handing_over import ways
from valetkey.studio.deeds.reclaiming import RELAYER, has_relayer
from valetkey.studio.deeds.rotating import GRACES
from valetkey.studio.elements.forms import Form
from valetkey.studio.elements.html import Tag, div, paragraph
from valetkey.studio.words.amounts import grouped, money
from valetkey.studio.words.rows import NAMELESS


def rotate(form: Form, facts: Facts) -> None:
    """Grace, what is carried over, other rules, who signs, how it is handed over."""
    view = facts.view
    form.select(
        "grace", "The old keys end", GRACES, "At once after a leak. Its agent needs a moment otherwise."
    )
    form.tick("carry", "What was spent counts on")
    if view.funding_mode != "grant" and view.proof is None:
        form.tick("moves", "Move what is in the old wallet to the new one")
    with _more("Other rules"):
        with div("pair"):
            form.text(
                "budget",
                "Budget in all (optional)",
                f"USDC; {money(view.budget_usdc)} now. A larger one raises the cap of its grant.",
                inputmode="decimal",
            )
            form.select("expiry", "Ends", LIVES)
        form.text("label", "Another label (optional)", f"{view.label or NAMELESS} now.", maxlength="200")
    _signing(form, facts)
    _handing(form, facts)


def narrow(form: Form, facts: Facts) -> None:
    """What it may less."""
    view = facts.view
    with div("pair"):
        form.text("label", "Label", "What you call the narrower one.", maxlength="200", required="")
        form.text("budget", "Budget in all", f"USDC; {money(view.budget_usdc)} here.", inputmode="decimal")
        form.text(
            "per_spend",
            "At most at once",
            f"USDC; {money(view.per_spend_usdc) if view.per_spend_usdc else 'no limit'} here.",
            inputmode="decimal",
        )
        form.select("expiry", "Ends", LIVES)
    with _more("More limits"):
        with div("pair"):
            form.text("daily", "At most in any 24 hours", "USDC.", inputmode="decimal")
            form.text("spends_max", "Number of spends", "At most so many.", inputmode="numeric")
            form.text(
                "approval_above", "Ask me above", "What costs more USDC waits for you.", inputmode="decimal"
            )
        with div("pair"):
            form.area("services", "Only at these services", "Ids, one per line.", rows=2)
            form.area("payees", "Only to these payees", "Addresses, one per line.", rows=2)
    _signing(form, facts, "Its key makes the narrower one: your wallet's signature opens its recovery copy.")
    _handing(form, facts)


def fund(form: Form, facts: Facts) -> None:
    """How much, and who sends it."""
    hint = "USDC; gas goes with it."
    if facts.home is not None:
        hint = f"USDC, of the {grouped(format(facts.home.usdc, 'f'))} in your wallet; gas goes with it."
    form.text("amount", "Amount", hint, inputmode="decimal", required="")
    _signing(form, facts)


def reclaim(form: Form, facts: Facts) -> None:
    """Who signs, and nothing else."""
    _signing(form, facts)


def grant(form: Form, facts: Facts) -> None:
    """Who signs, and nothing else."""
    _signing(form, facts)


def _signing(form: Form, facts: Facts, hint: str = "") -> None:
    found = signers(facts)
    if has_relayer(facts) and form.holds("signing", RELAYER):
        found = {RELAYER: ("The platform's relayer", "You signed the revocation with the grant."), **found}
    form.choose("signing", "Who signs for your wallet?", found, hint)


def _handing(form: Form, facts: Facts) -> None:
    form.choose(
        "handing", "How does its agent get the new keys?", ways(is_enrolled=facts.view.proof is not None)
    )
    with div("only sealed"):
        form.area(
            "recipients",
            "Sealed to",
            "Public keys of age, age1…, one per line: who has one opens it.",
            rows=2,
        )
    with div("only plain"):
        paragraph("Whoever reads a plain bundle on the way can spend what the session may.", "callout warn")
    with div("only enrolled"):
        form.text(
            "code",
            "Code of the new enrolment",
            "As its agent shows it: XXXX-XXXX-XXXX-XXXX.",
            spellcheck="false",
        )


def _more(words: str) -> Tag:
    with Tag("details", "", "more"):
        Tag("summary", words)
        return div("form")


FIELDS: dict[str, Callable[[Form, Facts], None]] = {
    GRANT: grant,
    ROTATE: rotate,
    NARROW: narrow,
    FUND: fund,
    RECLAIM: reclaim,
}
