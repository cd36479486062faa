"""`valetkey tx`: what is bought, paid, delivered and accepted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.frame import ANYBODY, BUYER, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.transactions import TransactionView

tx = typer.Typer(help="Transactions: purchases, their payment, delivery and end.", no_args_is_help=True)

ServiceId = Annotated[str, typer.Argument(help="The service's id.", metavar="SERVICE")]
TransactionId = Annotated[str, typer.Argument(help="The purchase's id.", metavar="TRANSACTION")]
States = Literal[
    "pending", "escrowed", "processing", "delivered", "completed", "refunded", "disputed", "abandoned"
]


@command(tx, "list", needs=ANYBODY)
def list_transactions(
    place: "Place",
    role: Annotated[Literal["buyer", "seller", "all"], typer.Option(help="What you are in it.")] = "all",
    status: Annotated[States | None, option("Those of this status alone.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out first.", min=0)] = 0,
) -> Told:
    """List purchases, newest first; a seller's escrowed ones: oldest first."""
    from valetkey.cli.told import local, money, more_of, plain, rows

    page = place.buyer().list_transactions(role=role, status=status, limit=limit, offset=offset)
    table = rows(
        ("TRANSACTION", "STATUS", "TOTAL", "SERVICE", "ROLE", "SESSION", "MADE"),
        (
            (
                *(one.id, one.status, money(one.total_charged), _titled(one), one.my_role, one.session_id),
                local(one.created_at),
            )
            for one in page.transactions
        ),
        "no transactions",
    )
    return Told(plain(page), table, more_of(len(page.transactions), page.total, offset))


@command(tx, "show", needs=ANYBODY)
def show_transaction(place: "Place", transaction_id: TransactionId) -> Told:
    """Show one purchase."""
    return _transaction(place.buyer().get_transaction(transaction_id))


@command(tx, "buy", needs=BUYER)
def buy(
    place: "Place",
    service_id: ServiceId,
    quantity: Annotated[int, typer.Option(help="How many.", min=1)] = 1,
    max_total: Annotated[str | None, option("USDC that it may cost, fee included.")] = None,
    request: Annotated[Path | None, option("A file with the request's JSON; - for standard input.")] = None,
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="Encrypt the request, so that only the seller reads it.")
    ] = False,
    callback_url: Annotated[str | None, option("Where the delivery is told.")] = None,
    idempotency_key: Annotated[
        str | None, option("The same text and order is the same purchase, for ever.", "--once")
    ] = None,
) -> Told:
    """Order a service as the holder of a session, or as the owner: the spend gate decides.

    Nothing is paid yet: `tx fund` does that.
    """
    from valetkey.cli.told import facts, money, plain
    from valetkey.cli.words import json_of

    payload = json_of(request, "--request")
    agent = place.buyer(wallet=encrypted)
    order = {
        "quantity": quantity,
        "max_total": max_total,
        "callback_url": callback_url,
        "idempotency_key": idempotency_key,
    }
    if encrypted:
        made = agent.purchase_encrypted(service_id, payload, **order)
    else:
        made = agent.purchase(service_id, request_payload=payload, **order)  # type: ignore[arg-type]
    told = {"transaction": made.id, "status": made.status, "total": f"{money(made.total)} {made.currency}"}
    return Told(plain(made), facts(told), (f"pay it: valetkey tx fund {made.id}",))


@command(tx, "fund", needs=BUYER)
def fund(place: "Place", transaction_id: TransactionId) -> Told:
    """Pay a purchase's escrow on chain, and let the platform prove it.

    Doing it again, also after it was killed, goes on with the same signed bytes and never pays twice.
    """
    from valetkey.cli.told import facts

    agent = place.buyer(wallet=True)
    with place.waiting("paying the escrow"):
        paid = agent.fund_and_verify(transaction_id)
    return Told(paid, facts({"transaction": paid.id, "status": paid.status, "paid by": paid.escrow_tx_hash}))


@command(tx, "deliver", needs=BUYER)
def deliver(
    place: "Place",
    transaction_id: TransactionId,
    payload: Annotated[
        Path, typer.Argument(help="A file with the delivery's JSON; - for standard input.", metavar="FILE")
    ],
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="Encrypt it, so that only the buyer reads it.")
    ] = False,
) -> Told:
    """Deliver a JSON value to the buyer. The same again is the same delivery. `tx prove` records it on chain."""
    from valetkey.cli.words import json_of

    value = json_of(payload, "FILE")
    seller = place.seller(wallet=encrypted)
    made = (
        seller.deliver_encrypted(transaction_id, value)
        if encrypted
        else seller.deliver(transaction_id, value)
    )
    return _transaction(made)


@command(tx, "prove", needs=BUYER)
def prove(
    place: "Place",
    transaction_id: TransactionId,
    payload: Annotated[
        Path,
        typer.Argument(help="A file with the JSON that was delivered; - for standard input.", metavar="FILE"),
    ],
) -> Told:
    """Record a delivery on chain by the hash of its JSON; the buyer's dispute window begins."""
    from valetkey.cli.words import json_of

    value = json_of(payload, "FILE")
    seller = place.seller(wallet=True)
    with place.waiting("recording the delivery"):
        tx_hash = seller.submit_delivery(transaction_id, value)
    told = f"recorded by {tx_hash}" if tx_hash else "the chain shows this delivery already"
    return Told({"id": transaction_id, "tx_hash": tx_hash}, told)


@command(tx, "confirm", needs=BUYER)
def confirm(
    place: "Place",
    transaction_id: TransactionId,
    of_session: Annotated[
        str | None, option("The owner acts for this session of its own.", "--session")
    ] = None,
) -> Told:
    """Accept a delivery on chain, which pays the seller."""
    agent = place.buyer(wallet=True)
    with place.waiting("releasing the escrow"):
        done = agent.confirm_and_release(transaction_id, session=of_session)
    return _transaction(done)


@command(tx, "dispute", needs=BUYER)
def dispute(
    place: "Place",
    transaction_id: TransactionId,
    reason: Annotated[str, typer.Option(help="What is wrong with the delivery.")],
    of_session: Annotated[
        str | None, option("The owner acts for this session of its own.", "--session")
    ] = None,
) -> Told:
    """Dispute a delivery on chain, inside its window, and tell the platform why."""
    agent = place.buyer(wallet=True)
    with place.waiting("disputing the delivery"):
        done = agent.dispute(transaction_id, reason, session=of_session)
    return _transaction(done)


def _transaction(one: "TransactionView") -> Told:
    from valetkey.cli.told import facts, local, money

    shown = {
        "transaction": one.id,
        "status": one.status,
        "payment": one.payment_status,
        "service": _titled(one),
        "quantity": one.quantity,
        "total": f"{money(one.total_charged)} {one.currency}, {money(one.platform_fee)} of it fee",
        "role": one.my_role,
        "session": one.session_id,
        "made": local(one.created_at),
        "pay until": local(one.expires_at) if one.status == "pending" else None,
        "paid by": one.escrow_tx_hash,
        "delivered": local(one.delivered_at) if one.delivered_at else None,
        "completed": local(one.completed_at) if one.completed_at else None,
        "disputed": one.dispute_reason,
    }
    return Told(one, facts({name: value for name, value in shown.items() if value is not None}))


def _titled(one: "TransactionView") -> str:
    """What was bought."""
    return one.service.title if one.service is not None else one.service_id
