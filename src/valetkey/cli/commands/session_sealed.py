"""`valetkey session seal`: a bundle as an age file, which only its recipients, or whoever knows a passphrase, open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.commands.session import session
from valetkey.cli.frame import BUNDLE, WALLET, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.sdk.session_info import SessionInfo


@command(session, "seal", needs=(*BUNDLE, *WALLET))
def seal(
    place: "Place",
    session_id: Annotated[
        str | None,
        typer.Argument(
            help="A session of the owner's; that of the bundle unless given.",
            metavar="[SESSION]",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        list[str] | None, option("An age public key, age1..., that opens it; may be repeated.")
    ] = None,
    recipients: Annotated[
        Path | None, option("A file of such keys, one a line; - for standard input.", "--to-file")
    ] = None,
    binary: Annotated[
        bool, typer.Option("--binary", help="Bytes instead of text; into a file alone.")
    ] = False,
    out: Annotated[Path | None, option("A new file for it, mode 0600; standard output unless given.")] = None,
) -> Told:
    """Seal a session's bundle to a delegate's age keys, or under a passphrase (--bundle-passphrase-file).

    The owner names a session, whose recovery copy is opened; whoever holds a bundle seals that, without a network. The
    delegate opens it with --identity-file, or the passphrase, wherever a bundle is taken; the age tool opens it, too.
    """
    from valetkey.cli.told import Raw, facts

    named = [*(to or ()), *_lines(recipients)]
    info = _info(place, session_id, to_recipients=bool(named))
    passphrase = None if named else place.secret("bundle_passphrase")
    assert named or passphrase is not None, "it was looked at before"
    with place.destination("sealed bundle", out, printed=True, flag="--out", warning="") as kept:
        with place.waiting("sealing"):
            if binary:
                kept.put(info.seal(named or None, passphrase=passphrase, armored=False))
            else:
                kept.put(info.seal(named or None, passphrase=passphrase))
    data = {"session_id": session_id, "recipients": named, **kept.data("sealed")}
    if kept.text is not None:
        return Told(data, Raw(kept.text.rstrip("\n")))
    told = {"session": session_id, "opens with": " ".join(named) or "the passphrase", "sealed bundle in": out}
    return Told(data, facts({name: value for name, value in told.items() if value is not None}))


def _info(place: "Place", session_id: str | None, *, to_recipients: bool) -> "SessionInfo":
    """What is to be sealed. Raises Complaint, also where nothing says for whom."""
    from valetkey.cli.complaint import Complaint
    from valetkey.cli.configured import FLAG, SETTINGS
    from valetkey.sdk.session_info import info_of
    from valetkey.wire.child_bundle import parse_child
    from valetkey.wire.errors import Exit

    under = place.configured.find("bundle_passphrase")
    if not to_recipients and under.value is None:
        raise Complaint(
            "who opens it?", Exit.INPUT, hint=f"--to age1..., or {under.setting.flag} FILE for a passphrase"
        )
    if session_id is not None:
        if place.configured.find("bundle").rank == FLAG:
            raise Complaint("name a session, or give its bundle", Exit.INPUT)
        if to_recipients and under.rank == FLAG:
            raise Complaint(
                f"seal to recipients, or under a passphrase: not {under.source} with --to", Exit.INPUT
            )
        with place.waiting("opening the recovery copy"):
            return place.owner(wallet=True).refresh_session(session_id)
    # A passphrase in the command is what the bundle is sealed under, unless others open it.
    text = place.bundle(promised=to_recipients)
    if text is None:
        flag = SETTINGS["bundle"].flag
        raise Complaint("what is to be sealed?", Exit.INPUT, hint=f"a session's id, or {flag} FILE")
    bundle, narrowings = parse_child(text.reveal(), None)
    return info_of("", bundle, None, narrowings)


def _lines(recipients: Path | None) -> list[str]:
    from valetkey.cli.secrets_at_hand import read_text

    if recipients is None:
        return []
    lines = (line.strip() for line in read_text(recipients, "--to-file").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
