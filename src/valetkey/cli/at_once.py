"""Options that are answered before any command is looked for: the version, and what completes commands in a shell."""

from typing import Annotated

import typer

from valetkey.cli.completing import Install, Show


def show(context: typer.Context, wanted: bool) -> None:
    """Print the version, and end."""
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    print(version("valetkey"))
    raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", callback=show, is_eager=True),
]


def at_once(
    version: Version = False, install_completion: Install = False, show_completion: Show = False
) -> None:
    """Each ends the process where it is wanted: what is left for commands is nothing."""
