"""`valetkey mcp`: the MCP server of a session, or of the owner. What it does is in valetkey/mcp."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from valetkey.cli.place import Place

NEEDS = ("bundle", "api_key", "rpc_url", "base_url", "home")


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
            help="The bearer token of HTTP, made when it is not there; mcp.token in the state folder unless given.",
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
) -> None:
    """Serve a session to a model over MCP: what it may see and spend, and nothing else. Needs valetkey[mcp]."""
    from valetkey.cli.configured import SETTINGS
    from valetkey.mcp.plan import SESSION, SESSION_FILE, TOKEN, TOKEN_FILE, Plan
    from valetkey.mcp.run import run
    from valetkey.sdk.config import API_KEY

    kept = {name: os.environ[name] for name in (TOKEN, TOKEN_FILE) if name in os.environ}
    sessions = {name: os.environ[name] for name in (SESSION_FILE, SESSION) if os.environ.get(name)}
    if owner:
        kept[API_KEY] = place.needed("api_key").reveal()
    elif sessions and place.configured.find("bundle").source != SETTINGS["bundle"].flag:
        # What programs that start servers are told to set.
        kept |= sessions
    else:
        kept[SESSION] = place.needed("bundle").reveal()
    run(
        Plan(
            owner=owner,
            bundles=bundles,
            http=http,
            host=host,
            port=port,
            token_file=token_file,
            hosts=tuple(allow_host or ()),
            pay_hosts=tuple(pay_host or ()),
            base_url=place.base_url(),
            rpc_url=place.configured.text("rpc_url"),
            state_dir=place.configured.folder(),
            environment=kept,
        )
    )
