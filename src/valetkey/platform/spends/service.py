"""Asking for spends, trying them out, and settling them. The gate decides; an owner needs no leave to spend."""

import base64
from decimal import Decimal
from hashlib import sha256

import msgspec

from valetkey.core.addresses import canonical_address
from valetkey.core.commands import Capture, Command, Execute, MarkUnknown, Refund, Void
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Money, format_units, parse_units
from valetkey.core.policy import PURCHASE
from valetkey.core.refusal import Code, Refused
from valetkey.core.spend import SpendRequest
from valetkey.core.transaction import Party
from valetkey.engine.authorizing import AuthorizationReader
from valetkey.engine.gate import ALLOWED
from valetkey.engine.returning import returned as came_back
from valetkey.platform.approvals.asking import asking
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.grants.drawing import check_draw, check_promise
from valetkey.platform.idempotency import check_key
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.platform.spends.assets import asset_of
from valetkey.platform.spends.authorized import check_authorized
from valetkey.platform.spends.views import spend_view, verdict
from valetkey.platform.webhooks.service import check_room
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Idempotency, Payment, Spend, SpendQuery, SpendRecord
from valetkey.wire.authorizations import is_authorization
from valetkey.wire.draws import DRAW, VOUCHER
from valetkey.wire.http import encode
from valetkey.wire.spends import SignedBody, SpendBody, SpendListQuery, SpendPage, SpendView, Verdict


async def ask(
    platform: Platform, caller: Caller, asked: SpendBody, key: str | None, hold_id: str
) -> SpendView:
    """Hold the money of a spend, or ask the owner. The same key and body answer the same spend, for ever."""
    record = _spender(caller)
    request = await _request(platform, record, asked)
    spend = Spend(
        session_id=record.session.id,
        hold_id=hold_id,
        request=request,
        expires_at=platform.clock.now() + asked.seconds,
        note=asked.note,
    )
    idempotency = None
    if key is not None:
        check_key(key)
        meant = {
            name: value for name, value in sorted(msgspec.structs.asdict(asked).items()) if value is not None
        }
        idempotency = Idempotency(f"spend {caller.name}", key, sha256(encode(meant)).digest())
    if record.asks:
        check_room(platform, caller.agent.id, caller.agent.webhook_url)
    waiting = asking(platform, caller, record, request, hold_id)
    done = await platform.gate.hold_spend(spend, idempotency, waiting)
    if isinstance(done, Refused):
        platform.metrics.decided(done.first.code.value)
        raise RefusedRequest(done)
    platform.metrics.decided(ALLOWED, request.amount)
    return spend_view(done)


async def check(platform: Platform, caller: Caller, asked: SpendBody) -> Verdict:
    """What the gate would say to this spend now: the dry run. Nothing is held by it."""
    record = _spender(caller)
    request = await _request(platform, record, asked)
    said = platform.gate.check(record, request)
    return verdict(request.amount, said)


async def show(platform: Platform, caller: Caller, spend_id: str) -> SpendView:
    """One spend."""
    return spend_view(await seen(platform, caller, spend_id))


async def listed(platform: Platform, caller: Caller, query: SpendListQuery) -> SpendPage:
    """The owner's spends, or those of the session that calls, newest first."""
    limit = page_limit(query.limit)
    session_id = query.session if caller.session is None else caller.session.session.id
    if caller.session is not None and query.session not in (None, session_id):
        return SpendPage(spends=[], total=0, limit=limit, offset=query.offset)
    found, total = await platform.store.spends(
        SpendQuery(caller.agent.id, session_id, query.state, limit, query.offset)
    )
    return SpendPage(spends=[spend_view(one) for one in found], total=total, limit=limit, offset=query.offset)


async def signed(platform: Platform, caller: Caller, spend_id: str, body: SignedBody) -> SpendView:
    """Keep what was signed, before it is sent. From here on the money counts as gone until proof."""
    record = await _own(platform, caller, spend_id)
    payment = Payment(base64.b64decode(body.payload), body.reference)
    if body.reference is not None and body.reference.startswith(VOUCHER):
        await check_promise(platform, record, payment.payload, body.reference)
    elif body.reference is not None and body.reference.startswith(DRAW):
        await check_draw(platform, record, payment.payload, body.reference)
    elif is_authorization(body.reference):
        check_authorized(caller, record, payment.payload, body.reference or "")
    return await _settle(platform, caller, spend_id, MarkUnknown(), payment)


