"""The fields of each step of a new session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.forms import Form
from valetkey.studio.elements.html import Tag, button, div, facts, paragraph
from valetkey.studio.page import Page
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.meaning import UNITS
from valetkey.studio.wizard.templates import TEMPLATES
from valetkey.studio.wizard.words import DOES, HANDING
from valetkey.studio.words.amounts import grouped, short_address
from valetkey.studio.words.chains import title_of
from valetkey.wire.network import NetworkView
from valetkey.wire.services import ServiceView

OF_TIME = {one: one for one in UNITS}
NAMED_AT_ONCE = 12
"""More services are named by their ids."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the fields offer. `operator`: the address of the operator's key where that is the owner's wallet."""

    networks: dict[int, NetworkView]
    services: dict[str, ServiceView]
    operator: str | None
    keeps_keys: bool
    owner_wallet: str


def what(form: Form, _draft: Draft, _known: Known, _page: Page) -> None:
    """Template, label, agent."""
    form.choose(
        "template", "What is it for?", {one.name: (one.title, one.tells) for one in TEMPLATES.values()}
    )
    with div("pair"):
        form.text("label", "Label", "What you call it; you find it by this.", maxlength="200", required="")
        form.text("agent", "Agent (optional)", "Who will hold it, in your words.", maxlength="200")
    form.tick("sole", "No other living session may have this label")


def limits(form: Form, draft: Draft, _known: Known, _page: Page) -> None:
    """Amounts, windows, beginning and end."""
    template = draft.template
    with div("pair"):
        if not template.sells:
            form.text(template.amount, template.amount_title, template.amount_hint, inputmode="decimal")
        if not template.of_the_day:
            form.length(
                "Lives for", "life_count", "life_unit", OF_TIME, "Counted from when it is made, or begins."
            )
    if template.amount == "daily":
        form.text(
            "budget",
            "Budget in all (optional)",
            "USDC; the cap times the days of its life unless given.",
            inputmode="decimal",
        )
    with more("More limits", draft, *LIMITS_MORE):
        if not template.sells:
            with div("pair"):
                form.text("per_spend", "At most at once", "USDC for one spend.", inputmode="decimal")
                form.text(
                    "approval_above",
                    "Ask me above",
                    "What costs more USDC waits for you.",
                    inputmode="decimal",
                )
                form.text("spends_max", "Number of spends", "At most so many.", inputmode="numeric")
                form.text("eth", "ETH, beside USDC", "Out of a wallet of its own alone.", inputmode="decimal")
            form.window(1, OF_TIME)
            form.window(2, OF_TIME)
        form.text(
            "begins", "Begins", f"Now unless given; in your time zone, {draft.zone}.", type_="datetime-local"
        )


LIMITS_MORE = (
    *("per_spend", "approval_above", "spends_max", "eth", "window1_amount", "window2_amount", "begins"),
)


def where(form: Form, draft: Draft, known: Known, _page: Page) -> None:
    """Chain, services, tokens, payees, operations."""
    chains = {str(one.chain_id): title_of(one.network) for one in known.networks.values()}
    with div("pair"):
        form.select("chain", "Chain", chains, "Its key signs for this chain alone.")
    if not draft.template.sells:
        form.ticks("does", "What may it do?", DOES)
    few = dict(list(known.services.items())[:NAMED_AT_ONCE])
    kept = [one for one in draft.lines("services") if one not in few]
    choices = {one: (view.title, _price(view)) for one, view in few.items()}
    choices |= {one: (one, "") for one in kept}
    if choices:
        form.ticks("services", "At which services?", choices, "Every service, unless you tick some.")
    with more("Services by id, tokens, payees and contracts", draft, *WHERE_MORE):
        form.area("services_more", "Further services", "Ids, one per line.", rows=2)
        if not draft.template.sells:
            with div("pair"):
                form.area("tokens", "Only these tokens", "USDC, ETH, or an address; one per line.", rows=2)
                form.area("payees", "Only to these payees", "Addresses, one per line.", rows=2)
            form.area(
                "contracts",
                "Contracts that it may call",
                "One per line with its functions: 0x…: deposit(uint256); withdraw(uint256)",
                rows=2,
            )
            form.area("routers", "Routers that it may swap through", "Addresses, one per line.", rows=2)


WHERE_MORE = ("services_more", "tokens", "payees", "contracts", "routers")


def money(form: Form, draft: Draft, known: Known, page: Page) -> None:
    """What it pays with, who signs, and how it reaches its delegate."""
    sells = draft.template.sells
    network = known.networks.get(int(draft["chain"])) if draft["chain"].isdecimal() else None
    has_grants = network is not None and network.contracts.allowance is not None
    if not sells:
        ways = {
            "grant": ("Your balance, by a grant", "Nothing moves; the contract keeps the limits on chain."),
            "wallet": ("A wallet of its own", "Filled for it; what is left comes back to you."),
        }
        if not has_grants:
            del ways["grant"]
            draft.fields["funding"] = "wallet"
        form.choose("funding", "What does it pay with?", ways)
        with div("only wallet"):
            form.text(
                "amount",
                "Fill its wallet with (optional)",
                "USDC, and gas with it. Leave it empty to fund it later.",
                inputmode="decimal",
            )
    signers = {}
    if known.operator:
        signers["operator"] = ("The operator's key", f"{short_address(known.operator)}, on this machine.")
    signers["browser"] = ("The wallet in this browser", f"It has to be {short_address(known.owner_wallet)}.")
    signers["later"] = ("Nobody now", "For a wallet that is funded later. There is no recovery copy.")
    if draft["signing"] not in signers:
        draft.fields["signing"] = "browser"
    form.choose("signing", "Who signs for your wallet?", signers)
    form.choose("handing", "How does your agent get it?", HANDING)
    with div("only sealed"):
        form.area(
            "recipients",
            "Sealed to",
            "Public keys of age, age1…, one per line: who has one opens it.",
            rows=2,
        )
    with div("only plain"):
        paragraph(
            "Whoever reads a plain bundle on the way, in a log or in a process's environment, can spend what the"
            " session may, until somebody notices.",
            "callout warn",
        )
    with div("only enrolled"):
        form.text(
            "code",
            "Code of the enrolment",
            "As your agent shows it: XXXX-XXXX-XXXX-XXXX.",
            spellcheck="false",
        )
        _look_up(draft, page)


def _look_up(draft: Draft, page: Page) -> None:
    """The keys behind a code, to be compared with what the delegate says of itself."""

    async def look() -> None:
        found.clear()
        with found:
            try:
                keys = await page.agent.enrollment(draft["code"])
            except ValetkeyError as error:
                paragraph(str(error), "complaint")
                return
            paragraph("Compare this with what your agent shows:", "small quiet")
            facts({"Calls itself": keys.label or "nothing", "Wallet": keys.wallet, "Works for": keys.owner})

    button("Look it up", look)
    found = div("enrolment", role="status")


def more(words: str, draft: Draft, *names: str) -> Any:
    """What most people leave alone: folded, unless something in it is said."""
    said = any(draft[name] for name in names)
    with Tag("details", "", "more", open=said or None) as folded:
        Tag("summary", words)
        inside = div("form")
    del folded
    return inside


def _price(view: ServiceView) -> str:
    unit = view.price_unit.replace("_", " ")
    return f"{grouped(format(view.price, 'f'))} {view.currency} {unit}"


FIELDS: dict[str, Callable[[Form, Draft, Known, Page], None]] = {
    "what": what,
    "limits": limits,
    "where": where,
    "money": money,
}
