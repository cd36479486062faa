"""The third composition root and the `valetkey` command: the only part of the command line that names concrete chains.

Everything heavy is imported inside the commands, so that `valetkey --help` answers at once.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from valetkey.chains.evm.public import Roles, Survey
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

contracts = typer.Typer(help="The contracts on a chain.", no_args_is_help=True)
app.add_typer(contracts, name="contracts")

RpcUrl = Annotated[str, typer.Option(envvar="VALETKEY_RPC_URL", help="A node of the chain.")]
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


class LocalCluster:
    """The embedded cluster of Solana."""

    def start(self) -> "RunningChain":
        """Start it in a process of its own; it ends when we end. Raises DevChainError, also without solders."""
        from valetkey.chains.devsolana import DevSolana

        return DevSolana.start(slot_milliseconds=200)


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
    chain: Annotated[
        Literal["evm", "solana"],
        typer.Option(help="A purchase on an EVM chain, or a session on Solana (valetkey[solana])."),
    ] = "evm",
) -> None:
    """Play one delegation from end to end: what works, what is refused, and where every base unit went."""
    from valetkey.cli.demo.show import run_demo

    if chain == "solana":
        from valetkey.cli.demo.solana_staging import staged_on_solana

        raise typer.Exit(run_demo(staged_on_solana(LocalCluster()), as_json=as_json))
    from valetkey.cli.demo.staging import staged

    raise typer.Exit(run_demo(staged(LocalChains(), funding), as_json=as_json))


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


@contracts.command(name="deploy")
def deploy_contracts(
    owner: Annotated[str, typer.Option(help="Who may set everything in escrow and score.")],
    treasury: Annotated[str, typer.Option(help="Who gets the fees.")],
    resolver: Annotated[str, typer.Option(help="Who decides disputes.")],
    token: Annotated[list[str], typer.Option(help="A token that the escrow takes; USDC comes first.")],
    rpc_url: RpcUrl,
    key_file: Annotated[
        Path | None, typer.Option(help="The deployer's private key, instead of VALETKEY_DEPLOYER_KEY.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Write the chain's entry into this VALETKEY_NETWORKS_FILE.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done; send nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put Escrow, Score and SessionAllowance on a chain, at addresses that follow from their code and the roles."""
    from valetkey.chains.evm.public import Roles
    from valetkey.cli.contracts import address_of, key_of, run_deploy
    from valetkey.platform.networks import entry_for

    roles = Roles(
        owner=address_of(owner, "--owner"),
        treasury=address_of(treasury, "--treasury"),
        resolver=address_of(resolver, "--resolver"),
        tokens=tuple(address_of(one, "--token") for one in token),
    )
    key = key_of(key_file, "VALETKEY_DEPLOYER_KEY")

    def entry(found: "Survey") -> dict[str, object]:
        return {
            **entry_for(found.chain_id),
            "rpcUrl": rpc_url,
            "escrow": found.address("Escrow"),
            "score": found.address("Score"),
            "usdc": roles.tokens[0],
            "allowance": found.address("SessionAllowance"),
        }

    raise typer.Exit(
        run_deploy(_public_chain(rpc_url, key, roles), config, entry, dry_run=dry_run, as_json=as_json)
    )


@contracts.command(name="verify")
def verify_contracts(
    rpc_url: RpcUrl,
    config: Annotated[
        Path | None, typer.Option(help="Take the addresses from this VALETKEY_NETWORKS_FILE.")
    ] = None,
    escrow: Annotated[str | None, typer.Option(help="Address of the escrow.")] = None,
    score: Annotated[str | None, typer.Option(help="Address of the score.")] = None,
    allowance: Annotated[str | None, typer.Option(help="Address of the session allowance.")] = None,
    usdc: Annotated[str | None, typer.Option(help="Address of the token.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who the owner should be.")] = None,
    treasury: Annotated[str | None, typer.Option(help="Who the treasury should be.")] = None,
    resolver: Annotated[str | None, typer.Option(help="Who the resolver should be.")] = None,
    as_json: Json = False,
) -> None:
    """Check code, roles and settings of the contracts on a chain: exit code 0 when everything holds."""
    from valetkey.cli.contracts import run_verify
    from valetkey.crypto.keys import PrivateKey

    given = {"escrow": escrow, "score": score, "allowance": allowance, "usdc": usdc}
    wanted = {"owner": owner, "treasury": treasury, "resolver": resolver}
    chain = _public_chain(rpc_url, PrivateKey.generate(), None, config, wanted)
    raise typer.Exit(run_verify(chain, given, as_json=as_json))


def _public_chain(
    rpc_url: str,
    key: "PrivateKey",
    roles: "Roles | None",
    config: Path | None = None,
    wanted: dict[str, str | None] | None = None,
) -> "Callable[[Any], Awaitable[Any]]":
    """What asks, and sends to, the chain behind a node, for the time of one job."""
    from valetkey.cli.public_chain import on_public_chain

    return lambda work: on_public_chain(rpc_url, key, roles, config, wanted or {}, work)


@app.command()
def freeze(
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Ask no platform: freeze on the chain, and sweep session wallets."),
    ] = False,
    thaw: Annotated[bool, typer.Option("--thaw", help="Let them go on instead.")] = False,
    key_file: Annotated[
        Path | None, typer.Option(help="The owner's private key, instead of VALETKEY_OWNER_KEY.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="The owner's state folder, instead of VALETKEY_HOME.")
    ] = None,
    rpc_url: Annotated[
        str | None,
        typer.Option(envvar="VALETKEY_RPC_URL", help="A node, instead of the one that was met last."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Stop every session of an owner at once. The API key is read from VALETKEY_API_KEY, with --direct none."""
    from valetkey.cli.freeze import run_by_platform, run_direct

    if direct:
        raise typer.Exit(run_direct(key_file, home, rpc_url, thaw=thaw, as_json=as_json))
    raise typer.Exit(run_by_platform(thaw=thaw, as_json=as_json))


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
