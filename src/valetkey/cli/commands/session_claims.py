"""`valetkey session claim-link`, `claim-status` and `claim-cancel`: an owner's links that give a session away, once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.commands.session import session
from valetkey.cli.frame import BUNDLE, OWNER, WALLET, command
from valetkey.cli.options import SessionId, option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place

ClaimId = Annotated[str, typer.Argument(help="The claim's id, clm_..., and never its link.", metavar="CLAIM")]

FIRST_COME = (
    "WARNING: whoever opens the {} first has the session. Give it to its delegate alone; it is shown once."
)


@command(session, "claim-link", needs=(*BUNDLE, *WALLET))
def claim_link(
    place: "Place",
    session_id: SessionId,
    expires_in: Annotated[str, typer.Option(help="How long it waits; then the session is revoked.")] = "15m",
    on_interception: Annotated[
        Literal["revoke", "pause"], typer.Option(help="What a second claimant does to the session.")
    ] = "revoke",
    out: Annotated[
        Path | None,
        option(
            "A new file for the link, mode 0600; or keyring:ACCOUNT, or keystore:NAME. Printed unless given."
        ),
    ] = None,
) -> Told:
    """Make a link that gives a session to whoever opens it first (`agent claim`), and tells of a second one.

    The bundle comes from the recovery copy, or from --bundle-file; it is sealed here, and the platform keeps
    ciphertext. Another call makes another link: the one before, unless it was opened, is dead.
    """
    from valetkey.cli.commands.session_money import info_at_hand
    from valetkey.cli.told import Raw, facts, local
    from valetkey.cli.words import seconds_of
    from valetkey.wire.timestamps import iso_timestamp

    seconds = seconds_of(expires_in, "--expires-in")
    owner = place.owner(wallet=place.secret("bundle") is None)
    with place.destination("link", out, printed=True, flag="--out", warning=FIRST_COME) as kept:
        with place.waiting("making the link"):
            info = info_at_hand(place, owner, session_id)
            link = owner.claim_link(info, expires_in=seconds, on_interception=on_interception)
            kept.put(link.reveal())
    data = {
        "claim_id": link.claim_id,
        "session_id": link.session_id,
        "expires_at": iso_timestamp(link.expires_at),
        "on_interception": on_interception,
        **kept.data("link"),
    }
    if kept.text is not None:
        told = f"claim {link.claim_id}, until {local(link.expires_at)}: `session claim-status` says what became of it"
        return Told(data, Raw(kept.text), (told,))
    shown = {
        "claim": link.claim_id,
        "session": link.session_id,
        "ends": local(link.expires_at),
        "link in": out,
    }
    return Told(data, facts(shown))


@command(session, "claim-status", needs=OWNER)
def claim_status(place: "Place", claim_id: ClaimId) -> Told:
    """Show where a claim stands: unclaimed, claimed, intercepted, expired or cancelled; when, and from where."""
    return _told(place.owner().claim_status(claim_id))


@command(session, "claim-cancel", needs=OWNER)
def claim_cancel(place: "Place", claim_id: ClaimId) -> Told:
    """Take a link back that nobody opened. Its session lives on."""
    return _told(place.owner().cancel_claim(claim_id))


def _told(view: object) -> Told:
    from valetkey.cli.told import facts, local
    from valetkey.wire.claims import ClaimView

    assert isinstance(view, ClaimView)
    shown = {
        "claim": view.claim_id,
        "session": view.session_id,
        "status": view.status,
        "ends": local(view.expires_at),
        "opened": local(view.claimed_at) if view.claimed_at else None,
        "opened from": view.claimed_from,
        "second one": local(view.intercepted_at) if view.intercepted_at else None,
        "second one from": view.intercepted_from,
    }
    return Told(view, facts({name: value for name, value in shown.items() if value is not None}))
