"""`valetkey backup`, `restore`, `release`: copies of the platform's database, and what a restored one may do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.told import Told
from valetkey.wire.timestamps import iso_timestamp

if TYPE_CHECKING:
    from valetkey.cli.place import Place


def backup(
    place: "Place",
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.", metavar="FILE")],
) -> Told:
    """Copy the SQLite file of VALETKEY_DATABASE while it is in use, and check the copy.

    The copy is of one moment, has mode 0600, and is there when it is whole: its pages and every audit chain hold. A
    platform does not serve it before `valetkey release`. For PostgreSQL use its own tools.
    """
    from valetkey.cli.embedded import backed_up
    from valetkey.platform.settings import database_from_env

    with place.waiting("copying and checking"):
        done = backed_up(database_from_env(), file)
    return Told(
        {
            "file": str(done.path),
            "version": done.version,
            "latest": iso_timestamp(done.taken_at),
            "chains": done.chains,
            "entries": done.entries,
        },
        f"{done.path}: version {done.version}, {done.chains} audit chains of {done.entries} entries hold",
    )


def restore(
    place: "Place",
    file: Annotated[Path, typer.Argument(help="A backup, or another copy of the file.", metavar="FILE")],
) -> Told:
    """Put a copy of a SQLite file where VALETKEY_DATABASE says, where nothing may be, and check it.

    It is not served before `valetkey release`, for it does not know what happened after it was taken.
    """
    from valetkey.cli.embedded import restored
    from valetkey.platform.settings import database_from_env

    with place.waiting("copying and checking"):
        done = restored(file, database_from_env())
    return Told(
        {
            "file": str(done.path),
            "version": done.version,
            "latest": iso_timestamp(done.taken_at),
            "chains": done.chains,
            "entries": done.entries,
        },
        f"{done.path}: version {done.version}, {done.chains} audit chains of {done.entries} entries hold\n"
        f"It knows nothing from after {iso_timestamp(done.taken_at)}. Before it is served: valetkey release",
    )


def release(
    place: "Place",
    nothing_lost: Annotated[
        bool,
        typer.Option("--nothing-lost", help="It was only moved: nobody was served since the copy was taken."),
    ] = False,
) -> Told:
    """Let a restored database be served, after its sessions and API keys are ended.

    What was revoked or spent after the copy was taken is not known to it. So every session and every key of before is
    ended; owners register again with their wallets and make new ones. Both SQLite and PostgreSQL.
    """
    from valetkey.cli.embedded import released
    from valetkey.platform.settings import database_from_env

    with place.waiting("ending what was alive in the copy"):
        done = released(database_from_env(), nothing_lost=nothing_lost)
    told = (
        "it may be served, and nothing was ended"
        if nothing_lost
        else f"it may be served; ended: {done.sessions} sessions and {done.keys} API keys of {done.agents} agents"
    )
    return Told({"agents": done.agents, "sessions": done.sessions, "keys": done.keys}, told)
