"""`valetkey audit`: the owner's audit log as a file, and its check without the platform."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.frame import OWNER, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place

audit = typer.Typer(help="The audit log.", no_args_is_help=True)


@command(audit, "export", needs=OWNER)
def export(
    place: "Place",
    path: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")],
    file_format: Annotated[
        Literal["jsonl", "csv"], typer.Option("--format", help="JSON Lines, or CSV.")
    ] = "jsonl",
    session: Annotated[str | None, option("Only the tree of this session.")] = None,
) -> Told:
    """Write an owner's audit log into a file, which is there when it is whole."""
    owner = place.owner()
    with place.waiting("reading the audit log"):
        written = owner.export_audit(path, format=file_format, session=session)
    return Told({"file": str(written), "format": file_format}, f"written to {written}")


@command(audit, "verify")
def verify(
    place: "Place",
    file: Annotated[str, typer.Argument(help="An audit export, JSON Lines or CSV; - for standard input.")],
    key: Annotated[
        str | None, option("The platform's public key, 64 hex digits, from a place you trust.")
    ] = None,
) -> None:
    """Check an audit export offline: exit code 0 when it holds, 1 when it was changed, 2 when it is none.

    For each chain it says OK, or the first line that does not hold and why. Without --key the signatures are
    checked against the key inside the file only.
    """
    from valetkey.cli.audit import run_verify

    raise typer.Exit(run_verify(file, key, as_json=place.as_json, waiting=place.waiting))
