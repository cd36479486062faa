"""`valetkey service`: what is on offer."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.frame import ANYBODY, command
from valetkey.cli.options import option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.services import ServiceView

service = typer.Typer(help="Services: what is on offer.", no_args_is_help=True)

ServiceId = Annotated[str, typer.Argument(help="The service's id.", metavar="SERVICE")]
Categories = Literal["research", "summarization", "coding", "security", "data", "booking", "content", "other"]
Units = Literal["per_request", "per_document", "per_hour", "per_output", "flat"]


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
    from valetkey.cli.told import money, more_of, plain, rows

    page = place.stranger().search_services(
        query, max_price=max_price, category=category, sort_by=sort, limit=limit, offset=offset
    )
    table = rows(
        ("SERVICE", "TITLE", "PRICE", "FOR", "CATEGORY", "RATING", "SELLER"),
        (
            (one.id, one.title, money(one.price), _unit(one), one.category, one.rating, one.agent.agent_name)
            for one in page.services
        ),
        "no services",
    )
    return Told(plain(page), table, more_of(len(page.services), page.total, offset))


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


def _service(one: "ServiceView") -> Told:
    from valetkey.cli.told import facts, local, money

    shown = {
        "service": one.id,
        "title": one.title,
        "description": one.description,
        "category": one.category,
        "price": f"{money(one.price)} {one.currency} for each {_unit(one)}"
        if _unit(one) != "flat"
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


def _unit(one: "ServiceView") -> str:
    """What a price is for."""
    return one.price_unit.removeprefix("per_")
