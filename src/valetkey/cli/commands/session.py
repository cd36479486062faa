"""`valetkey session`: make sessions, look at them, stop them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.frame import ANYBODY, KEPT, OWNER, WALLET, command
from valetkey.cli.options import RULES, Out, PrintBundle, SessionId, option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place

session = typer.Typer(help="Sessions: what a delegate may spend, and the end of it.", no_args_is_help=True)


@command(session, "create", needs=(*WALLET, *KEPT))
def create(
    place: "Place",
    budget: Annotated[str, typer.Option(help="USDC that it may spend in all, fees included; or unlimited.")],
    expires_in: Annotated[str, typer.Option(help="How long it lives, such as 90s, 30m, 1h30m, 7d.")] = "1h",
    label: Annotated[str | None, option("What you call it.")] = None,
    sole_label: Annotated[
        bool, typer.Option("--sole-label", help="No other living session may have the label.")
    ] = False,
    delegate: Annotated[str | None, option("Who holds it, in your words.")] = None,
    funding: Annotated[
        Literal["wallet", "grant"] | None,
        option(
            "What it pays with: a wallet of its own, or a grant on the owner's balance. A wallet unless enrolled."
        ),
    ] = None,
    enrollment: Annotated[
        str | None, option("The code of a delegate's own keys (`agent enroll`): then there is no bundle.")
    ] = None,
    not_before: Annotated[
        str | None, option("When it begins: an ISO-8601 date, unix seconds, or +1h.")
    ] = None,
    service: Annotated[
        list[str] | None, option("A service that it may buy; every one unless named.", panel=RULES)
    ] = None,
    per_spend: Annotated[str | None, option("USDC that one spend may be.", panel=RULES)] = None,
    window: Annotated[
        list[str] | None, option("USDC in any interval of a length: 1h=20.", panel=RULES)
    ] = None,
    spends_max: Annotated[int | None, option("How many spends.", panel=RULES)] = None,
    approval_above: Annotated[
        str | None, option("What costs more waits for `approve yes`.", panel=RULES)
    ] = None,
    limit: Annotated[list[str] | None, option("A budget of another currency: ETH=0.1.", panel=RULES)] = None,
    asset: Annotated[list[str] | None, option("A CAIP-19 id that it may spend.", panel=RULES)] = None,
    chain: Annotated[list[int] | None, option("A chain id that it may spend on.", panel=RULES)] = None,
    payee: Annotated[list[str] | None, option("An address that it may pay.", panel=RULES)] = None,
    operation: Annotated[list[str] | None, option("An operation that it may do.", panel=RULES)] = None,
    refunds_restore: Annotated[
        bool,
        typer.Option(
            "--refunds-restore", help="What a payee gives back may be spent again.", rich_help_panel=RULES
        ),
    ] = False,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Make a session, and write the bundle that its delegate needs.

    Its keys are made here; the platform never learns them. With the owner's wallet at hand (--key-file) a recovery copy
    is stored at once, which `session fund` and `session reclaim` need. Without one, keep the bundle.
    """
    from valetkey.cli.sessions_shown import data_of, facts_of, handed_over
    from valetkey.cli.words import budget_of, limits_of, listed, moment_of, seconds_of, windows_of

    asked = {
        "budget_usdc": budget_of(budget),
        "expiry": seconds_of(expires_in, "--expires-in"),
        "allowed_service_ids": list(service or ()),
        "label": label,
        "sole_label": sole_label,
        "delegate": delegate,
        "per_spend_usdc": per_spend,
        "windows": windows_of(window or (), "--window"),
        "spends_max": spends_max,
        "not_before": moment_of(not_before, "--not-before"),
        "approval_above_usdc": approval_above,
        "limits": limits_of(limit or (), "--limit"),
        "allowed_assets": listed(asset),
        "allowed_chains": listed(chain),
        "allowed_payees": listed(payee),
        "allowed_operations": listed(operation),
        "refunds_restore": refunds_restore,
        "funding": funding,
    }
    if enrollment is not None:
        owner = place.owner(wallet=True)
        with place.waiting("making the session"):
            enrolled = owner.create_session(**asked, enrollment=enrollment)  # type: ignore[arg-type]
        view = owner.get_session(enrolled.session_id)
        return Told({"session": data_of(view)}, facts_of(view))
    owner = place.owner(wallet=funding == "grant")
    with place.destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        with place.waiting("making the session"):
            made = owner.create_session(**asked)  # type: ignore[arg-type]  # by name, as above
            kept.put(made.serialize())
            is_recoverable = place.secret("owner_key") is not None
            if is_recoverable and funding != "grant":
                owner.keep_recovery(made)
    return handed_over(owner.get_session(made.session_id), kept, out, is_recoverable=is_recoverable)


