"""`valetkey session`, its keys and its reach: rotate, extend, attenuate, and its bundle once more."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.commands.session import (
    RULES,
    Out,
    PrintBundle,
    SessionId,
    _handed_over,
    option,
    session,
)
from valetkey.cli.frame import HOLDER, OWNER, WALLET, command
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place


@command(session, "rotate", needs=WALLET)
def rotate(
    place: "Place",
    session_id: SessionId,
    grace: Annotated[str, typer.Option(help="How long the old keys go on; 0 ends them at once.")] = "60s",
    carry: Annotated[
        bool, typer.Option("--carry/--no-carry", help="What was spent counts in the new one, too.")
    ] = True,
    expires_in: Annotated[
        str | None, option("How long the new one lives; to the old end unless given.")
    ] = None,
    budget: Annotated[
        str | None, option("Its budget in USDC, or unlimited; the old one unless given.")
    ] = None,
    label: Annotated[str | None, option("Its label; the old one unless given.")] = None,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Put a session with new keys in the place of one, under the same rules unless others are named.

    The new wallet is empty: `session reclaim OLD --to NEW_WALLET` moves what is in the old one.
    """
    import msgspec

    from valetkey.cli.secrets_at_hand import destination
    from valetkey.cli.words import budget_of, maybe_seconds, seconds_of

    seconds = 0 if grace == "0" else seconds_of(grace, "--grace")
    lives = maybe_seconds(expires_in, "--expires-in")
    owner = place.owner()
    with destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        with place.waiting("making new keys"):
            made = owner.rotate_session(
                session_id,
                grace_seconds=seconds,
                carry=carry,
                expiry=lives,
                budget_usdc=msgspec.UNSET if budget is None else budget_of(budget),
                label=label,
            )
            kept.put(made.serialize())
    is_recoverable = place.secret("owner_key") is not None
    return _handed_over(owner.get_session(made.session_id), kept, out, is_recoverable=is_recoverable)


@command(session, "extend", needs=OWNER)
def extend(
    place: "Place",
    session_id: SessionId,
    expires_in: Annotated[str | None, option("Its new end, from now: no earlier than the old one.")] = None,
    budget: Annotated[str | None, option("Its new budget in all, in USDC: no less than the old one.")] = None,
) -> Told:
    """Let a session live longer, spend more, or both; its keys stay.

    A bundle that was handed out says the old end: `session bundle` makes one for a delegate that starts after it.
    To let it spend less, `session rotate --budget`, or `session revoke`.
    """
    from valetkey.cli.commands.sessions_shown import data_of, facts_of
    from valetkey.cli.words import maybe_seconds

    seconds = maybe_seconds(expires_in, "--expires-in")
    view = place.owner().extend_session(session_id, expiry=seconds, budget_usdc=budget)
    return Told(data_of(view), facts_of(view))


@command(session, "bundle", needs=WALLET)
def bundle(place: "Place", session_id: SessionId, out: Out = None, print_bundle: PrintBundle = False) -> Told:
    """Make a session's bundle once more, with the end and the budget of now, out of its recovery copy."""
    from valetkey.cli.secrets_at_hand import destination

    owner = place.owner(wallet=True)
    with destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        kept.put(owner.refresh_session(session_id).serialize())
    return _handed_over(owner.get_session(session_id), kept, out, is_recoverable=True)


@command(session, "attenuate", needs=HOLDER)
def attenuate(
    place: "Place",
    budget: Annotated[
        str | None, option("USDC that it may spend in all; as here unless given.", panel=RULES)
    ] = None,
    expires_in: Annotated[str | None, option("How long it lives; as here unless given.")] = None,
    label: Annotated[str | None, option("What you call it.")] = None,
    not_before: Annotated[
        str | None, option("When it begins: an ISO-8601 date, unix seconds, or +1h.")
    ] = None,
    service: Annotated[list[str] | None, option("A service that it may buy.", panel=RULES)] = None,
    per_spend: Annotated[str | None, option("USDC that one spend may be.", panel=RULES)] = None,
    window: Annotated[
        list[str] | None, option("USDC in any interval of a length: 1h=20.", panel=RULES)
    ] = None,
    spends_max: Annotated[int | None, option("How many spends.", panel=RULES)] = None,
    approval_above: Annotated[str | None, option("What costs more waits for the owner.", panel=RULES)] = None,
    asset: Annotated[list[str] | None, option("A CAIP-19 id that it may spend.", panel=RULES)] = None,
    chain: Annotated[list[int] | None, option("A chain id that it may spend on.", panel=RULES)] = None,
    payee: Annotated[list[str] | None, option("An address that it may pay.", panel=RULES)] = None,
    operation: Annotated[list[str] | None, option("An operation that it may do.", panel=RULES)] = None,
    without: Annotated[list[str] | None, option("A currency that it has nothing of.", panel=RULES)] = None,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Make a narrower session out of the one that is held, for a sub-agent. It can only be narrower.

    Who gets the bundle registers it by first using it; what it spends counts here, too. Its wallet is empty.
    """
    from valetkey.cli.secrets_at_hand import destination
    from valetkey.cli.told import Raw, facts, local
    from valetkey.cli.words import listed, maybe_seconds, moment_of, windows_of

    asked = {
        "budget_usdc": budget,
        "expiry": maybe_seconds(expires_in, "--expires-in"),
        "allowed_service_ids": listed(service),
        "label": label,
        "per_spend_usdc": per_spend,
        "windows": windows_of(window, "--window") if window else None,
        "spends_max": spends_max,
        "not_before": moment_of(not_before, "--not-before"),
        "approval_above_usdc": approval_above,
        "allowed_assets": listed(asset),
        "allowed_chains": listed(chain),
        "allowed_payees": listed(payee),
        "allowed_operations": listed(operation),
        "without": list(without or ()),
    }
    holder = place.holder()
    with destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        made = holder.attenuate(**asked)  # type: ignore[arg-type]  # by name, as above
        kept.put(made.serialize())
    limit = None if made.budget_usdc is None else format(made.budget_usdc, "f")
    data = {
        "session_id": made.session_id,
        "budget_usdc": limit,
        "expires_at": iso(made.expiry),
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


def iso(unix_seconds: int) -> str:
    """As JSON has dates."""
    from valetkey.wire.timestamps import iso_timestamp

    return iso_timestamp(unix_seconds)
