"""Options and arguments that several groups of commands have; those of who and where are in frame.py."""

from pathlib import Path
from typing import Annotated

import typer

RULES = "Rules"
"""The panel of the options that say what a session may."""

SessionId = Annotated[str, typer.Argument(help="The session's id.", metavar="SESSION")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="A new file for the bundle, mode 0600; or keyring:ACCOUNT, or keystore:NAME.",
        show_default=False,
    ),
]
PrintBundle = Annotated[bool, typer.Option("--print-bundle", help="Print the bundle on standard output.")]


def option(text: str, *flags: str, panel: str | None = None) -> object:
    """An option that is absent unless given."""
    return typer.Option(*flags, help=text, show_default=False, rich_help_panel=panel)
