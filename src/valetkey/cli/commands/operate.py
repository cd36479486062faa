"""`valetkey dev`, `demo`, `serve`, `migrate`, `reseal`, `freeze`: what runs a platform, and stops everything."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.complaint import Complaint
from valetkey.cli.told import Told
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.cli.place import Place


def dev(
    place: "Place",
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
    database: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database, by its URL without a password.")
    ] = None,
    database_file: Annotated[
        Path | None, typer.Option(help="A file that holds such a URL, with a password or without.")
    ] = None,
    studio_port: Annotated[
        int, typer.Option(help="Port of the console; 0 is any free one.", min=0, max=65535)
    ] = 8789,
    studio: Annotated[bool, typer.Option(help="Serve the console too, where it is installed.")] = True,
    stop_with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends, for scripts.")
    ] = False,
) -> None:
    """Start chain, contracts, platform and console on loopback, and print how to reach them. Ctrl-C stops them."""
    from valetkey.cli.dev import postgres, run_dev
    from valetkey.cli.embedded import LocalChains
    from valetkey.cli.stack import Plan

    at = studio_port if studio and find_spec("nicegui") is not None else None
    plan = Plan(
        port=port,
        rpc_port=rpc_port,
        test_mode=test_mode,
        data=data,
        studio_port=at,
        database=postgres(database, database_file),
    )
    run_dev(plan, LocalChains(), as_json=place.as_json, stop_with_stdin=stop_with_stdin)


def demo(
    place: "Place",
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
    from valetkey.cli.embedded import LocalChains, LocalCluster

    if chain == "solana":
        from valetkey.cli.demo.solana_staging import staged_on_solana

        raise typer.Exit(run_demo(staged_on_solana(LocalCluster()), as_json=place.as_json))
    from valetkey.cli.demo.staging import staged

    raise typer.Exit(run_demo(staged(LocalChains(), funding), as_json=place.as_json))


def serve(
    _place: "Place",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.", min=0, max=65535)] = 8787,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", hidden=True)] = False,
) -> None:
    """Serve the platform. Settings come from VALETKEY_* variables; an unknown one stops the start."""
    from valetkey.cli.serving import adopt, listen, run_platform
    from valetkey.platform.observing.logs import make_log
    from valetkey.platform.settings import Settings

    settings = Settings.from_env()
    listener = listen(host, port) if fd is None else adopt(fd)
    if fd is None:
        make_log().info("listening", url=f"http://{host}:{listener.getsockname()[1]}")
    run_platform(listener, settings, stop_with_stdin=stop_with_stdin)


def migrate(place: "Place") -> Told:
    """Bring the tables of VALETKEY_DATABASE to this version. Forward only; take a copy before."""
    from valetkey.cli.embedded import migrated
    from valetkey.platform.settings import database_from_env

    with place.waiting("bringing the tables to this version"):
        before, after = migrated(database_from_env())
    told = f"version {after}, as it was" if before == after else f"version {before} -> {after}"
    return Told({"before": before, "after": after}, told)


def reseal(place: "Place") -> Told:
    """Seal the webhook secrets of agents under the new master secret, so that the old one may go.

    Reads the settings of `serve`: VALETKEY_MASTER_SECRET is the new one and VALETKEY_MASTER_SECRET_OTHER the old one.
    The platforms may run meanwhile. Done twice is done once.
    """
    from valetkey.cli.embedded import resealed
    from valetkey.platform.settings import Settings

    with place.waiting("sealing webhook secrets anew"):
        done = resealed(Settings.from_env())
    if done.unreadable:
        raise Complaint(
            f"of {done.unreadable} agents the webhook secret was sealed under neither master secret",
            Exit.ENVIRONMENT,
            hint="find the master secret of that time, or have these agents renew theirs",
        )
    return Told(
        {"agents": done.agents, "resealed": done.resealed},
        f"of {done.agents} agents with a webhook secret of their own, {done.resealed} were sealed anew",
    )


def freeze(
    place: "Place",
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Ask no platform: freeze on the chain, and sweep session wallets."),
    ] = False,
    thaw: Annotated[bool, typer.Option("--thaw", help="Let them go on instead.")] = False,
) -> Told:
    """Stop every session of an owner at once, by its API key; with --direct by its wallet, with the platform gone.

    --direct takes the networks, and the recovery copies whose wallets it sweeps, from the state folder.
    """
    from valetkey.cli.freeze import by_platform, directly

    return directly(place, thaw=thaw) if direct else by_platform(place, thaw=thaw)