@command(session, "list", needs=OWNER)
def list_sessions(
    place: "Place",
    status: Annotated[
        Literal["active", "pending", "exhausted", "paused", "expired", "revoked"] | None,
        option("Those of this status alone."),
    ] = None,
    label: Annotated[str | None, option("Those with this label alone.")] = None,
    delegate: Annotated[str | None, option("Those that this delegate holds.")] = None,
    parent: Annotated[str | None, option("Those that were made out of this session.")] = None,
    role: Annotated[Literal["buyer", "seller"] | None, option("Those of buyers, or of sellers.")] = None,
    chain: Annotated[int | None, option("Those that may spend on this chain id.")] = None,
    sort: Annotated[
        Literal["newest", "oldest", "expiry", "label"], typer.Option(help="What comes first.")
    ] = "newest",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out first.", min=0)] = 0,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every one, page by page.")] = False,
) -> Told:
    """List the owner's sessions, newest first, ended ones too."""
    from valetkey.cli.sessions_shown import data_of, table_of
    from valetkey.cli.told import more_of

    owner = place.owner()
    filters = {
        "status": status,
        "label": label,
        "delegate": delegate,
        "parent": parent,
        "role": role,
        "chain": chain,
        "sort": sort,
    }
    if all_of_them:
        with place.waiting("reading the sessions"):
            found = list(owner.iter_sessions(**filters))  # type: ignore[arg-type]  # by name, as above
        return Told({"sessions": [data_of(one) for one in found], "total": len(found)}, table_of(found))
    page = owner.list_sessions(**filters, limit=limit, offset=offset)  # type: ignore[arg-type]
    data = {
        "sessions": [data_of(one) for one in page.sessions],
        "total": page.total,
        "limit": page.limit,
        "offset": page.offset,
    }
    return Told(data, table_of(page.sessions), more_of(len(page.sessions), page.total, offset, has_all=True))


@command(session, "show", needs=ANYBODY)
def show(
    place: "Place",
    session_id: Annotated[
        str | None,
        typer.Argument(
            help="The session's id; the one that is held unless given.",
            metavar="[SESSION]",
            show_default=False,
        ),
    ] = None,
) -> Told:
    """Show a session: its rules, what is spent, held and left. Without an id, the one that is held here."""
    from valetkey.cli.complaint import Complaint
    from valetkey.cli.sessions_shown import data_of, facts_of
    from valetkey.wire.errors import Exit

    if session_id is not None:
        view = place.owner().get_session(session_id)
        return Told(data_of(view), facts_of(view))
    held = place.holder().session
    if held is None:
        raise Complaint("this bundle has no token: no platform knows its session", Exit.INPUT)
    return Told(data_of(held), facts_of(held))


@command(session, "tree", needs=OWNER)
def tree(place: "Place", session_id: SessionId) -> Told:
    """List a session and all that were made out of it, a parent before its children."""
    from valetkey.cli.sessions_shown import COLUMNS, data_of, row_of
    from valetkey.cli.told import rows

    found = place.owner().tree(session_id)
    first = found[0].depth if found else 0
    lines = []
    for one in found:
        name, *rest = row_of(one)
        lines.append(("  " * (one.depth - first) + str(name), *rest))
    return Told({"sessions": [data_of(one) for one in found]}, rows(COLUMNS, lines, "no sessions"))


@command(session, "pause", needs=OWNER)
def pause(place: "Place", session_id: SessionId) -> Told:
    """Stop a session for a while: it buys nothing until `session resume`. What was bought goes its way."""
    return _status(place.owner().pause_session(session_id))


@command(session, "resume", needs=OWNER)
def resume(place: "Place", session_id: SessionId) -> Told:
    """Let a paused session go on."""
    return _status(place.owner().resume_session(session_id))


@command(session, "revoke", needs=OWNER)
def revoke(
    place: "Place",
    session_id: Annotated[
        str | None, typer.Argument(help="The session's id.", metavar="[SESSION]", show_default=False)
    ] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every session of the owner.")] = False,
) -> Told:
    """End a session for ever, and all that were made out of it. Its token is dead when this returns.

    What is left in its wallet comes back by `session reclaim`.
    """
    from valetkey.core.errors import InvalidInput

    if all_of_them is (session_id is not None):
        raise InvalidInput("name a session, or say --all", field="SESSION")
    owner = place.owner()
    if session_id is not None:
        return _status(owner.revoke_session(session_id))
    revoked = owner.revoke_all_sessions()
    return Told({"revoked": revoked}, f"{revoked} sessions are revoked")


@command(session, "freeze", needs=OWNER)
def freeze(place: "Place") -> Told:
    """Stop every session of the owner at once, those that are made meanwhile too.

    `valetkey freeze --direct` does it without the platform.
    """
    return _fleet(place.owner().freeze())


@command(session, "thaw", needs=OWNER)
def thaw(place: "Place") -> Told:
    """Let the owner's sessions go on; one that was paused by itself stays paused."""
    return _fleet(place.owner().thaw())


def _status(view: object) -> Told:
    from valetkey.cli.sessions_shown import data_of
    from valetkey.wire.sessions import SessionView

    assert isinstance(view, SessionView)
    return Told(data_of(view), f"{view.session_id} is {view.status}")


def _fleet(view: object) -> Told:
    from valetkey.wire.sessions import FleetView

    assert isinstance(view, FleetView)
    return Told(view, f"every session is {'frozen' if view.frozen else 'free to go on'}")
