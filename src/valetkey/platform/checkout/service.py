"""The purchase: what is ordered, from whom, for how much, and the gate's answer with how to pay."""

from hashlib import sha256

import msgspec

from valetkey.core.agent import Agent
from valetkey.core.errors import InvalidInput
from valetkey.core.fees import platform_fee
from valetkey.core.money import format_units, parse_units, to_decimal
from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.core.service import Service, ServiceStatus
from valetkey.core.transaction import Transaction, spend_request
from valetkey.engine.gate import ALLOWED, Order
from valetkey.platform.approvals.asking import asking
from valetkey.platform.callers import Caller
from valetkey.platform.context import Network, Platform
from valetkey.platform.graduation import check_graduated
from valetkey.platform.idempotency import check_key
from valetkey.platform.outward import check_url
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.platform.spends.views import verdict
from valetkey.platform.webhooks.service import check_room
from valetkey.ports.ledger import Asking, Idempotency
from valetkey.wire.checkout import CheckoutRequest, CheckoutResult, CheckoutService, PaymentInstructions
from valetkey.wire.http import API_PREFIX, encode
from valetkey.wire.proofs import escrow_id
from valetkey.wire.spends import Verdict
from valetkey.wire.timestamps import iso_timestamp

AMOUNT_MAX = 2**128
"""No escrow holds more base units than this; the contract counts in 256 bits."""


async def purchase(
    platform: Platform, caller: Caller, asked: CheckoutRequest, idempotency_key: str | None
) -> CheckoutResult:
    """Order a service. The same idempotency key and body answer the same transaction, for ever."""
    service, seller, network = await _wanted(platform, caller, asked)
    idempotency = _idempotency(caller, asked, idempotency_key)
    known = await platform.gate.remembered(idempotency)
    if isinstance(known, Refused):
        raise RefusedRequest(known)
    if known is not None:
        return _result(known, service, seller, network)
    await _check_order(platform, caller, asked, service, seller)
    check_room(platform, caller.agent.id, asked.callback_url)
    check_room(platform, seller.id, service.endpoint_url)
    order = _order(caller, asked, service, seller, network)
    session = caller.session

    def question(transaction: Transaction) -> Asking:
        assert session is not None
        assert transaction.hold_id is not None
        return asking(platform, caller, session, spend_request(transaction), transaction.hold_id)

    placed = await platform.gate.spend(order, idempotency, question if session else None)
    if isinstance(placed, Refused):
        platform.metrics.decided(placed.first.code.value)
        raise RefusedRequest(placed)
    platform.metrics.decided(ALLOWED, placed.total)
    return _result(placed, service, seller, network)


async def check(platform: Platform, caller: Caller, asked: CheckoutRequest) -> Verdict:
    """What a session's order would be answered now: the dry run. Nothing is ordered or held by it."""
    if caller.session is None:
        raise refused(
            Code.WRONG_PARTY,
            "caller",
            "an owner buys without asking; this is for sessions",
            hint="use a session token",
        )
    service, seller, network = await _wanted(platform, caller, asked)
    closed: Refused | None = None
    try:
        await _check_order(platform, caller, asked, service, seller)
    except RefusedRequest as problem:
        closed = problem.refused
    total, said = platform.gate.check_order(_order(caller, asked, service, seller, network))
    return verdict(total, closed or said)


async def _wanted(
    platform: Platform, caller: Caller, asked: CheckoutRequest
) -> tuple[Service, Agent, Network]:
    """What is to be bought, of whom, and where. Raises NotFound, and a refusal of seller sessions."""
    if not caller.is_buyer:
        raise refused(Code.WRONG_PARTY, "role", "a seller session cannot buy", hint="use a buyer session")
    service = await platform.store.service(asked.service_id)
    if service is None:
        raise NotFound("Service not found")
    seller = await platform.store.agent(service.agent_id)
    if seller is None:
        raise NotFound("Service not found")
    network = platform.marketplace(service.network)
    return service, seller, network


def _order(
    caller: Caller, asked: CheckoutRequest, service: Service, seller: Agent, network: Network
) -> Order:
    return Order(
        service=service,
        seller=seller,
        buyer=caller.agent,
        session=caller.session,
        quantity=asked.quantity,
        asset=network.asset,
        escrow_address=network.escrow_address,
        payment_method=asked.payment_method,
        callback_url=asked.callback_url,
        request_payload=_payload(asked),
        dispute_window=asked.dispute_window or 0,
        abandonment_grace=asked.abandonment_grace or 0,
        criteria_hash=asked.criteria_hash,
    )


