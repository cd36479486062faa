"""`valetkey mcp`: the MCP server of a session, or of the owner. What it does is in valetkey/mcp."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.frame import HOLDER

if TYPE_CHECKING:
    from valetkey.cli.place import Place

NEEDS = (*HOLDER, "api_key")


def mcp(
    place: "Place",
    owner: Annotated[bool, typer.Option("--owner", help="Serve the owner, by its API key.")] = False,
    bundles: Annotated[
        Path | None,
        typer.Option(
            help="Allow new sessions; their bundles go into this folder, mode 0600.", show_default=False
        ),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Streamable HTTP instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.", min=0, max=65535)] = 8788,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="The bearer token of HTTP, made when it is not there; in the state folder unless given.",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name beside loopback by which it is reached; may be repeated.", show_default=False
        ),
    ] = None,
    pay_host: Annotated[
        list[str] | None,
        typer.Option(help="A host that pay_x402 may ask, and no other; may be repeated.", show_default=False),
    ] = None,
    pay_private: Annotated[
        bool,
        typer.Option("--pay-private", help="The hosts of --pay-host may be in this machine's own network."),
    ] = False,
) -> None:
    """Serve a session to a model over MCP: what it may see and spend, and nothing else. Needs the extra mcp."""
    from valetkey.cli.configured import FLAG
    from valetkey.cli.held import BUNDLE as OF_BUNDLE
    from valetkey.cli.held import no_session, session_at_hand
    from valetkey.cli.secrets_at_hand import KEYSTORE
    from valetkey.mcp.plan import (
        BUNDLE,
        BUNDLE_PASSPHRASE,
        ENROLLMENT,
        ENVIRONMENT,
        IDENTITY,
        SESSION,
        SESSION_FILE,
        Plan,
    )
    from valetkey.mcp.run import run
    from valetkey.sdk.config import API_KEY
    from valetkey.sdk.keys_at_rest import PASSPHRASE

    kept = {name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)}
    files: dict[str, Path | None] = {}
    for member, setting, name in (
        ("session_file", "bundle", BUNDLE),
        ("identity_file", "identity", IDENTITY),
        ("bundle_passphrase_file", "bundle_passphrase", BUNDLE_PASSPHRASE),
        ("api_key_file", "api_key", API_KEY),
        ("passphrase_file", "passphrase", PASSPHRASE),
    ):
        found = place.configured.find(setting)
        files[member] = Path(found.value) if found.is_file and found.value else None
        if found.value and found.value.startswith(KEYSTORE):
            # The server knows no keystore: what is kept there goes to it opened.
            files[member], kept[name] = None, place.needed(setting).reveal()
        elif found.value and not found.is_file:
            kept[name] = found.value
    enrollment = None
    named = [one for one in map(place.configured.find, ("bundle", "enrollment")) if one.value is not None]
    if owner:
        files["session_file"] = None
        if not (files["api_key_file"] or kept.get(API_KEY)):
            place.needed("api_key")
    elif any(kept.get(name) for name in (SESSION_FILE, SESSION)) and all(one.rank != FLAG for one in named):
        # What programs that start servers are told to set counts more than what is lying around.
        files["session_file"] = None
    else:
        which = session_at_hand(place.configured)
        if which is None:
            raise no_session()
        kept.pop(ENROLLMENT, None)
        if which != OF_BUNDLE:
            enrollment, files["session_file"] = which, None
            kept.pop(BUNDLE, None)
    run(
        Plan(
            owner=owner,
            enrollment=enrollment,
            bundles=bundles,
            http=http,
            host=host,
            port=port,
            token_file=token_file,
            hosts=tuple(allow_host or ()),
            pay_hosts=tuple(pay_host or ()),
            pay_private=pay_private,
            base_url=place.base_url(),
            rpc_url=place.configured.text("rpc_url"),
            state_dir=place.configured.folder(),
            environment=kept,
            **files,
        )
    )
