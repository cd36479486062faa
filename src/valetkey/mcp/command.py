"""The command line of `python -m valetkey.mcp`. Secrets are never arguments: files, and the environment."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from valetkey.core.errors import ValetkeyError
from valetkey.mcp.plan import PORT, Plan
from valetkey.wire.errors import row_of

Folder = Annotated[
    Path | None,
    typer.Option("--bundles", help="Allow new sessions; their bundles go into this folder, mode 0600."),
]


def serve(
    owner: Annotated[bool, typer.Option("--owner", help="Serve the owner, by VALETKEY_API_KEY.")] = False,
    session_file: Annotated[
        Path | None, typer.Option(help="A file with the session's bundle; otherwise VALETKEY_SESSION.")
    ] = None,
    identity_file: Annotated[
        Path | None,
        typer.Option(help="A file with the age identity of a sealed bundle; otherwise VALETKEY_IDENTITY."),
    ] = None,
    bundle_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--bundle-passphrase-file",
            help="A file with the passphrase of a sealed bundle; otherwise VALETKEY_BUNDLE_PASSPHRASE.",
        ),
    ] = None,
    enrollment: Annotated[
        str | None,
        typer.Option(help="The code of keys that were enrolled here; otherwise VALETKEY_ENROLLMENT."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="A file with the passphrase of enrolled keys; otherwise VALETKEY_PASSPHRASE."),
    ] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file with the owner's API key; otherwise VALETKEY_API_KEY.")
    ] = None,
    bundles: Folder = None,
    http: Annotated[
        bool, typer.Option("--http", help="Streamable HTTP instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.", min=0, max=65535)] = PORT,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="The bearer token of HTTP, made when it is not there; otherwise VALETKEY_MCP_TOKEN."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name beside loopback by which it is reached; may be repeated.")
    ] = None,
    pay_host: Annotated[
        list[str] | None, typer.Option(help="A host that pay_x402 may ask, and no other; may be repeated.")
    ] = None,
    pay_private: Annotated[
        bool,
        typer.Option("--pay-private", help="The hosts of --pay-host may be in this machine's own network."),
    ] = False,
    base_url: Annotated[str | None, typer.Option(help="The platform; otherwise VALETKEY_BASE_URL.")] = None,
    rpc_url: Annotated[
        str | None, typer.Option(help="A node of the chain; otherwise VALETKEY_RPC_URL.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="The state folder; otherwise VALETKEY_HOME.")] = None,
) -> None:
    """Serve a session to a model over MCP: what it may see and spend, and nothing else."""
    from valetkey.mcp.run import run

    run(
        Plan(
            owner=owner,
            session_file=session_file,
            identity_file=identity_file,
            bundle_passphrase_file=bundle_passphrase_file,
            enrollment=enrollment,
            passphrase_file=passphrase_file,
            api_key_file=api_key_file,
            bundles=bundles,
            http=http,
            host=host,
            port=port,
            token_file=token_file,
            hosts=tuple(allow_host or ()),
            pay_hosts=tuple(pay_host or ()),
            pay_private=pay_private,
            base_url=base_url,
            rpc_url=rpc_url,
            state_dir=home,
        )
    )


def main() -> None:
    """Run it, and end the process with its exit code; an expected error is one sentence."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    problem: ValetkeyError | None = None
    try:
        app(prog_name="python -m valetkey.mcp")
    except ValetkeyError as error:
        problem = error
    if problem is not None:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(row_of(problem).exit_code)
