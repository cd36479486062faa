"""`valetkey agent`: who the owner is, and its API keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.frame import ANYBODY, KEPT, OWNER, PLATFORM, command
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place

agent = typer.Typer(help="The owner's account, and its API keys.", no_args_is_help=True)
keys = typer.Typer(
    help="API keys: narrower ones for programs, and the end of a leaked one.", no_args_is_help=True
)
agent.add_typer(keys, name="keys")

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="A new file for the key, mode 0600; or keyring:ACCOUNT, or keystore:NAME.",
        show_default=False,
    ),
]
Print = Annotated[bool, typer.Option("--print-key", help="Print the key on standard output.")]


@command(agent, "register", needs=("owner_key", *KEPT, *PLATFORM))
def register(
    place: "Place",
    name: Annotated[str, typer.Option(help="What the agent is called; no other active one is.")],
    description: Annotated[str | None, typer.Option(help="What it does.", show_default=False)] = None,
    revoke_others: Annotated[
        bool,
        typer.Option(
            "--revoke-others", help="Revoke every other API key of this wallet's agent, as after a leak."
        ),
    ] = False,
    out: Out = None,
    print_key: Print = False,
) -> Told:
    """Register a wallet by its signature, and keep the API key that comes back.

    A wallet that is registered already gets another key for the same agent.
    """
    from valetkey import BuyerAgent
    from valetkey.cli.told import Raw, facts

    wallet = place.needed("owner_key")
    where = {one: value for one, value in place.where().items() if one != "rpc_url"}
    with place.destination("API key", out, printed=print_key, flag="--print-key") as kept:
        with (
            place.waiting("registering"),
            BuyerAgent.register(wallet, name, description, revoke_others=revoke_others, **where) as made,
        ):
            assert made.api_key is not None
            address = made.init_eoa_wallet(wallet)
            kept.put(made.api_key.reveal())
            data = {"agent_id": made.agent_id, "wallet_address": address, **kept.data("api_key")}
    if kept.text is not None:
        return Told(data, Raw(kept.text), (f"agent {made.agent_id}, wallet {address}",))
    return Told(data, facts({"agent": made.agent_id, "wallet": address, "API key in": out}))


@command(agent, "enroll", needs=("passphrase", *PLATFORM))
def enroll(
    place: "Place",
    label: Annotated[
        str | None, typer.Option(help="What this delegate calls itself.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="The wallet of the only owner it works for.", show_default=False)
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with the enrolment of this code.", show_default=False)
    ] = None,
    patience: Annotated[
        str | None, typer.Option("--for", help="How long it waits for the owner.", show_default=False)
    ] = None,
) -> None:
    """Make a delegate's keys here, print the code for their owner, and wait for the session that it makes.

    No private key leaves this machine. The owner says `session create --enrollment CODE`. With --json there are two
    documents, a line each: the code at once, and the session.
    """
    from valetkey.cli.enroll import run_enroll
    from valetkey.cli.words import maybe_seconds

    seconds = maybe_seconds(patience, "--for")
    run_enroll(
        label,
        owner=owner,
        resume=resume,
        base_url=place.base_url(),
        lock=place.secret("passphrase"),
        home=place.configured.folder(),
        timeout=seconds,
        as_json=place.as_json,
        waiting=place.waiting,
    )


@command(agent, "show", needs=OWNER)
def show(
    place: "Place",
    agent_id: Annotated[
        str | None, typer.Argument(help="Another agent; the owner itself unless given.", show_default=False)
    ] = None,
) -> Told:
    """Show the owner's wallet, score and fee; of another agent, how it ranks."""
    from valetkey.cli.told import facts, local, plain

    owner = place.owner()
    if agent_id is not None:
        ranked = owner.get_discovery_score(agent_id)
        shown = facts(
            {
                "agent": ranked.agent_id,
                "ranks": f"{ranked.discovery_score:.2f} of 1",
                "score on chain": ranked.on_chain_score,
                "read": local(ranked.last_synced),
            }
        )
        return Told(ranked, shown)
    score, fee = owner.get_score(), owner.get_fee_tier()
    shown = facts(
        {
            "wallet": score.address,
            "score": f"{score.score} of {score.required}" if not score.graduated else str(score.score),
            "main network": "open" if score.graduated else "not open yet",
            "fee": f"{fee.fee_percent} % ({fee.tier_name})",
        }
    )
    return Told({"score": plain(score), "fee": plain(fee)}, shown)


@command(agent, "list", needs=ANYBODY)
def list_agents(
    place: "Place",
    search: Annotated[
        str | None, typer.Argument(help="Words of the name or the description.", show_default=False)
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Who offers services of this category.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out first.", min=0)] = 0,
) -> Told:
    """List the directory of agents, newest first."""
    from valetkey.cli.told import local, plain, rows

    found = place.stranger().list_agents(search, category=category, limit=limit, offset=offset)
    table = rows(
        ("AGENT", "NAME", "RATING", "SINCE", "WALLET"),
        (
            (one.id, one.agent_name, one.seller_rating, local(one.created_at), one.wallet_address)
            for one in found
        ),
        "no agents",
    )
    return Told({"agents": plain(found), "limit": limit, "offset": offset}, table)


@command(keys, "list", needs=OWNER)
def list_keys(place: "Place") -> Told:
    """List the owner's API keys, newest first, ended ones too. No secret is among it."""
    from valetkey.cli.told import local, plain, rows

    found = place.owner().api_keys()
    table = rows(
        ("KEY", "NAME", "STATUS", "SCOPES", "MADE", "ENDS", "USED"),
        (
            (
                *(one.id, one.name, one.status, " ".join(one.scopes), local(one.created_at)),
                *(local(one.expires_at), local(one.last_used_at)),
            )
            for one in found
        ),
        "no API keys",
    )
    return Told({"keys": plain(found)}, table)


@command(keys, "create", needs=(*OWNER, *KEPT))
def create_key(
    place: "Place",
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str], typer.Option(help="What it may do, such as read or spends:approve; several times.")
    ],
    expires_in: Annotated[
        str | None,
        typer.Option(help="How long it lives, such as 30d; no end unless given.", show_default=False),
    ] = None,
    out: Out = None,
    print_key: Print = False,
) -> Told:
    """Make another API key, which may do no more than the one in use."""
    from valetkey.cli.told import Raw, facts, local, plain
    from valetkey.cli.words import maybe_seconds

    seconds = maybe_seconds(expires_in, "--expires-in")
    owner = place.owner()
    with place.destination("API key", out, printed=print_key, flag="--print-key") as kept:
        made = owner.create_api_key(name, scopes=scope, expires_in=seconds)
        kept.put(made.secret.reveal())
    data = {"key": plain(made.info), **kept.data("api_key")}
    if kept.text is not None:
        return Told(data, Raw(kept.text), (f"key {made.id}",))
    told = {
        "key": made.id,
        "scopes": " ".join(made.info.scopes),
        "ends": local(made.info.expires_at),
        "API key in": out,
    }
    return Told(data, facts(told))


@command(keys, "revoke", needs=OWNER)
def revoke_key(
    place: "Place", key_id: Annotated[str, typer.Argument(help="The key's id, of `agent keys list`.")]
) -> Told:
    """End an API key for ever: it opens nothing any more when this returns."""
    revoked = place.owner().revoke_api_key(key_id)
    return Told(revoked, f"{revoked.id} ({revoked.name}) is {revoked.status}")
