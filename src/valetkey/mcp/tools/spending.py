"""What a session pays: services, addresses, HTTP requests; and asking the owner for what is above its threshold."""

from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.mcp.answers import FAILURE, Json, decimal
from valetkey.mcp.desks import DelegateDesk
from valetkey.mcp.paying import PAID, SIGNED, paid_once
from valetkey.mcp.schemas import (
    ADDRESS_PATTERN,
    AGAIN,
    MAYBE,
    STATE,
    STRING,
    TOKEN_PATTERN,
    YES,
    address,
    amount,
    answer,
    anything,
    closed,
    flag,
    identifier,
    number,
    text,
)
from valetkey.mcp.tool import Tool
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.holds import AsyncHold
from valetkey.sdk.actions import Transfer
from valetkey.sdk.checkout import Checkout
from valetkey.sdk.errors import ApprovalRequired, ContractMisbehaved
from valetkey.sdk.executions import Execution

PURCHASE: Json = {
    "service_id": identifier("What to buy, from find_services."),
    "quantity": number("How many; 1 unless said.", 1, 1_000_000),
    "max_total": amount("The most that it may cost, in USDC, fee included: sellers change prices. Give it."),
    "request": anything("What the seller is to do, as the service describes it: any JSON value."),
    "encrypt": flag("Whether only the seller can read the request; true unless said."),
    "again": AGAIN,
}
TRANSFER: Json = {
    "to": address("Whom to pay."),
    "amount": amount("How much, of `token`."),
    "token": text(
        "USDC unless said; or another symbol, or an address.", most=44, least=1, pattern=TOKEN_PATTERN
    ),
    "again": AGAIN,
}
REST: Json = {"repeated": YES, "next_step": STRING, "problem": FAILURE}


# Purchases


def _order(asked: Json, key: str) -> Json:
    order: Json = {"quantity": asked.get("quantity", 1), "idempotency_key": key}
    return order | ({"max_total": asked["max_total"]} if "max_total" in asked else {})


async def _ordered(agent: AsyncBuyerAgent, asked: Json, key: str) -> Checkout:
    """The order: the gate decides, and holds its money. Nothing is paid by it."""
    order = _order(asked, key)
    if asked.get("request") is None:
        return await agent.purchase(asked["service_id"], **order)
    if asked.get("encrypt", True):
        return await agent.purchase_encrypted(asked["service_id"], asked["request"], **order)
    return await agent.purchase(asked["service_id"], request_payload=asked["request"], **order)


async def purchase(desk: DelegateDesk, asked: Json) -> Json:
    agent, calls = await _first(desk, "purchase", asked)

    async def pay(checkout: Checkout) -> Json:
        funded = await agent.fund_and_verify(checkout)
        return {
            "state": PAID,
            **_of_order(checkout),
            "status": funded.status,
            "escrow_tx_hash": funded.escrow_tx_hash,
            "next_step": "The money is in escrow, and the seller was told. Look at transaction_status until it is"
            " delivered.",
        }

    async def moved(checkout: Checkout) -> bool:
        view = await agent.get_transaction(checkout.id)
        if view.payment_status == "paid":
            return True
        async for spend in agent.iter_spends():
            if spend.transaction_id == checkout.id:
                return spend.state in SIGNED
        return True

    key = calls.key("purchase", asked)
    return await paid_once(calls, key, lambda: _ordered(agent, asked, key), pay, moved, _of_order)


def _of_order(checkout: Checkout) -> Json:
    return {
        "transaction_id": checkout.id,
        "service_id": checkout.service_id,
        "total": decimal(checkout.total),
        "currency": checkout.currency,
    }


# Transfers


def _transfer_of(asked: Json) -> Transfer:
    return Transfer(to=asked["to"], amount=asked["amount"], token=asked.get("token", "USDC"))


async def transfer(desk: DelegateDesk, asked: Json) -> Json:
    agent, calls = await _first(desk, "transfer", asked)
    action = _transfer_of(asked)
    key = calls.key("transfer", asked)

    async def pay(hold: AsyncHold) -> Json:
        try:
            done = await agent.execute(action, idempotency_key=key)
        except ContractMisbehaved as odd:
            # It moved, though not as it should.
            return {
                "state": PAID,
                **_of_hold(hold),
                "tx_hash": odd.tx_hash,
                "next_step": f"{odd}. Tell the user, and look at check_session_inventory.",
            }
        return _of_execution(done, action)

    async def moved(hold: AsyncHold) -> bool:
        return (await hold.refresh()).state in SIGNED

    return await paid_once(calls, key, lambda: agent.ask(action, idempotency_key=key), pay, moved, _of_hold)


def _of_execution(done: Execution, action: Transfer) -> Json:
    return {
        "state": PAID,
        "spend_id": done.hold_id,
        "to": action.to,
        "amount": decimal(done.amount),
        "currency": done.token,
        "tx_hash": done.tx_hash,
        "remaining_limit": None if done.remaining_limit is None else decimal(done.remaining_limit),
        "next_step": "It is paid. Nothing more is to be done.",
    }


