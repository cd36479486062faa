"""What the holder of a seller session does: deliver what was bought."""

from valetkey.core.errors import ValetkeyError
from valetkey.mcp.answers import FAILURE, Json, failure
from valetkey.mcp.desks import DelegateDesk
from valetkey.mcp.schemas import MAYBE, STRING, YES, answer, anything, closed, flag, identifier
from valetkey.mcp.tool import Tool


async def deliver(desk: DelegateDesk, asked: Json) -> Json:
    agent = await desk.seller()
    step = agent.deliver_encrypted if asked.get("encrypt", True) else agent.deliver
    view = await agent.get_transaction(asked["transaction_id"])
    if view.status in ("escrowed", "processing"):
        # Encrypted twice is another delivery: what is delivered stays.
        view = await step(asked["transaction_id"], asked["payload"])
    told: Json = {"transaction_id": view.id, "status": view.status}
    if not asked.get("record", True):
        return told | {"is_recorded": False, "next_step": "It is delivered, and not recorded on chain."}
    problem: ValetkeyError | None = None
    try:
        told["tx_hash"] = await agent.submit_delivery(asked["transaction_id"], asked["payload"])
        return told | {
            "is_recorded": True,
            "next_step": "It is delivered and recorded: the money follows by itself.",
        }
    except ValetkeyError as error:
        problem = error
    return told | {
        "is_recorded": False,
        "problem": failure(problem),
        "next_step": "It is delivered. Recording it on chain failed: call again with the very same arguments.",
    }


SELLING: list[Tool[DelegateDesk]] = [
    Tool(
        "deliver",
        "Deliver what was bought",
        "For sessions that sell: hands the result of a purchase to its buyer, and records its hash on chain, which lets"
        " the money be released. The same call again changes nothing more; what was delivered cannot be changed.",
        closed(
            ("transaction_id", "payload"),
            transaction_id=identifier("Of the purchase, from transaction_status."),
            payload=anything("The result: any JSON value."),
            encrypt=flag("Whether only the buyer can read it; true unless said."),
            record=flag("Whether to record it on chain too; true unless said."),
        ),
        answer(
            ("transaction_id", "status", "is_recorded"),
            transaction_id=STRING,
            status=STRING,
            is_recorded=YES,
            tx_hash=MAYBE,
            next_step=STRING,
            problem=FAILURE,
        ),
        deliver,
        destroys=True,
        repeats=True,
        open_world=True,
    ),
]
