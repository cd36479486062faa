"""What a draft means: a SessionConfig of the SDK, which says what is right. No rule of a session is written here."""

from dataclasses import dataclass
from typing import Any

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Asset
from valetkey.core.policy import Policy
from valetkey.sdk.action_members import account, solana_account
from valetkey.sdk.amounts import usdc_units
from valetkey.sdk.chain_config import ChainConfig, resolve_chain
from valetkey.sdk.config_checks import check_amounts
from valetkey.sdk.limits import Rules
from valetkey.sdk.planning import asset_of
from valetkey.sdk.session_config import SessionConfig
from valetkey.sdk.session_rules import lifetime_of, rules_of
from valetkey.studio.wizard import currencies
from valetkey.studio.wizard.amounts_meant import DAY_SECONDS, at, limits_of, of_line
from valetkey.studio.wizard.draft import PLACES, STEP_OF, STEPS, Draft, FieldError
from valetkey.wire.abi import function_of
from valetkey.wire.network import NetworkView
from valetkey.wire.sealed_bundle import seal_bundle

CHAIN_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Local:
    """What this studio has beside the platform: its file of chains, and whether a key of the owner's on Solana."""

    chains: tuple[ChainConfig, ...] = ()
    solana: bool = False

    def assets_of(self, network: NetworkView) -> tuple[Asset, ...]:
        """The tokens of a chain that its file names."""
        return currencies.extra_of(network, self.chains)


NOTHING = Local()

FIELD_OF = {
    "delegate": "agent",
    "role": "agent",
    "per_transaction_limit": "per_spend",
    "daily_limit": "daily",
    "windows": "window1_amount",
    "valid_until": "life_count",
    "not_before": "begins",
    "limits": "chain",
    "currency": "chain",
    "sole_label": "sole",
    "chain_id": "chain",
    "allowed_services": "services_more",
    "allowed_tokens": "tokens",
    "allowed_payees": "payees",
    "allowed_contracts": "contracts",
    "allowed_routers": "routers",
    "allowed_operations": "does",
    # As the platform names them.
    "expiry": "life_count",
    "expiresAt": "life_count",
    "perSpendUsdc": "per_spend",
    "spendsMax": "spends_max",
    "approvalAboveUsdc": "approval_above",
    "notBefore": "begins",
    "allowedPayees": "payees",
    "allowedServiceIds": "services_more",
    "allowedAssets": "tokens",
    "allowedOperations": "does",
    "soleLabel": "label",
}
"""The form's names for what the SDK and the platform complain of, where they are others."""


def config_of(draft: Draft, now: int, upto: str = "review") -> SessionConfig:
    """The session that is meant, by what the pages up to one of them say. Raises InvalidInput, InvalidAmount."""
    since = draft.fixed_at if draft.fixed_at is not None else now
    pages = PLACES[upto]
    # What was not asked for yet is taken to be right.
    told: dict[str, Any] = {
        "label": draft["label"],
        "delegate": draft["agent"] or None,
        # Two living budgets of a day would be twice the money.
        "sole_label": bool(draft["sole"]) or draft.template.of_the_day,
        "spending_limit": 0 if draft.template.sells else None,
        "sells": draft.template.sells,
        "valid_until": since + DAY_SECONDS,
        "chain": chain_of_draft(draft),
        "idempotency_key": draft.key,
    }
    if pages >= PLACES["limits"]:
        told |= limits_of(draft, since)
    if pages >= PLACES["where"]:
        told |= _where(draft)
    if pages >= PLACES["money"]:
        told["funding"] = funding_of(draft)
    return SessionConfig(**told)


def chain_of_draft(draft: Draft) -> int | None:
    """The number of the chain that it is for, None where none is chosen."""
    chain = draft["chain"]
    return int(chain) if chain.isascii() and chain.isdecimal() and len(chain) <= CHAIN_DIGITS_MAX else None


def on_solana(draft: Draft) -> bool:
    """Whether it is for a cluster of Solana."""
    chain = chain_of_draft(draft)
    return chain is not None and is_solana(chain)


def funding_of(draft: Draft) -> Any:
    """What it pays with, as a SessionConfig names it."""
    if on_solana(draft):
        return "allotment"
    return "wallet" if draft.template.sells else draft["funding"] or None


def no_grant(draft: Draft) -> str:
    """Why no grant could pay for what it may spend, empty where one could."""
    if draft["unlimited"] and draft.template.unlimits:
        return "A grant has a cap, and this session has no budget: it pays out of a wallet of its own."
    if any(draft[one] for one in currencies.FIELDS):
        return "A grant is about USDC alone: what spends other currencies pays out of a wallet of its own."
    return ""


def check(
    draft: Draft, step: str, now: int, network: NetworkView | None, local: Local = NOTHING
) -> SessionConfig:
    """What the pages up to a step mean together. Raises FieldError with the form's name of what cannot be meant."""
    problem: InvalidInput | None = None
    try:
        config = config_of(draft, now, step)
        if network is None:
            raise InvalidInput("choose the chain that it is for", field="chain")
        _check_chain(draft, network, local)
        if PLACES[step] >= PLACES["limits"]:
            lifetime_of(config, now)
            check_amounts(config, CURRENCY_DECIMALS[currencies.MAIN])
            _check_currencies(config, network, local)
        if PLACES[step] >= PLACES["where"]:
            _check_names(draft, network, local)
            rules_of(config, network, extra=local.assets_of(network)).members()
        if PLACES[step] >= PLACES["money"]:
            _check_money(draft)
        return config
    except InvalidInput as error:
        problem = error
    raise of_the_form(problem, draft)