async def _check_order(
    platform: Platform, caller: Caller, asked: CheckoutRequest, service: Service, seller: Agent
) -> None:
    if asked.network is not None and asked.network != service.network:
        raise refused(
            Code.NETWORK_MISMATCH,
            "network",
            f"network_mismatch: the service is on {service.network}",
            hint=f"ask for network {service.network}",
        )
    if service.status is not ServiceStatus.ACTIVE:
        raise refused(
            Code.SERVICE_UNAVAILABLE, "status", f"the service is {service.status}", hint="look for another"
        )
    payer = (caller.session and caller.session.wallet_address) or caller.agent.wallet_address
    if service.agent_id == caller.agent.id or payer == seller.wallet_address:
        raise refused(Code.SELF_PURCHASE, "seller", "an agent does not buy from itself")
    if service.callback_required and asked.callback_url is None:
        raise InvalidInput("this service needs a callbackUrl", code="validation_failed", field="callbackUrl")
    if asked.callback_url is not None:
        check_url(asked.callback_url, platform.settings.test_mode)
    if service.price * asked.quantity == 0:
        raise refused(
            Code.SERVICE_UNAVAILABLE, "price", "a price of nothing cannot be paid through an escrow"
        )
    if service.price * asked.quantity >= AMOUNT_MAX:
        raise InvalidInput("the price times the quantity is more than any escrow holds", field="quantity")
    _check_max(asked, service)
    await check_graduated(platform, service.network, caller.agent.wallet_address)


def _check_max(asked: CheckoutRequest, service: Service) -> None:
    if asked.max_total is None:
        return
    subtotal = service.price * asked.quantity
    total, most = subtotal + platform_fee(subtotal), parse_units(asked.max_total, service.decimals)
    if total <= most:
        return
    costs, may = (f"{format_units(units, service.decimals)} {service.currency}" for units in (total, most))
    reason = Refusal(
        Code.PRICE_EXCEEDS_MAX,
        "max_total",
        f"the purchase costs {costs}, it may cost {may}",
        asked=total,
        limit=most,
        hint=f"look at the service again; allow {costs} or buy elsewhere",
    )
    raise RefusedRequest(Refused((reason,)))


def _idempotency(caller: Caller, asked: CheckoutRequest, key: str | None) -> Idempotency | None:
    if key is None:
        return None
    check_key(key)
    # The order as it was understood: blanks and the order of members do not make another body, nor do
    # members that were left out, so that a shape which grows still knows the keys of years ago.
    meant = {
        name: value
        for name, value in sorted(msgspec.structs.asdict(asked).items())
        if value is not None and value is not msgspec.UNSET
    }
    return Idempotency(f"checkout {caller.name}", key, sha256(encode(meant)).digest())


def _payload(asked: CheckoutRequest) -> bytes | None:
    payload = asked.request_payload
    return None if isinstance(payload, msgspec.UnsetType) else bytes(payload)


def _result(transaction: Transaction, service: Service, seller: Agent, network: Network) -> CheckoutResult:
    asset = transaction.total.asset
    total = to_decimal(transaction.total.units, asset.decimals)
    return CheckoutResult(
        transaction_id=transaction.id,
        status=str(transaction.status),
        total_charged=total,
        currency=asset.currency,
        payment_instructions=PaymentInstructions(
            type="crypto",
            escrow_contract=transaction.escrow_address,
            escrow_id="0x" + escrow_id(transaction.id).hex(),
            seller_address=transaction.seller_address,
            token_address=asset.address,
            token_symbol=asset.currency,
            token_decimals=asset.decimals,
            amount=str(transaction.subtotal),
            total_with_fee=str(transaction.total.units),
            currency=asset.currency,
            chain=network.view.chain,
            chain_id=asset.chain_id,
            fund_endpoint=f"{API_PREFIX}/transactions/{transaction.id}/fund",
            instructions=(
                f"Approve {total} {asset.currency} to the escrow contract, call createEscrow with totalWithFee,"
                " then post the transaction hash to fundEndpoint."
            ),
            expires_at=iso_timestamp(transaction.checkout_ends_at),
            dispute_window=transaction.dispute_window or None,
            abandonment_grace=transaction.abandonment_grace or None,
            criteria_hash=transaction.criteria_hash,
        ),
        service=CheckoutService(id=service.id, title=service.title, seller=seller.name),
    )