def _of_hold(hold: AsyncHold) -> Json:
    return {
        "spend_id": hold.id,
        "to": hold.view.payee,
        "amount": hold.view.amount,
        "currency": hold.currency,
    }


# Approvals


async def request_approval(desk: DelegateDesk, asked: Json) -> Json:
    agent, calls = await _first(desk, "request_approval", asked)
    if ("service_id" in asked) == ("to" in asked):
        raise InvalidInput(
            "an approval is for a service_id, or for to and amount: name one of them", field="service_id"
        )
    if "to" in asked:
        _only(asked, TRANSFER, "a transfer")
        if "amount" not in asked:
            raise InvalidInput("amount: this is missing", field="amount")
        action = _transfer_of(asked)
        verdict = await agent.check(action)
        tool, ask = "transfer", agent.ask(action, idempotency_key=calls.key("transfer", asked))
    else:
        _only(asked, PURCHASE, "a purchase")
        verdict = await agent.check_purchase(
            asked["service_id"], quantity=asked.get("quantity", 1), max_total=asked.get("max_total")
        )
        tool, ask = "purchase", _ordered(agent, asked, calls.key("purchase", asked))
    if verdict.allowed:
        ask.close()
        return {"needed": False, "next_step": f"No approval is needed: call {tool} with the same arguments."}
    return await _asked_owner(ask, tool)


async def _asked_owner(ask: Any, tool: str) -> Json:
    """Place the question, which is the very spend that `tool` goes on with."""
    try:
        await ask
    except ApprovalRequired as waiting:
        return {
            "needed": True,
            "approval_id": waiting.approval_id,
            "next_step": "The owner was asked, and nothing was paid. Tell the user; when the owner has approved, call"
            f" {tool} with the very same arguments. Until then that is refused with approval_required.",
        }
    return {"needed": False, "next_step": f"It is allowed by now: call {tool} with the same arguments."}


def _only(asked: Json, known: Json, what: str) -> None:
    for name in asked:
        if name not in known:
            raise InvalidInput(f"{name}: {what} has none", field=name)


async def _first(desk: DelegateDesk, tool: str, asked: Json) -> Any:
    """The agent and its calls. A dead session is told of before anything else, unless the call was made before."""
    calls = desk.calls
    if tool != "request_approval" and desk.role is None and calls.read(calls.key(tool, asked)) is not None:
        return _Late(desk), calls
    return await desk.buyer(), calls


class _Late:
    """The agent of a session that cannot be opened now: each step tries again, within the call that was made before."""

    def __init__(self, desk: DelegateDesk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        async def step(*given: Any, **named: Any) -> Any:
            return await getattr(await self._desk.buyer(), name)(*given, **named)

        return step


SPENDING: list[Tool[DelegateDesk]] = [
    Tool(
        "purchase",
        "Buy a service",
        "Buys a service of the market, from order to payment: the money goes into an escrow and reaches the seller when"
        " the delivery is accepted. Counts against the session's budget. Pays once: the same call again, also after a"
        " lost answer, pays nothing more. A refusal means that nothing was paid. The answer `unknown` means that it may"
        " have been paid: follow `next_step`, and never buy it another way.",
        closed(("service_id",), **PURCHASE),
        answer(
            ("state",),
            state=STATE,
            transaction_id=STRING,
            service_id=STRING,
            total=STRING,
            currency=STRING,
            status=STRING,
            escrow_tx_hash=MAYBE,
            **REST,
        ),
        purchase,
        destroys=True,
        repeats=True,
        open_world=True,
    ),
    Tool(
        "transfer",
        "Pay an address",
        "Pays an amount to an address, out of this session's money. It cannot be taken back: be sure of the address,"
        " which must come from the user or from a source that the user trusts. Pays once: the same call again pays"
        " nothing more. A refusal means that nothing was paid; `unknown` that it may have been: follow `next_step`.",
        closed(("to", "amount"), **TRANSFER),
        answer(
            ("state",),
            state=STATE,
            spend_id=STRING,
            to=MAYBE,
            amount=STRING,
            currency=STRING,
            tx_hash=MAYBE,
            remaining_limit=MAYBE,
            **REST,
        ),
        transfer,
        destroys=True,
        repeats=True,
        open_world=True,
    ),
    Tool(
        "request_approval",
        "Ask the owner to approve a spend",
        "Asks the owner to approve a purchase (service_id ...) or a transfer (to, amount ...) that is above the"
        " session's threshold. Nothing is paid by it: no money moves until the owner agrees and you call purchase or"
        " transfer with the very same arguments. It cannot lift any other limit.",
        closed(
            (),
            **{
                **PURCHASE,
                **TRANSFER,
                "to": text("Whom to pay.", most=44, least=32, pattern=ADDRESS_PATTERN),
            },
        ),
        answer(("needed", "next_step"), needed=YES, approval_id=MAYBE, next_step=STRING),
        request_approval,
        repeats=True,
    ),
]
