"""What a session's key moved without the gate having been asked: it is seen on chain, and debited."""

from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Money
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.keys import keccak256
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.delegations import Delegation
from valetkey.ports.ledger import Spend
from valetkey.sdk.manager.local import BY_CHAIN
from valetkey.sdk.manager.marks import Brought, Marks, Opened
from valetkey.sdk.manager.on_solana import OnSolana

UNASKED = "unasked"
"""The operation of money that the gate was not asked for."""


class Watching:
    """Compares what accounts of sessions say with what the ledger knows."""

    def __init__(self, local: OnSolana, marks: Marks) -> None:
        self._local = local
        self._marks = marks
        self._seen = dict[str, tuple[int, int]]()

    async def changed(self, records: list[SessionRecord]) -> None:
        """Look at those whose account is not as it was at the last look of this process."""
        opened = [one for one in records if await self._marks.get(one.session.id, Opened) is not None]
        if not opened:
            return
        states = await self._local.delegations.states([one.wallet_address or "" for one in opened])
        for record, state in zip(opened, states, strict=True):
            if self._seen.get(record.session.id) != _figures(state):
                await self.look(record)
                self._seen[record.session.id] = _figures(state)

    async def look(self, record: SessionRecord) -> None:
        """Debit what the key moved in final transactions that no payment of the ledger is."""
        local, session = self._local, record.session
        assert record.wallet_address is not None
        brought = await self._marks.get(session.id, Brought)
        counted: frozenset[str] = frozenset() if brought is None else frozenset(brought.signatures)
        for one in await local.delegations.taken(record.wallet_address):
            if one.signature in counted:
                continue
            known = await local.store.spend_of_reference(session.id, one.signature)
            if known is not None and known.hold.state in (HoldState.UNKNOWN, HoldState.CAPTURED):
                continue
            hold_id = make_id(Kind.HOLD, keccak256(f"taken {one.signature}".encode()).hex()[:32])
            if await local.store.spend_record(hold_id) is not None:
                continue
            request = SpendRequest(Money(one.units, local.asset), None, one.payee, UNASKED)
            await local.store.observe(Spend(session.id, hold_id, request, 0, one.signature), by=BY_CHAIN)
            local.observer("unasked", hold_id)


def _figures(state: Delegation) -> tuple[int, int]:
    return state.units, state.exposure
