"""`valetkey mcp`: the MCP server of a session, or of the owner. What it does is in valetkey/mcp."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from valetkey.cli.place import Place

NEEDS = ("bundle", "passphrase", "api_key", "rpc_url", "base_url", "home")


def mcp(
    place: "Place",
    owner: Annotated[bool, typer.Option("--owner", help="Serve the owner, by its API key.")] = False,
    enrollment: Annotated[
        str | None,
        typer.Option(
            help="The code of keys that were enrolled here, in the place of a bundle; otherwise VALETKEY_ENROLLMENT.",
            show_default=False,
        ),
    ] = None,
    identity_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with the age identity of a sealed bundle; otherwise VALETKEY_IDENTITY.",
            show_default=False,
        ),
    ] = None,
    bundle_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--unseal-file",
            help="A file with the passphrase of a sealed bundle; otherwise VALETKEY_BUNDLE_PASSPHRASE.",
            show_default=False,
        ),
    ] = None,
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
    """Serve a session to a model over MCP: what it may see and spend, and nothing else. Needs valetkey[mcp]."""
    from valetkey.cli.configured import SETTINGS
    from valetkey.mcp.plan import BUNDLE, ENROLLMENT, ENVIRONMENT, SESSION, SESSION_FILE, Plan
    from valetkey.mcp.run import run
    from valetkey.sdk.config import API_KEY
    from valetkey.sdk.keys_at_rest import PASSPHRASE

    kept = {name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)}
    files: dict[str, Path | None] = {}
    for member, setting, name in (
        ("session_file", "bundle", BUNDLE),
        ("api_key_file", "api_key", API_KEY),
        ("passphrase_file", "passphrase", PASSPHRASE),
    ):
        found = place.configured.find(setting)
        # What was written in the command counts more than what is lying around, such as what programs that start
        # servers are told to set.
        files[member] = Path(found.value) if found.is_file and found.value else None
        if found.value and not found.is_file:
            kept[name] = found.value
    says_bundle = place.configured.find("bundle").source == SETTINGS["bundle"].flag
    is_told = any(kept.get(name) for name in (SESSION_FILE, SESSION, ENROLLMENT))
    if owner or (not says_bundle and (enrollment is not None or is_told)):
        files["session_file"] = None
    if owner and not (files["api_key_file"] or kept.get(API_KEY)):
        place.needed("api_key")
    if not (owner or enrollment or is_told or files["session_file"] or kept.get(BUNDLE)):
        place.needed("bundle")
    run(
        Plan(
            owner=owner,
            enrollment=enrollment,
            identity_file=identity_file,
            bundle_passphrase_file=bundle_passphrase_file,
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
