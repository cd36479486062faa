"""What sessions were refused lately, read from the end of their tree's chain in the audit log."""

import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from valetkey.core.audit import Entry, Kind
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.core.tokens import token_of
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.paging import page_limit
from valetkey.platform.sessions.growing import tree
from valetkey.platform.sessions.service import within
from valetkey.ports.accounts import SessionRecord
from valetkey.wire.sessions import RefusalEntry, RefusalList, RefusalQuery
from valetkey.wire.timestamps import iso_timestamp

ENTRIES_MAX = 2_000
"""Of a tree's chain, the newest: what was refused before so much else happened is in the export."""

PAGE = 500
# A hold that somebody else settled first is no rule at work: who settles it tries again.
TOLD = frozenset(
    {
        Kind.HOLD_REFUSED,
        Kind.CHILD_REFUSED,
        Kind.ROTATION_REFUSED,
        Kind.EXTENSION_REFUSED,
    }
)
_TOKEN = re.compile(r"eip155:([0-9]{1,18})/erc20:(0x[0-9a-f]{40})", re.ASCII)


async def listed(platform: Platform, caller: Caller, session_id: str, query: RefusalQuery) -> RefusalList:
    """The newest refusals of a session and of those that were made out of it."""
    record = await within(platform, caller, session_id)
    whose = {one.session_id for one in (await tree(platform, caller, session_id)).sessions}
    limit, searched = page_limit(query.limit), 0
    found: list[RefusalEntry] = []
    async for entry in _newest(platform, record):
        searched += 1
        if entry.kind in TOLD and entry.session_id in whose:
            found.append(_told(platform, entry))
        if len(found) == limit:
            break
    return RefusalList(refusals=found, searched=searched)


async def _newest(platform: Platform, record: SessionRecord) -> AsyncGenerator[Entry]:
    """The entries of a tree's chain, the newest first."""
    owner_id, chain_id = record.session.owner_id, record.session.tree
    heads = await platform.store.heads(owner_id, chain_id=chain_id)
    end = heads[0].seq if heads else 0
    least = max(end - ENTRIES_MAX, 0)
    while end > least:
        after = max(end - PAGE, least)
        page = await platform.store.audit(owner_id, chain_id, after, end - after)
        for entry, _ in reversed(page):
            yield entry
        end = after


def _told(platform: Platform, entry: Entry) -> RefusalEntry:
    facts: dict[str, Any] = json.loads(entry.body)
    assert entry.session_id is not None, "the entry is about a session"
    return RefusalEntry(
        at=iso_timestamp(entry.at),
        kind=str(entry.kind),
        session_id=entry.session_id,
        codes=facts["codes"],
        rules=facts["rules"],
        amount=_amount(platform, facts) if entry.kind is Kind.HOLD_REFUSED else None,
        currency=facts.get("currency"),
        asset=facts.get("asset"),
        payee=facts.get("payee"),
        service_id=facts.get("service"),
        operation=facts.get("operation"),
    )


def _amount(platform: Platform, facts: dict[str, Any]) -> str:
    """What was asked for; the log keeps base units of the asset."""
    decimals = CURRENCY_DECIMALS[facts["currency"]]
    if found := _TOKEN.fullmatch(facts["asset"]):
        network = platform.network_of_chain(int(found[1]))
        try:
            decimals = token_of(int(found[1]), found[2], () if network is None else (network.asset,)).decimals
        except InvalidInput:
            # A token that nobody here knows counts in the decimals of its currency.
            decimals = CURRENCY_DECIMALS[facts["currency"]]
    return format_units(int(facts["units"]), decimals)
