"""`valetkey approve`: the owner's yes or no to spends above a session's threshold."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.frame import OWNER, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.spends import SpendView

approve = typer.Typer(help="Spends that wait for the owner.", no_args_is_help=True)

ApprovalId = Annotated[str, typer.Argument(help="The spend's id, of `approve list`.", metavar="APPROVAL")]


@command(approve, "list", needs=OWNER)
def list_approvals(
    place: "Place", session: Annotated[str | None, option("Those of this session alone.")] = None
) -> Told:
    """List every spend that waits for the owner, newest first."""
    from valetkey.cli.told import local, plain, rows

    found = place.owner().approvals(session=session)
    table = rows(
        ("APPROVAL", "SESSION", "AMOUNT", "FOR", "PAYEE", "NOTE", "WAITS UNTIL"),
        (
            (
                *(one.spend_id, one.session_id, f"{one.amount} {one.currency}", one.operation),
                *(one.payee or one.service_id, one.note, local(one.expires_at)),
            )
            for one in found
        ),
        "nothing waits for you",
    )
    return Told({"approvals": plain(found)}, table)


@command(approve, "yes", needs=OWNER)
def yes(
    place: "Place",
    approval_id: ApprovalId,
    lasts: Annotated[str, typer.Option("--for", help="How long it may be gone on with.")] = "1h",
) -> Told:
    """Approve a spend: for one payee, amount and asset. It is decided again when it is gone on with."""
    from valetkey.cli.words import seconds_of

    seconds = seconds_of(lasts, "--for")
    return _told(place.owner().approve(approval_id, seconds=seconds))


@command(approve, "no", needs=OWNER)
def no(place: "Place", approval_id: ApprovalId) -> Told:
    """Reject a spend, or take back an approval that nothing was made of yet; its money is free again."""
    return _told(place.owner().reject(approval_id))


def _told(one: "SpendView") -> Told:
    return Told(one, f"{one.spend_id} ({one.amount} {one.currency}) is {one.state}")
