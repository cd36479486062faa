"""`valetkey session`, its keys and its life: rotate, extend, and its bundle once more."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.commands.session import session
from valetkey.cli.frame import KEPT, OWNER, WALLET, command
from valetkey.cli.options import Out, PrintBundle, SessionId, option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place


@command(session, "rotate", needs=(*WALLET, *KEPT))
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
    new_code: Annotated[
        str | None,
        option(
            "The code of a delegate's new keys (`agent enroll`): then there is no bundle.", "--enrollment"
        ),
    ] = None,
    out: Out = None,
    print_bundle: PrintBundle = False,
) -> Told:
    """Put a session with new keys in the place of one, under the same rules unless others are named.

    The new wallet is empty: `session reclaim OLD --to NEW_WALLET` moves what is in the old one.
    """
    import msgspec

    from valetkey.cli.sessions_shown import data_of, facts_of, handed_over
    from valetkey.cli.words import budget_of, maybe_seconds, seconds_of

    seconds = 0 if grace == "0" else seconds_of(grace, "--grace")
    lives = maybe_seconds(expires_in, "--expires-in")
    asked = {
        "grace_seconds": seconds,
        "carry": carry,
        "expiry": lives,
        "budget_usdc": msgspec.UNSET if budget is None else budget_of(budget),
        "label": label,
    }
    owner = place.owner(wallet=new_code is not None)
    if new_code is not None:
        with place.waiting("making the session"):
            enrolled = owner.rotate_session(session_id, **asked, enrollment=new_code)  # type: ignore[arg-type]
        view = owner.get_session(enrolled.session_id)
        return Told({"session": data_of(view)}, facts_of(view))
    with place.destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        with place.waiting("making new keys"):
            made = owner.rotate_session(session_id, **asked)  # type: ignore[arg-type]  # by name, as above
            kept.put(made.serialize())
    is_recoverable = place.secret("owner_key") is not None
    return handed_over(owner.get_session(made.session_id), kept, out, is_recoverable=is_recoverable)


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
    from valetkey.cli.sessions_shown import data_of, facts_of
    from valetkey.cli.words import maybe_seconds

    seconds = maybe_seconds(expires_in, "--expires-in")
    view = place.owner().extend_session(session_id, expiry=seconds, budget_usdc=budget)
    return Told(data_of(view), facts_of(view))


@command(session, "bundle", needs=(*WALLET, *KEPT))
def bundle(place: "Place", session_id: SessionId, out: Out = None, print_bundle: PrintBundle = False) -> Told:
    """Make a session's bundle once more, with the end and the budget of now, out of its recovery copy."""
    from valetkey.cli.sessions_shown import handed_over

    owner = place.owner(wallet=True)
    with place.destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        kept.put(owner.refresh_session(session_id).serialize())
    return handed_over(owner.get_session(session_id), kept, out, is_recoverable=True)
