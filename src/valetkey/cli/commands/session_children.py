"""`valetkey session attenuate` and `narrow`: a narrower session for a sub-agent, with a network or without one."""

from typing import TYPE_CHECKING, Annotated, Any

from valetkey.cli.commands.session import session
from valetkey.cli.frame import BUNDLE, HOLDER, command
from valetkey.cli.options import RULES, Out, PrintBundle, option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from valetkey.cli.place import Place
    from valetkey.sdk.session_info import SessionInfo

Budget = Annotated[
    str | None, option("USDC that it may spend in all; as the parent's unless given.", panel=RULES)
]
ExpiresIn = Annotated[str | None, option("How long it lives; to the parent's end unless given.")]
Label = Annotated[str | None, option("What you call it.")]
NotBefore = Annotated[str | None, option("When it begins: an ISO-8601 date, unix seconds, or +1h.")]
Services = Annotated[list[str] | None, option("A service that it may buy.", "--service", panel=RULES)]
PerSpend = Annotated[str | None, option("USDC that one spend may be.", panel=RULES)]
Windows = Annotated[
    list[str] | None, option("USDC in any interval of a length: 1h=20.", "--window", panel=RULES)
]
SpendsMax = Annotated[int | None, option("How many spends.", panel=RULES)]
ApprovalAbove = Annotated[str | None, option("What costs more waits for the owner.", panel=RULES)]
Assets = Annotated[list[str] | None, option("A CAIP-19 id that it may spend.", "--asset", panel=RULES)]
Chains = Annotated[list[int] | None, option("A chain id that it may spend on.", "--chain", panel=RULES)]
Payees = Annotated[list[str] | None, option("An address that it may pay.", "--payee", panel=RULES)]
Operations = Annotated[list[str] | None, option("An operation that it may do.", "--operation", panel=RULES)]
Without = Annotated[list[str] | None, option("A currency that it has nothing of.", panel=RULES)]


@command(session, "attenuate", needs=HOLDER)
def attenuate(
    place: "Place",
    budget: Budget = None,
    expires_in: ExpiresIn = None,
    label: Label = None,
    not_before: NotBefore = None,
    service: Services = None,
    per_spend: PerSpend = None,
    window: Windows = None,
    spends_max: SpendsMax = None,
    approval_above: ApprovalAbove = None,
    asset: Assets = None,
    chain: Chains = None,
    payee: Payees = None,
    operation: Operations = None,
    without: Without = None,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Make a narrower session out of the one that is held, for a sub-agent. It can only be narrower.

    The platform is asked for the rules, so that what is wider is refused here. `session narrow` asks nobody. Who gets
    the bundle registers it by first using it; what it spends counts here, too. Its wallet is empty.
    """
    rules = dict(locals())
    asked = _asked(rules)
    holder = place.holder()
    return _made(place, lambda: holder.attenuate(**asked), out, printed=print_bundle)


@command(session, "narrow", needs=(*BUNDLE, "home"))
def narrow(
    place: "Place",
    parent: Annotated[
        str | None, option("The id of the bundle's session; that of a child is in its bundle.")
    ] = None,
    budget: Budget = None,
    expires_in: ExpiresIn = None,
    label: Label = None,
    not_before: NotBefore = None,
    service: Services = None,
    per_spend: PerSpend = None,
    window: Windows = None,
    spends_max: SpendsMax = None,
    approval_above: ApprovalAbove = None,
    asset: Assets = None,
    chain: Chains = None,
    payee: Payees = None,
    operation: Operations = None,
    without: Without = None,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Make a narrower bundle out of a bundle, by its key alone: no network is needed, and nobody is asked.

    A wider budget or end is refused here; whatever else is wider is refused when the child is first used, which
    registers it. What it spends counts in every session above it. Its wallet is empty.
    """
    rules = dict(locals())
    asked = _asked(rules)
    info = _parent_in(place, parent)
    return _made(place, lambda: info.attenuate(**asked), out, printed=print_bundle)


def _asked(rules: dict[str, Any]) -> dict[str, Any]:
    """What was written for the rules, as the SDK takes it."""
    from valetkey.cli.words import listed, maybe_seconds, moment_of, windows_of

    windows = rules["window"]
    return {
        "budget_usdc": rules["budget"],
        "expiry": maybe_seconds(rules["expires_in"], "--expires-in"),
        "allowed_service_ids": listed(rules["service"]),
        "label": rules["label"],
        "per_spend_usdc": rules["per_spend"],
        "windows": windows_of(windows, "--window") if windows else None,
        "spends_max": rules["spends_max"],
        "not_before": moment_of(rules["not_before"], "--not-before"),
        "approval_above_usdc": rules["approval_above"],
        "allowed_assets": listed(rules["asset"]),
        "allowed_chains": listed(rules["chain"]),
        "allowed_payees": listed(rules["payee"]),
        "allowed_operations": listed(rules["operation"]),
        "without": list(rules["without"] or ()),
    }


def _parent_in(place: "Place", named: str | None) -> "SessionInfo":
    """The session of the bundle at hand, as far as the bundle tells of it. Raises Complaint, BundleError."""
    import time

    from valetkey.cli.complaint import Complaint
    from valetkey.core.ids import Kind, is_id
    from valetkey.sdk.session_info import info_of
    from valetkey.wire.child_bundle import parse_child, session_id_of
    from valetkey.wire.errors import Exit

    if named is not None and not is_id(Kind.SESSION, named):
        raise Complaint("--parent is a session's id, ses_...", Exit.INPUT)
    bundle, narrowings = parse_child(place.needed("bundle").reveal(), int(time.time()))
    told = session_id_of(narrowings) if narrowings else None
    if told is not None and named not in (None, told):
        raise Complaint(f"this bundle is of {told}, and not of {named}", Exit.INPUT)
    session_id = told or named
    if session_id is None:
        raise Complaint(
            "this bundle does not say which session it is of",
            Exit.INPUT,
            hint="--parent SESSION; `session show` with this bundle says it",
        )
    return info_of(session_id, bundle, None, narrowings)


def _made(place: "Place", make: "Callable[[], SessionInfo]", out: "Path | None", *, printed: bool) -> Told:
    from valetkey.cli.told import Raw, facts, local
    from valetkey.wire.timestamps import iso_timestamp

    with place.destination("bundle", out, printed=printed, flag="--print-bundle") as kept:
        made = make()
        kept.put(made.serialize())
    limit = None if made.budget_usdc is None else format(made.budget_usdc, "f")
    data = {
        "session_id": made.session_id,
        "budget_usdc": limit,
        "expires_at": iso_timestamp(made.expiry),
        "session_wallet": made.wallet_address,
        **kept.data("bundle"),
    }
    if kept.text is not None:
        return Told(data, Raw(kept.text), (f"session {made.session_id}",))
    told = {
        "session": made.session_id,
        "budget": "unlimited" if limit is None else f"{limit} USDC",
        "ends": local(made.expiry),
        "wallet": made.wallet_address,
        "bundle in": out,
    }
    return Told(data, facts(told))
