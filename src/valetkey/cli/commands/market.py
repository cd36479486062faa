"""`valetkey service` and `valetkey tx`: what is sold, bought, paid, delivered and accepted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.commands.session import more_of, option
from valetkey.cli.frame import ANYBODY, BUYER, command
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.services import ServiceView
    from valetkey.wire.transactions import TransactionView

service = typer.Typer(help="Services: what is on offer.", no_args_is_help=True)
tx = typer.Typer(help="Transactions: purchases, their payment, delivery and end.", no_args_is_help=True)

ServiceId = Annotated[str, typer.Argument(help="The service's id.", metavar="SERVICE")]
TransactionId = Annotated[str, typer.Argument(help="The purchase's id.", metavar="TRANSACTION")]
Categories = Literal["research", "summarization", "coding", "security", "data", "booking", "content", "other"]
Units = Literal["per_request", "per_document", "per_hour", "per_output", "flat"]
States = Literal[
    "pending", "escrowed", "processing", "delivered", "completed", "refunded", "disputed", "abandoned"
]


@command(service, "list", needs=ANYBODY)
def list_services(
    place: "Place",
    query: Annotated[
        str, typer.Argument(help="Words of the title or the description.", show_default=False)
    ] = "",
    category: Annotated[Categories | None, option("Those of this category alone.")] = None,
    max_price: Annotated[str | None, option("Those that cost no more, in USDC.")] = None,
    sort: Annotated[
        Literal["newest", "price_asc", "price_desc", "rating", "response_time"],
        typer.Option(help="What comes first."),
    ] = "newest",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out first.", min=0)] = 0,
) -> Told:
    """Search what is on offer."""
    from valetkey.cli.told import plain, rows

    page = place.stranger().search_services(
        query, max_price=max_price, category=category, sort_by=sort, limit=limit, offset=offset
    )
    table = rows(
        ("SERVICE", "TITLE", "PRICE", "FOR", "CATEGORY", "RATING", "SELLER"),
        (
            (one.id, one.title, money(one.price), unit(one), one.category, one.rating, one.agent.agent_name)
            for one in page.services
        ),
        "no services",
    )
    left = tuple(
        one.replace(", --all every one", "") for one in more_of(len(page.services), page.total, offset)
    )
    return Told(plain(page), table, left)


@command(service, "show", needs=ANYBODY)
def show_service(place: "Place", service_id: ServiceId) -> Told:
    """Show one service, also a paused or archived one."""
    return _service(place.stranger().get_service(service_id))


@command(service, "add", needs=ANYBODY)
def add(
    place: "Place",
    title: Annotated[str, typer.Option(help="What it is called.")],
    description: Annotated[str, typer.Option(help="What a buyer gets.")],
    category: Annotated[Categories, typer.Option(help="What kind of work it is.")],
    price: Annotated[str, typer.Option(help="USDC, without the fee.")],
    price_unit: Annotated[Units, typer.Option("--for", help="What the price is for.")] = "per_request",
    endpoint_url: Annotated[str | None, option("Where purchases are told.", "--endpoint-url")] = None,
    network: Annotated[
        Literal["base-sepolia", "base"], typer.Option(help="Where it is paid.")
    ] = "base-sepolia",
) -> Told:
    """Put a service on offer."""
    more = {} if endpoint_url is None else {"endpoint_url": endpoint_url}
    made = place.seller().list_service(
        title=title,
        description=description,
        category=category,
        price=price,
        price_unit=price_unit,
        network=network,
        **more,
    )
    return _service(made)


@command(service, "update", needs=ANYBODY)
def update(
    place: "Place",
    service_id: ServiceId,
    title: Annotated[str | None, option("Its new title.")] = None,
    description: Annotated[str | None, option("Its new description.")] = None,
    price: Annotated[str | None, option("Its new price in USDC.")] = None,
    endpoint_url: Annotated[str | None, option("Where purchases are told from now on.")] = None,
) -> Told:
    """Change a service; what is not named stays."""
    from valetkey.core.errors import InvalidInput

    named = {"title": title, "description": description, "price": price, "endpoint_url": endpoint_url}
    changes = {name: value for name, value in named.items() if value is not None}
    if not changes:
        raise InvalidInput("what is to change? name it")
    return _service(place.seller().update_service(service_id, **changes))


@command(service, "pause", needs=ANYBODY)
def pause(place: "Place", service_id: ServiceId) -> Told:
    """Take a service off the market for a while; `service resume` puts it back."""
    return _standing(place.seller().update_service(service_id, status="paused"))


@command(service, "resume", needs=ANYBODY)
def resume(place: "Place", service_id: ServiceId) -> Told:
    """Put a paused service back on the market."""
    return _standing(place.seller().update_service(service_id, status="active"))


@command(service, "archive", needs=ANYBODY)
def archive(place: "Place", service_id: ServiceId) -> Told:
    """Take a service off the market for good."""
    place.seller().archive_service(service_id)
    return Told({"id": service_id, "status": "archived"}, f"{service_id} is archived")


# Transactions


@command(tx, "list", needs=ANYBODY)
def list_transactions(
    place: "Place",
    role: Annotated[Literal["buyer", "seller", "all"], typer.Option(help="What you are in it.")] = "all",
    status: Annotated[States | None, option("Those of this status alone.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out first.", min=0)] = 0,
) -> Told:
    """List purchases, newest first; a seller's escrowed ones: oldest first."""
    from valetkey.cli.told import local, plain, rows

    page = place.buyer().list_transactions(role=role, status=status, limit=limit, offset=offset)
    table = rows(
        ("TRANSACTION", "STATUS", "TOTAL", "SERVICE", "ROLE", "SESSION", "MADE"),
        (
            (
                *(one.id, one.status, money(one.total_charged), titled(one), one.my_role, one.session_id),
                local(one.created_at),
            )
            for one in page.transactions
        ),
        "no transactions",
    )
    left = tuple(
        one.replace(", --all every one", "") for one in more_of(len(page.transactions), page.total, offset)
    )
    return Told(plain(page), table, left)


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
    from valetkey.cli.told import facts, plain
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


# How they are shown


def money(amount: object) -> str:
    """An amount with two decimals at least, and all that it has."""
    from decimal import Decimal

    assert isinstance(amount, Decimal)
    text = format(amount, "f")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def unit(one: "ServiceView") -> str:
    """What a price is for."""
    return one.price_unit.removeprefix("per_")


def titled(one: "TransactionView") -> str:
    """What was bought."""
    return one.service.title if one.service is not None else one.service_id


def _service(one: "ServiceView") -> Told:
    from valetkey.cli.told import facts, local

    shown = {
        "service": one.id,
        "title": one.title,
        "description": one.description,
        "category": one.category,
        "price": f"{money(one.price)} {one.currency} for each {unit(one)}"
        if unit(one) != "flat"
        else f"{money(one.price)} {one.currency}",
        "status": one.status,
        "network": one.network,
        "seller": f"{one.agent.agent_name} ({one.agent_id})",
        "rating": f"{one.rating} of {one.rating_count}" if one.rating is not None else None,
        "told at": one.endpoint_url,
        "since": local(one.created_at),
    }
    return Told(one, facts({name: value for name, value in shown.items() if value is not None}))


def _standing(one: "ServiceView") -> Told:
    return Told(one, f"{one.id} is {one.status}")


def _transaction(one: "TransactionView") -> Told:
    from valetkey.cli.told import facts, local

    shown = {
        "transaction": one.id,
        "status": one.status,
        "payment": one.payment_status,
        "service": titled(one),
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
