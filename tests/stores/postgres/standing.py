"""What a database must be like after whatever happened to it, and who is in it before."""

import asyncio
import json
from typing import Any

import asyncpg

from tests.stores.conftest import Market
from tests.stores.making import a_service, an_agent
from valetkey.core.audit import GENESIS, Entry, Head, Kind, verify


def run(url: str, *statements: tuple[Any, ...]) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, all in one transaction."""

    async def work() -> list[list[tuple[Any, ...]]]:
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                return [[tuple(row) for row in await connection.fetch(*one)] for one in statements]
        finally:
            await connection.close()

    return asyncio.run(work())


def make_market(url: str) -> Market:
    """An owner, a seller and its service."""
    owner, seller = an_agent(), an_agent()
    service = a_service(seller)
    agents = (
        "INSERT INTO agents (id, developer_id, name, description, words, wallet_address, public_key, created_at,"
        " last_seen_at) VALUES ($1, $2, $3, '', '', $4, $5, 0, 0)"
    )
    services = (
        "INSERT INTO services (id, agent_id, title, description, words, category, price, price_rank, price_unit,"
        " currency, decimals, delivery_type, callback_required, network, status, created_at, updated_at,"
        " rating_count, responses, response_ms, completed)"
        " VALUES ($1, $2, '', '', '', '', '1', '1', '', '', 6, '', false, '', 'active', 0, 0, 0, 0, 0, 0)"
    )
    run(
        url,
        *(
            (agents, one.id, one.developer_id, one.name, one.wallet_address, one.public_key)
            for one in (owner, seller)
        ),
        (services, service.id, seller.id),
    )
    return Market(owner, seller, service)


def assert_sums_agree(url: str) -> int:
    """What the sessions say is held and captured is what their holds say, and the log tells it; how many holds."""
    holds, sessions, alone, waiting, entries, chains = run(
        url,
        ("SELECT session_id, amount, state, captured, id FROM holds",),
        (
            "SELECT s.id, figures, policy FROM sessions s JOIN spent u USING (owner_id) WHERE u.session_id = s.id",
        ),
        (
            "SELECT h.id FROM holds h LEFT JOIN transactions t ON t.buyer_id = h.owner_id AND t.hold_id = h.id"
            " WHERE t.id IS NULL",
        ),
        (
            "SELECT t.id FROM transactions t LEFT JOIN waiting w ON w.buyer_id = t.buyer_id"
            " AND w.transaction_id = t.id AND w.seq = t.seq WHERE w.seq IS NULL",
        ),
        ("SELECT chain_id, number, at, kind, session_id, body, hash FROM audit ORDER BY chain_id, number",),
        ("SELECT id, number, head FROM chains",),
    )
    assert alone == [], "a hold and its transaction are there together"
    assert waiting == [], "every purchase is looked up"
    for session_id, figures, policy in sessions:
        _, (held, captured, _) = json.loads(figures)
        budget = json.loads(policy).get("budget")
        own = [hold for hold in holds if hold[0] == session_id]
        assert held == sum(int(hold[1]) for hold in own if hold[2] in ("held", "unknown"))
        assert captured == sum(int(hold[3]) for hold in own)
        assert budget is None or held + captured <= budget
    for chain_id, number, head in chains:
        own = [(Entry(*row[:3], Kind(row[3]), *row[4:6]), row[6]) for row in entries if row[0] == chain_id]
        assert verify(own, Head(chain_id, 0, GENESIS)) == Head(chain_id, number, head)
    told = [json.loads(row[5])["hold"] for row in entries if row[3] == Kind.HOLD_PLACED]
    assert sorted(told) == sorted(hold[4] for hold in holds), "AUDIT_IS_COMPLETE"
    return len(holds)
