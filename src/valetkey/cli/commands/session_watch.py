"""`valetkey session watch` and `events`: what happens, as it happens. What follows it is in cli/watching.py."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.commands.session import session
from valetkey.cli.frame import OWNER, command
from valetkey.cli.options import option

if TYPE_CHECKING:
    from valetkey.cli.place import Place


@command(session, "watch", needs=OWNER)
def watch(
    place: "Place",
    session_ids: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sessions; every living one unless named.", metavar="[SESSION]...", show_default=False
        ),
    ] = None,
    every: Annotated[str, typer.Option(help="How often it looks, also when nothing is told.")] = "5s",
    lasts: Annotated[str | None, option("End after so long; Ctrl-C ends it any time.", "--for")] = None,
) -> None:
    """Watch sessions live: what they spend, hold and have left. With --json one line for each change.

    It ends when every session that was named is revoked or expired, and by Ctrl-C (exit code 130).
    """
    from valetkey.cli.watching import run_watch
    from valetkey.cli.words import maybe_seconds, seconds_of

    run_watch(place, session_ids or [], seconds_of(every, "--every"), maybe_seconds(lasts, "--for"))


@command(session, "events", needs=OWNER)
def events(
    place: "Place",
    cursor: Annotated[
        str | None,
        option("Go on after this event; 0 begins with everything. What happens from now on unless given."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="End after so many events.", min=1, show_default=False)
    ] = None,
) -> None:
    """Follow the owner's events: every decision, yes and no. With --json one line for each."""
    from valetkey.cli.watching import run_events

    run_events(place, cursor, count)
