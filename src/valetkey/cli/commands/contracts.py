"""`valetkey contracts`: put the contracts on a chain, and check them there."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from valetkey.cli.frame import command

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.cli.public_chain import Roles, Survey
    from valetkey.crypto.keys import PrivateKey

contracts = typer.Typer(help="The contracts on a chain.", no_args_is_help=True)

RpcUrl = Annotated[str, typer.Option(envvar="VALETKEY_RPC_URL", help="A node of the chain.")]


@command(contracts, "deploy")
def deploy_contracts(
    place: "Place",
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
) -> None:
    """Put Escrow, Score and SessionAllowance on a chain, at addresses that follow from their code and the roles."""
    from valetkey.cli.contracts import address_of, key_of, run_deploy
    from valetkey.cli.public_chain import Roles
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
        run_deploy(
            _public_chain(rpc_url, key, roles),
            config,
            entry,
            dry_run=dry_run,
            as_json=place.as_json,
            waiting=place.waiting,
        )
    )


@command(contracts, "verify")
def verify_contracts(
    place: "Place",
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
) -> None:
    """Check code, roles and settings of the contracts on a chain: exit code 0 when everything holds."""
    from valetkey.cli.contracts import run_verify
    from valetkey.crypto.keys import PrivateKey

    given = {"escrow": escrow, "score": score, "allowance": allowance, "usdc": usdc}
    wanted = {"owner": owner, "treasury": treasury, "resolver": resolver}
    chain = _public_chain(rpc_url, PrivateKey.generate(), None, config, wanted)
    raise typer.Exit(run_verify(chain, given, as_json=place.as_json, waiting=place.waiting))


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
