"""The third composition root and the `valetkey` command: the only part of the command line that names concrete chains.

Everything heavy is imported inside the commands, so that `valetkey --help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from valetkey.cli.stack import RunningChain
    from valetkey.crypto.keys import PrivateKey
    from valetkey.wire.network import Contracts

app = typer.Typer(
    name="valetkey",
    help="Valet keys for autonomous agents: sessions whose spending limits hold.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

audit = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(audit, name="audit")

Json = Annotated[bool, typer.Option("--json", help="Print data for programs.")]


class LocalChains:
    """The embedded chain and the contracts that are deployed to it."""

    def start(self, port: int, data: Path | None) -> "RunningChain":
        """Start the chain in a process of its own; it ends when we end."""
        from valetkey.chains.devchain import DevChain

        return DevChain.start(port=port, data_dir=data)

    def deploy(self, rpc_url: str) -> "Contracts":
        """Deploy Escrow, Score, SessionAllowance and TestUSDC with the first well-known account."""
        from valetkey.chains.devchain.accounts import dev_private_key
        from valetkey.chains.evm.deploy import deploy
        from valetkey.chains.evm.signer import LocalSigner
        from valetkey.crypto.keys import PrivateKey
        from valetkey.wire.network import Contracts

        made = deploy(rpc_url, LocalSigner(PrivateKey(dev_private_key(0))))
        return Contracts(escrow=made.escrow, score=made.score, usdc=made.usdc, allowance=made.allowance)

    def resolver_key(self) -> "PrivateKey":
        """Of the first well-known account, which deployed the contracts."""
        from valetkey.chains.devchain.accounts import dev_private_key
        from valetkey.crypto.keys import PrivateKey

        return PrivateKey(dev_private_key(0))

    def warm_up(self) -> None:
        """Import what deploying needs, while the chain starts."""
        import importlib

        importlib.import_module("valetkey.chains.evm.deploy")


@app.command()
def dev(
    as_json: Json = False,
    port: Annotated[
        int, typer.Option(help="Port of the platform; 0 is any free one.", min=0, max=65535)
    ] = 8787,
    rpc_port: Annotated[
        int, typer.Option(help="Port of the chain; 0 is any free one.", min=0, max=65535)
    ] = 8545,
    test_mode: Annotated[
        bool,
        typer.Option(
            "--test-mode",
            help="Loopback callbacks, lives of seconds, no balance gate, no rate limits.",
        ),
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Keep chain, contracts, database and secrets in this folder.")
    ] = None,
    stop_with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends, for scripts.")
    ] = False,
) -> None:
    """Start chain, contracts and platform on loopback, and print how to reach them. Ctrl-C stops them."""
    from valetkey.cli.dev import run_dev
    from valetkey.cli.stack import Plan

    plan = Plan(port=port, rpc_port=rpc_port, test_mode=test_mode, data=data)
    run_dev(plan, LocalChains(), as_json=as_json, stop_with_stdin=stop_with_stdin)


@app.command()
def demo(
    as_json: Json = False,
    funding: Annotated[
        Literal["wallet", "grant"],
        typer.Option(help="What the session pays with: a wallet of its own, or a grant of its owner's."),
    ] = "wallet",
) -> None:
    """Play one delegated purchase from end to end: what works, what is refused, and where every base unit went."""
    from valetkey.cli.demo.show import run_demo

    raise typer.Exit(run_demo(LocalChains(), as_json=as_json, funding=funding))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.", min=0, max=65535)] = 8787,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", hidden=True)] = False,
) -> None:
    """Serve the platform. Settings come from VALETKEY_* variables; an unknown one stops the start."""
    from valetkey.cli.serving import adopt, listen, run_platform
    from valetkey.platform.settings import Settings

    settings = Settings.from_env()
    listener = listen(host, port) if fd is None else adopt(fd)
    if fd is None:
        typer.echo(f"listening on http://{host}:{listener.getsockname()[1]}", err=True)
    run_platform(listener, settings, stop_with_stdin=stop_with_stdin)


@app.command()
def migrate() -> None:
    """Bring the tables of VALETKEY_DATABASE to this version. Forward only; take a copy before."""
    import asyncio

    from valetkey.crypto.secret import Secret
    from valetkey.platform.settings import database_from_env
    from valetkey.stores.postgres import migrate_database
    from valetkey.stores.sqlite import migrate_file

    database = database_from_env()
    if isinstance(database, Secret):
        before, after = asyncio.run(migrate_database(database.reveal()))
    else:
        before, after = migrate_file(database)
    typer.echo(f"version {after}, as it was" if before == after else f"version {before} -> {after}")


@audit.command()
def export(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    file_format: Annotated[
        Literal["jsonl", "csv"], typer.Option("--format", help="JSON Lines, or CSV.")
    ] = "jsonl",
    session: Annotated[str | None, typer.Option(help="Only the tree of this session.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The platform, instead of VALETKEY_BASE_URL.")] = None,
) -> None:
    """Write an owner's audit log into a file. The API key is read from VALETKEY_API_KEY."""
    from valetkey.cli.audit_export import run_export

    run_export(path, file_format, session, base_url)


@audit.command()
def verify(
    file: Annotated[str, typer.Argument(help="An audit export, JSON Lines or CSV; - for standard input.")],
    key: Annotated[
        str | None, typer.Option(help="The platform's public key, 64 hex digits, from a place you trust.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check an audit export offline: exit code 0 when it holds, 1 when it was changed, 2 when it is none."""
    from valetkey.cli.audit import run_verify

    raise typer.Exit(run_verify(file, key, as_json=as_json))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("valetkey"))


def main() -> None:
    """Run the command line. An expected error is one sentence and an exit code, never a traceback."""
    from valetkey.core.errors import ValetkeyError

    try:
        app()
    except ValetkeyError as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            from valetkey.wire.errors import row_of

            code = row_of(error).exit_code
        print(f"valetkey: {error}", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