def of_the_form(problem: InvalidInput, draft: Draft) -> FieldError:
    """The same complaint, about a field of the form."""
    name = problem.field or ""
    # What the SDK calls a field is no word for who fills it in.
    said = str(problem).removeprefix(f"{name}: ")
    if name and said.startswith(f"{name} "):
        said = f"it{said.removeprefix(name)}"
    if name in ("spending_limit", "budgetUsdc"):
        name = draft.template.amount or "template"
    field = FIELD_OF.get(name, name)
    return FieldError(said, field=field if field in STEP_OF else None)


def step_of(error: FieldError) -> str:
    """The page that a complaint is about."""
    return STEP_OF.get(error.field or "", STEPS[-1].name)


def rules_meant(draft: Draft, now: int, network: NetworkView, local: Local = NOTHING) -> Rules:
    """The rules that the gate would keep. Raises InvalidInput, InvalidAmount."""
    return rules_of(config_of(draft, now), network, extra=local.assets_of(network))


def _where(draft: Draft) -> dict[str, Any]:
    if on_solana(draft):
        return {"allowed_payees": draft.lines("payees") or None}
    services = list(dict.fromkeys((*draft.lines("services"), *draft.lines("services_more"))))
    told: dict[str, Any] = {"allowed_services": services or None}
    if draft.template.sells:
        return told
    does = [*draft.lines("does"), *draft.lines("does_more")]
    if not does and not draft.lines("contracts") and not draft.lines("routers"):
        raise InvalidInput("it may do nothing at all: tick what it is for", field="does")
    told["allowed_operations"] = does
    told["allowed_tokens"] = draft.lines("tokens") or None
    told["allowed_payees"] = draft.lines("payees") or None
    told["allowed_contracts"] = dict(_contract(one) for one in draft.lines("contracts"))
    told["allowed_routers"] = draft.lines("routers")
    return told


def _contract(line: str) -> tuple[str, list[str]]:
    """`0x...: deposit(uint256); withdraw(uint256)`."""
    address, _, told = line.partition(":")
    functions = [one.strip() for one in told.split(";") if one.strip()]
    for one in functions:
        of_line("contracts", one, function_of, one)
    return address.strip(), functions


def _check_chain(draft: Draft, network: NetworkView, local: Local) -> None:
    if is_solana(network.chain_id):
        if draft.template.sells:
            raise InvalidInput(
                "a seller's session is for a chain with contracts: choose another one", field="chain"
            )
        if not local.solana:
            raise InvalidInput(
                "this studio was started without your key on Solana (--solana-key-file) or without a keystore: start"
                " it with both, or let a Client make the session",
                field="chain",
            )
        return
    problem = ""
    try:
        resolve_chain(network.chain_id, known=local.chains)
    except InvalidInput as error:
        problem = str(error)
    if problem:
        raise InvalidInput(
            f"the platform serves {network.network}, and this studio does not know it: name it in the file of"
            " VALETKEY_CHAINS_FILE",
            field="chain",
        )


def _check_currencies(config: SessionConfig, network: NetworkView, local: Local) -> None:
    known = currencies.offered(network, local.assets_of(network))
    for one in config.limits:
        if one not in known:
            raise InvalidInput(
                f"{one} has limits, and is not on this chain: take them away, or choose another chain",
                field=currencies.fields_of(one)[0],
            )


def _check_names(draft: Draft, network: NetworkView, local: Local) -> None:
    """Each line by itself, so that the complaint says which."""
    read = solana_account if is_solana(network.chain_id) else account
    for one in draft.lines("payees"):
        of_line("payees", one, read, one, "it")
    if is_solana(network.chain_id) or draft.template.sells:
        return
    for one in draft.lines("does_more"):
        of_line("does_more", one, _check_operation, one)
    for one in draft.lines("tokens"):
        of_line("tokens", one, asset_of, network, one, "it", local.assets_of(network))
    for one in draft.lines("routers"):
        of_line("routers", one, account, one, "it")
    for one in draft.lines("contracts"):
        of_line("contracts", one, account, one.partition(":")[0].strip(), "it")


def _check_operation(word: str) -> None:
    Policy(budget=0, expires_at=1, allowed_operations=frozenset({word}))


def _check_money(draft: Draft) -> None:
    handing = draft["handing"]
    if on_solana(draft):
        return
    if handing == "sealed" and not draft.lines("recipients"):
        raise InvalidInput("whom is it sealed to? Name the delegate's age public key", field="recipients")
    if handing == "sealed":
        at("recipients", seal_bundle, "", draft.lines("recipients"), None)
    if handing == "enrolled" and not draft["code"]:
        raise InvalidInput("type the code that the delegate told you", field="code")
    if draft.template.sells:
        if draft["signing"] == "later" and handing != "enrolled":
            raise InvalidInput(
                "what buyers encrypt to a key that may be lost nobody could read: choose who signs its recovery copy",
                field="signing",
            )
        return
    if draft["funding"] == "grant" and (why := no_grant(draft)):
        raise InvalidInput(why.removesuffix("."), field="funding")
    if handing == "enrolled" and draft["funding"] == "wallet":
        raise InvalidInput(
            "nobody but its delegate could bring back what an enrolled session's wallet holds: let it pay by grant",
            field="funding",
        )
    if draft["amount"] and draft["funding"] == "wallet":
        if not at("amount", usdc_units, draft["amount"]):
            raise InvalidInput("leave it empty, to fund it later", field="amount")
        if draft["signing"] == "later":
            raise InvalidInput("nobody sends it now: leave it empty, or choose who signs", field="amount")
    if draft["funding"] == "grant" and draft["signing"] == "later":
        raise InvalidInput("a grant is signed now: choose who signs it", field="signing")
