"""A session that is meant, in the words of sessions that are: what it may, and the most that it can cost."""

from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal

from valetkey.sdk.limits import Rules
from valetkey.sdk.session_rules import lifetime_of
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.meaning import NOTHING, Local, config_of, funding_of, rules_meant
from valetkey.studio.words.amounts import money
from valetkey.studio.words.policy import policy_in_words
from valetkey.wire.limits import LimitView, WindowOfView, WindowView
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView
from valetkey.wire.timestamps import iso_timestamp

DOES = {
    "purchase": ("Buy services", "At the market, through escrow."),
    "payment": ("Pay elsewhere", "What its holder pays by other means, and tells of."),
    "x402": ("Pay over HTTP", "x402: pages and APIs that ask for money."),
    "transfer": ("Transfer", "To any address that may be paid."),
    "voucher": ("Promise by vouchers", "Growing promises to one payee."),
}
"""What may be ticked, and what people call it."""

HANDING = {
    "sealed": ("Sealed bundle", "A file that your agent's age key alone opens. Best for most."),
    "passphrase": ("Bundle under a passphrase", "A file; the passphrase goes another way."),
    "link": ("One-time link", "Whoever opens it first has the session; a second one ends it."),
    "enrolled": ("Enrolment code", "Your agent made its own keys, and told you a code."),
    "plain": ("Plain bundle", "Anybody who sees it on the way can spend."),
}
"""How a session reaches its delegate."""


def sentence(
    draft: Draft,
    network: NetworkView,
    services: Mapping[str, str],
    now: int,
    zone: tzinfo,
    local: Local = NOTHING,
) -> str:
    """The policy in one sentence. `services`: titles by their ids. Raises InvalidInput, InvalidAmount."""
    view = view_of(draft, rules_meant(draft, now, network, local), network, now)
    view.allowed_service_ids = [services.get(one, one) for one in view.allowed_service_ids]
    return policy_in_words(view, {network.chain_id: network}, now, zone)


def view_of(draft: Draft, rules: Rules, network: NetworkView, now: int) -> SessionView:
    """The session as it would be shown on its first day."""
    config = config_of(draft, now)
    begins, ends = lifetime_of(config, now)
    members = rules.members()
    budget = _text(members["budget_usdc"])
    return SessionView(
        session_id="",
        agent_id="",
        owner_wallet="",
        role="seller" if config.sells else "buyer",
        status="active" if begins is None else "pending",
        label=config.label,
        delegate=config.delegate,
        tree_id="",
        depth=0,
        policy_version=1,
        budget_usdc=budget,
        remaining_usdc=budget,
        worst_case_loss_usdc=budget,
        held_usdc="0",
        spent_usdc="0",
        per_spend_usdc=_text(members["per_spend_usdc"]),
        windows=[
            WindowView(one.seconds, str(_text(one.limit_usdc)), str(_text(one.limit_usdc)))
            for one in members["windows"]
        ],
        spends_max=members["spends_max"],
        spends=0,
        approval_above_usdc=_text(members["approval_above_usdc"]),
        limits=[
            LimitView(
                currency=one.currency,
                budget=_text(one.budget),
                remaining=_text(one.budget),
                held="0",
                spent="0",
                per_spend=_text(one.per_spend),
                windows=[
                    WindowOfView(by.seconds, str(_text(by.limit)), str(_text(by.limit))) for by in one.windows
                ],
                approval_above=_text(one.approval_above),
            )
            for one in members["limits"]
        ],
        allowed_service_ids=members["allowed_service_ids"],
        allowed_assets=members["allowed_assets"],
        allowed_chains=members["allowed_chains"],
        allowed_payees=members["allowed_payees"],
        allowed_operations=None if config.sells else members["allowed_operations"],
        refunds_restore=members["refunds_restore"],
        not_before=now if begins is None else begins,
        expires_at=iso_timestamp(ends),
        expiry=ends,
        session_wallet=None,
        e2e_public_key=None,
        funding_mode=funding_of(draft) or "wallet",
        network=network,
    )


def worst_case(draft: Draft, rules: Rules) -> str:
    """The most that it can cost if its key leaks the moment that it is handed over."""
    if draft.template.sells:
        return "Nothing but the gas in its wallet: it spends nothing."
    if draft["funding"] == "wallet":
        held = draft["amount"]
        what = f"{money(held)} with its gas, all that its wallet holds" if held else "What its wallet holds"
        return f"{what}: whoever has its key need not ask the gate."
    budget = rules.members()["budget_usdc"]
    return f"{money(_text(budget))} in all: the contract lets out no more, whoever has its key."


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