async def execute(platform: Platform, caller: Caller, spend_id: str) -> SpendView:
    """Go on with a spend that was approved: it is decided again, and held."""
    record = await _own(platform, caller, spend_id)
    hold = record.hold
    if hold.request.operation == PURCHASE:
        raise InvalidInput("a purchase is executed by making it again", field="id")
    # As long as it was to be held when it was asked for.
    ends = platform.clock.now() + platform.settings.checkout_seconds
    return await _settle(platform, caller, spend_id, Execute(hold.request, ends))


async def capture(platform: Platform, caller: Caller, spend_id: str, amount: Decimal | None) -> SpendView:
    """What moved. A session says so of all that was held: less would give money back on its word alone."""
    record = await _own(platform, caller, spend_id)
    hold = record.hold
    decimals = CURRENCY_DECIMALS[hold.currency]
    units = hold.amount if amount is None else parse_units(amount, decimals)
    if caller.session is not None and units < hold.amount:
        raise refused(
            Code.OWNER_ONLY,
            "amount",
            "a session captures what was held; only the owner says that less moved",
            hint=f"capture {format_units(hold.amount, decimals)} {hold.currency}, or ask the owner",
        )
    return await _settle(platform, caller, spend_id, Capture(units))


async def void(platform: Platform, caller: Caller, spend_id: str, *, proven: bool) -> SpendView:
    """Give the money back: before anything was signed, or when the owner knows that nothing moved."""
    await _own(platform, caller, spend_id)
    if proven:
        caller.require_owner()
    return await _settle(platform, caller, spend_id, Void(proven))


async def refund(platform: Platform, caller: Caller, spend_id: str, amount: Decimal) -> SpendView:
    """What the payee gave back, in all; the budget gets it where the policy says so."""
    record = await _own(platform, caller, spend_id)
    units = parse_units(amount, CURRENCY_DECIMALS[record.hold.currency])
    return await _settle(platform, caller, spend_id, Refund(units))


async def returned(platform: Platform, caller: Caller, spend_id: str) -> SpendView:
    """Ask the chain what came back of the deposit of a channel, and count that; unchanged for any other spend."""
    record = await _own(platform, caller, spend_id)
    network = platform.network_of_chain(record.hold.request.amount.asset.chain_id)
    if network is None or not isinstance(network.reader, AuthorizationReader):
        return spend_view(record)
    found = await came_back(record, network.reader, await network.reader.final())
    if found is None:
        return spend_view(record)
    return spend_view(await _proven(platform, record, found))


async def seen(platform: Platform, caller: Caller, spend_id: str) -> SpendRecord:
    """A spend that the caller may see: its session, or its owner. Raises NotFound."""
    record = await platform.store.spend_record(spend_id)
    if record is None or record.owner_id != caller.agent.id:
        raise NotFound("Spend not found")
    if caller.session is not None and record.hold.session_id != caller.session.session.id:
        raise NotFound("Spend not found")
    return record


async def _own(platform: Platform, caller: Caller, spend_id: str) -> SpendRecord:
    """One that the caller may settle: a purchase is settled by the chain alone."""
    record = await seen(platform, caller, spend_id)
    if record.transaction_id is not None:
        raise refused(
            Code.WRONG_STATUS,
            "transaction",
            "this spend belongs to a purchase, which is settled by what the chain shows",
            hint=f"look at transaction {record.transaction_id}",
        )
    return record


async def _settle(
    platform: Platform,
    caller: Caller,
    spend_id: str,
    command: Command,
    payment: Payment | None = None,
) -> SpendView:
    done = await platform.store.settle(spend_id, command, by=caller.actor, payment=payment)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return spend_view(done)


async def _proven(platform: Platform, record: SpendRecord, command: Refund) -> SpendRecord:
    """What the chain proved, on its own authority; whoever counted more meanwhile is right too."""
    try:
        done = await platform.store.settle(record.hold.id, command, by=str(Party.PLATFORM))
    except Contradiction:
        done = None
    if isinstance(done, SpendRecord):
        return done
    return await platform.store.spend_record(record.hold.id) or record


def _spender(caller: Caller) -> SessionRecord:
    if caller.session is None:
        raise refused(
            Code.WRONG_PARTY,
            "caller",
            "an owner spends without asking; this is for sessions",
            hint="use a session token",
        )
    return caller.session


async def _request(platform: Platform, record: SessionRecord, asked: SpendBody) -> SpendRequest:
    """The request in base units of an asset. Raises InvalidInput."""
    if asked.operation == PURCHASE:
        raise InvalidInput(f"a {PURCHASE} is made at the checkout", field="operation")
    asset = await asset_of(platform, record, asked)
    amount = Money(parse_units(asked.amount, asset.decimals), asset)
    payee = canonical_address(asked.payee) if asked.payee else None
    return SpendRequest(amount, asked.service_id, payee, asked.operation)
