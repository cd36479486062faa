"""`valetkey x402`: pay what an HTTP service asks for, within the session's policy."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from valetkey.cli.frame import BUYER, HOLDER, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.sdk.x402.channel_left import ChannelLeft

x402 = typer.Typer(
    help="Services that are paid over HTTP (valetkey with its extra x402).", no_args_is_help=True
)

SUCCESS = range(200, 300)


@command(x402, "get", needs=HOLDER)
def get(
    place: "Place",
    url: Annotated[str, typer.Argument(help="What to ask for.", metavar="URL")],
    max_amount: Annotated[str, typer.Option(help="USDC that one payment may be at most.")],
    max_deposit: Annotated[
        str | None,
        option("USDC that a channel with the seller may hold at most; none is opened unless given."),
    ] = None,
    host: Annotated[
        list[str] | None, option("A host that may be paid: api.example.com, *.example.com. Any unless named.")
    ] = None,
    data: Annotated[
        Path | None, option("A file with a body to send as JSON (POST); - for standard input.")
    ] = None,
    once: Annotated[
        str | None, option("The same text is the same request, which is paid once for ever.")
    ] = None,
    wait_approval: Annotated[
        str | None, option("How long to wait for the owner where the policy asks for that.")
    ] = None,
) -> Told:
    """Ask for a URL as the holder of a session, and pay when it answers 402. The answer's body is printed.

    A lost answer is asked for again by the same command, and nothing is paid twice. What the policy or --max-amount
    does not allow is refused before anything is signed.
    """
    import httpx

    from valetkey.cli.complaint import Complaint
    from valetkey.cli.told import Raw, plain
    from valetkey.cli.words import json_of, maybe_seconds
    from valetkey.wire.errors import Exit

    body = json_of(data, "--data")
    seconds = maybe_seconds(wait_approval, "--wait-approval")
    holder = place.holder()
    asked: dict[str, Any] = {} if data is None else {"json": body}
    if once is not None:
        asked["headers"] = {"Idempotency-Key": once}
    try:
        with holder.http(
            hosts=host, max_amount=max_amount, max_deposit=max_deposit, wait_approval=seconds
        ) as http:
            with place.waiting("asking, and paying"):
                answer = http.request("GET" if data is None else "POST", url, **asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = (
            "this is no URL"
            if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol)
            else "there is no answer"
        )
        code = Exit.INPUT if what == "this is no URL" else Exit.ENVIRONMENT
        raise Complaint(
            f"{what} ({type(error).__name__})", code, hint="the same command again pays nothing twice"
        ) from None
    spend = plain(answer.extensions.get("valetkey.spend"))
    told = {
        "status": answer.status_code,
        "content_type": answer.headers.get("content-type"),
        "body": answer.text,
        "spend": spend,
    }
    failed = answer.status_code not in SUCCESS
    notes: tuple[str, ...] = (f"it answered {answer.status_code}",) if failed else ()
    if spend:
        notes += (f"paid by spend {spend['spend_id']}: what it cost, its session shows",)
    # What a stranger wrote steers no terminal; a pipe gets it as it is.
    shown = answer.text if sys.stdout.isatty() else Raw(answer.text)
    return Told(told, shown, notes, Exit.ENVIRONMENT if failed else Exit.OK)


@command(x402, "close", needs=HOLDER)
def close(place: "Place") -> Told:
    """Ask the sellers that are paid through channels to give back what is left in them: at once, and without gas.

    What a seller keeps comes back by `x402 withdraw`. The money is in the session's wallet then.
    """
    with place.waiting("asking the sellers"):
        found = place.holder().close_channels()
    return _channels(found)


@command(x402, "withdraw", needs=BUYER)
def withdraw(
    place: "Place",
    session_id: Annotated[
        str | None,
        typer.Argument(
            help="The session's id; that of the bundle unless given.", metavar="[SESSION]", show_default=False
        ),
    ] = None,
    chain: Annotated[
        str | None, option("Where the wallet is, by name or number, when that was never learnt here.")
    ] = None,
) -> Told:
    """Take back what is left in the channels of a session, whatever their sellers say; also after its end.

    The first call begins, and one after the channel's delay ends it. `session reclaim` sweeps the wallet then.
    """
    bundle = place.secret("bundle")
    if session_id is None:
        agent, named = place.holder(), None
    else:
        agent, named = place.owner(wallet=True), session_id if bundle is None else bundle
    with place.waiting("withdrawing"):
        found = agent.withdraw_channels(named, chain=chain)
    return _channels(found)


def _channels(found: "list[ChannelLeft]") -> Told:
    from valetkey.cli.told import local, plain, rows

    columns = ("channel", "payee", "deposited", "left", "returned", "state", "ready")
    shown = [
        (
            one.channel_id,
            one.payee,
            one.deposited,
            one.left,
            one.returned,
            one.state,
            local(one.ready_at) if one.ready_at else "",
        )
        for one in found
    ]
    return Told({"channels": plain(found)}, rows(columns, shown, "there is no channel"))
