"""What the holder of a session does with the session itself: make narrower ones, and end it."""

from valetkey.core.errors import InvalidInput
from valetkey.mcp.answers import Json, decimal, moment
from valetkey.mcp.desks import DelegateDesk
from valetkey.mcp.making import Agent, child_made_once
from valetkey.mcp.schemas import (
    AGAIN,
    ID_PATTERN,
    MAYBE,
    STRING,
    YES,
    address,
    amount,
    answer,
    closed,
    number,
    several,
    text,
)
from valetkey.mcp.tool import Tool
from valetkey.sdk.session_info import SessionInfo

SECONDS_MAX = 31_536_000


async def attenuate_session(desk: DelegateDesk, asked: Json) -> Json:
    def make(agent: Agent) -> tuple[SessionInfo, Json]:
        child = agent.attenuate(
            asked["budget"],
            asked.get("expires_in_seconds"),
            asked.get("services"),
            label=asked["label"],
            per_spend_usdc=asked.get("per_spend"),
            spends_max=asked.get("spends_max"),
            allowed_payees=asked.get("payees"),
        )
        return child, {
            "label": asked["label"],
            "parent_id": None if agent.session is None else agent.session.session_id,
            "budget": None if child.budget_usdc is None else decimal(child.budget_usdc),
            "expires_at": moment(child.expiry),
            "next_step": "Have the operator hand the file to the sub-agent. Its wallet is empty: what it spends"
            " out of a grant counts here too, and a wallet has to be funded.",
        }

    return await child_made_once(desk, asked, make)


async def renounce_session(desk: DelegateDesk, asked: Json) -> Json:
    view = await desk.session()
    if asked["session_id"] != view.session_id:
        raise InvalidInput("session_id: this is not the session of this server", field="session_id")
    ended = await (await desk.holder()).revoke_self()
    return {
        "session_id": ended.session_id,
        "status": ended.status,
        "next_step": "The session is over, and all that were made out of it. Nothing can be spent with it any more.",
    }


ATTENUATE: Tool[DelegateDesk] = Tool(
    "attenuate_session",
    "Make a narrower session for a sub-agent",
    "Makes a session for a sub-agent out of this one: a smaller budget, a shorter life, fewer services or payees; never"
    " more than this one may. What it spends counts against this one as well. Its secret is written to a file in the"
    " operator's folder and is not shown here: the answer names the file.",
    closed(
        ("label", "budget"),
        label=text(
            "What it is called, such as the sub-agent's name.",
            most=200,
            least=1,
            pattern=r"^[^\x00-\x1f\x7f]+$",
        ),
        budget=amount("All that it may spend, in USDC."),
        expires_in_seconds=number("How long it lives; as long as this one unless said.", 1, SECONDS_MAX),
        per_spend=amount("The most that one of its spends may be, in USDC."),
        spends_max=number("How many spends it may make.", 0, 1_000_000),
        services=several(
            text("", most=200, least=1, pattern=ID_PATTERN), "The services that it may buy.", most=100
        ),
        payees=several(address(""), "The addresses that it may pay.", most=100),
        again=AGAIN,
    ),
    answer(
        ("session_id", "bundle_file"),
        session_id=STRING,
        bundle_file=STRING,
        label=MAYBE,
        parent_id=MAYBE,
        budget=MAYBE,
        expires_at=MAYBE,
        repeated=YES,
        next_step=STRING,
    ),
    attenuate_session,
    repeats=True,
)

RENOUNCE: Tool[DelegateDesk] = Tool(
    "renounce_session",
    "End this session for ever",
    "Ends this very session, and every one made out of it, for ever: nothing can be spent with it afterwards, and only"
    " the owner can make another. Use it when the work is done, when the user asks for it, or when its secret may have"
    " leaked. It cannot be undone.",
    closed(
        ("session_id",),
        session_id=text(
            "Of this session, from check_session_inventory: so that nothing else is meant.",
            most=200,
            least=1,
            pattern=ID_PATTERN,
        ),
    ),
    answer(("session_id", "status"), session_id=STRING, status=STRING, next_step=STRING),
    renounce_session,
    destroys=True,
    repeats=True,
)
