"""The fields of each step of a new session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.forms import Form
from valetkey.studio.elements.html import Tag, button, div, facts, paragraph
from valetkey.studio.page import Page
from valetkey.studio.wizard.amounts_meant import UNITS
from valetkey.studio.wizard.currencies import FIELDS as OTHER_FIELDS
from valetkey.studio.wizard.currencies import MAIN, OTHERS, fields_of
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.meaning import chain_of_draft, no_grant
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
    """What the fields offer. `operator`: the address of the operator's key where that is the owner's wallet.

    `currencies`: of the chain that is chosen.
    """

    networks: dict[int, NetworkView]
    services: dict[str, ServiceView]
    operator: str | None
    keeps_keys: bool
    owner_wallet: str
    currencies: tuple[str, ...] = (MAIN,)
    on_solana: bool = False


def what(form: Form, _draft: Draft, known: Known, _page: Page) -> None:
    """Template, label, agent, chain."""
    form.choose(
        "template", "What is it for?", {one.name: (one.title, one.tells) for one in TEMPLATES.values()}
    )
    with div("pair"):
        form.text("label", "Label", "What you call it; you find it by this.", maxlength="200", required="")
        form.text("agent", "Agent (optional)", "Who will hold it, in your words.", maxlength="200")
        chains = {str(one.chain_id): title_of(one.network) for one in known.networks.values()}
        form.select("chain", "Chain", chains, "Its key signs for this chain alone.")
    form.tick("sole", "No other living session may have this label")


def limits(form: Form, draft: Draft, known: Known, _page: Page) -> None:
    """Amounts, windows, other currencies, beginning and end."""
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
                    "What costs more USDC waits for you; 0 is every spend.",
                    inputmode="decimal",
                )
                form.text("spends_max", "Number of spends", "At most so many.", inputmode="numeric")
            form.window(1, OF_TIME)
            form.window(2, OF_TIME)
            form.area(
                "more_windows",
                "Further limits by time",
                "One per line: 20 in 6 hours, 100 in 2 weeks.",
                rows=2,
            )
            form.tick("refunds", "What is given back to it may be spent again")
            if template.unlimits and not known.on_solana:
                form.tick(
                    "unlimited",
                    "No budget in all: what lies in its wallet, and the other limits, are all that stop it",
                )
        form.text(
            "begins", "Begins", f"Now unless given; in your time zone, {draft.zone}.", type_="datetime-local"
        )
    others = [one for one in known.currencies if one != MAIN]
    if not template.sells and others:
        with more("Other currencies", draft, *OTHER_FIELDS):
            paragraph(
                "USDC has the limits above. What has no limit here, the session cannot spend. Whoever spends more than"
                " USDC pays out of a wallet of its own.",
                "quiet small",
            )
            for one in others:
                _currency(form, draft, one)


LIMITS_MORE = (
    *("per_spend", "approval_above", "spends_max", "window1_amount", "window2_amount", "more_windows"),
    *("refunds", "unlimited", "begins"),
)


def _currency(form: Form, draft: Draft, currency: str) -> None:
    budget, any_, each, above, windows = fields_of(currency)
    with more(currency, draft, budget, any_, each, above, windows), form.group(f"Limits of {currency}"):
        form.text(budget, f"{currency} in all", "All that it may spend of it.", inputmode="decimal")
        form.text(each, f"{currency} at once", "For one spend.", inputmode="decimal")
        form.text(above, f"Ask me above, {currency}", "What costs more waits for you.", inputmode="decimal")
        form.area(windows, f"{currency} by time", "One per line: 0.1 in 6 hours.", rows=2)
        form.tick(any_, f"Any amount of {currency}: all that lies in its wallet")


def where(form: Form, draft: Draft, known: Known, _page: Page) -> None:
    """Services, tokens, payees, operations."""
    if known.on_solana:
        paragraph("On Solana a session transfers USDC, and nothing else.", "quiet")
        form.area("payees", "Only to these payees", "Accounts on Solana, one per line; anybody unless given.")
        return
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
                tokens = f"{', '.join(known.currencies)}, or an address; one per line."
                form.area("tokens", "Only these tokens", tokens, rows=2)
                form.area("payees", "Only to these payees", "Addresses, one per line.", rows=2)
            form.area(
                "contracts",
                "Contracts that it may call",
                "One per line with its functions: 0x…: deposit(uint256); withdraw(uint256)",
                rows=2,
            )
            with div("pair"):
                form.area("routers", "Routers that it may swap through", "Addresses, one per line.", rows=2)
                form.area(
                    "does_more",
                    "Further operations",
                    "Words that your own programs ask the gate with; one per line.",
                    rows=2,
                )


WHERE_MORE = ("services_more", "tokens", "payees", "contracts", "routers", "does_more")


def money(form: Form, draft: Draft, known: Known, page: Page) -> None:
    """What it pays with, who signs, and how it reaches its delegate."""
    if known.on_solana:
        _on_solana()
        return
    sells = draft.template.sells
    network = known.networks.get(chain_of_draft(draft) or 0)
    has_grants = network is not None and network.contracts.allowance is not None
    if not sells:
        why = no_grant(draft) if has_grants else "The platform serves no grants on this chain."
        ways = {
            "grant": ("Your balance, by a grant", "Nothing moves; the contract keeps the limits on chain."),
            "wallet": ("A wallet of its own", "Filled for it; what is left comes back to you."),
        }
        if why:
            del ways["grant"]
            draft.fields["funding"] = "wallet"
        form.choose("funding", "What does it pay with?", ways, why)
        with div("only wallet"):
            form.text(
                "amount",
                "Fill its wallet with (optional)",
                "USDC, and gas with it. Leave it empty to fund it later.",
                inputmode="decimal",
            )
            others = [one for one in OTHERS if any(draft[name] for name in fields_of(one))]
            if others:
                paragraph(
                    f"Send {' and '.join(others)} to its wallet yourself, once it is made: its address is on its page.",
                    "quiet small",
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


def _on_solana() -> None:
    paragraph("It pays out of a token account of its own, which is opened with all of its budget in it.")
    paragraph(
        "Your key on Solana, which this studio was started with, signs: the budget, and a little SOL for fees, move"
        " when the session is made. What is left comes back when it is reclaimed.",
        "quiet small",
    )
    paragraph(
        "Its keys stay in the keystore of this studio's state folder. There is no bundle of a session on Solana: your"
        " agent shares the folder and the passphrase, and pays through a Client.",
        "callout",
    )


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
