"""`valetkey keystore`: the file of kept session keys and secrets. What is secret in it is never shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from valetkey.cli.frame import KEYSTORE, command
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.ports.keystore import Keystore

keystore = typer.Typer(
    help="Session keys and other secrets that are kept on this machine, encrypted.", no_args_is_help=True
)

SESSION = "session "
"""How the records of sessions begin, before the hash of the session's key."""


@command(keystore, "list", needs=KEYSTORE)
def list_records(place: "Place") -> Told:
    """List what is kept: names, and of which session. Nothing secret is shown."""
    from valetkey.cli.told import rows

    found = [_record(store, name) for store in [place.keystore()] for name in store.names()]
    table = rows(
        ("RECORD", "STATE", "SESSION", "LABEL", "CHAIN", "PAYS WITH"),
        (
            [one.get(name) for name in ("name", "state", "session_id", "label", "chain_id", "funding")]
            for one in found
        ),
        "nothing is kept",
    )
    return Told({"records": found}, table)


@command(keystore, "show", needs=KEYSTORE)
def show(
    place: "Place",
    name: Annotated[str, typer.Argument(help="A record's name, or the hash of a session's key.")],
) -> Told:
    """Show one record: which session it is of, and whether it opens."""
    from valetkey.cli.complaint import Complaint
    from valetkey.cli.told import facts
    from valetkey.wire.errors import Exit

    store = place.keystore()
    names = set(store.names())
    wanted = name if name in names else SESSION + name.lower()
    if wanted not in names:
        raise Complaint("nothing of this name is kept", Exit.NOT_FOUND)
    found = _record(store, wanted)
    return Told(
        found, facts({one.replace("_", " "): value for one, value in found.items() if value is not None})
    )


@command(keystore, "check", needs=KEYSTORE)
def check(place: "Place") -> Told:
    """Open every record, and name those that are damaged. Exit code 7 when there are any."""
    from valetkey.wire.errors import Exit

    store = place.keystore()
    found = [_record(store, name) for name in store.names()]
    damaged = [one["name"] for one in found if one["state"] != "ok"]
    data = {"records": len(found), "damaged": damaged}
    if not damaged:
        return Told(data, f"{len(found)} of {len(found)} records open")
    lines = "\n".join(f"damaged: {name}" for name in damaged)
    return Told(data, lines, (f"{len(damaged)} of {len(found)} records do not open",), Exit.ENVIRONMENT)


@command(keystore, "forget", needs=KEYSTORE)
def forget(
    place: "Place",
    name: Annotated[str, typer.Argument(help="What `--out keystore:NAME` called it.", metavar="NAME")],
) -> Told:
    """Forget a secret that was put here under a name; its backups keep it. Session keys of a Client stay."""
    from valetkey.cli.complaint import Complaint
    from valetkey.cli.secrets_at_hand import record_of
    from valetkey.wire.errors import Exit

    if not place.keystore().remove(record_of(name)):
        raise Complaint(f"no secret is called {name}", Exit.NOT_FOUND)
    return Told({"name": name, "forgotten": True}, f"{name} is forgotten")


@command(keystore, "passphrase", needs=KEYSTORE)
def passphrase(
    place: "Place",
    new_passphrase_file: Annotated[
        Path,
        typer.Option("--new-passphrase-file", help="A file with the new passphrase; - for standard input."),
    ],
) -> Told:
    """Lock every record with another passphrase, all at once or not at all.

    Copies of the file still open with the old one. What is damaged stays as it is, and is named.
    """
    from valetkey.cli.configured import SETTINGS, Found
    from valetkey.cli.secrets_at_hand import secret_of
    from valetkey.sdk.opening import change_lock

    path, old = place.keystore_path(), place.needed("passphrase")
    new = secret_of(
        Found(SETTINGS["passphrase"], str(new_passphrase_file), "--new-passphrase-file", is_file=True)
    )
    assert new is not None
    with place.waiting("locking every record anew"):
        damaged = change_lock(path, old, new=new)
    told = f"{path} opens with the new passphrase"
    return Told(
        {"keystore": str(path), "damaged": damaged}, told, tuple(f"damaged: {name}" for name in damaged)
    )


def _record(store: "Keystore", name: str) -> dict[str, Any]:
    """What may be told of a record."""
    from valetkey.crypto.wiping import wipe
    from valetkey.ports.keystore import DamagedRecord
    from valetkey.sdk.kept_sessions import SessionKeys

    told: dict[str, Any] = {"name": name, "state": "ok"}
    try:
        if name.startswith(SESSION):
            kept = SessionKeys(store).find(name.removeprefix(SESSION))
            if kept is not None:
                told |= {
                    "session_id": kept.session_id or None,
                    "label": kept.label or None,
                    "chain_id": kept.chain_id,
                    "funding": kept.funding,
                }
        else:
            secret = store.get(name)
            if secret is not None:
                wipe(secret)
    except DamagedRecord:
        told["state"] = "damaged"
    return told
