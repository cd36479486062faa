"""Allotments of a Client's sessions on Solana: opened by the owner's key, handed over at a rotation, and brought home.

What opens one is kept before it is sent, so that whoever is killed in between goes on with the same bytes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.client_sessions import AsyncClientSessions
from valetkey.sdk.amounts import USDC_DECIMALS, Amount, named_units, usdc_units
from valetkey.sdk.chain_config import node_of
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.errors import NotConfigured, NotFound
from valetkey.sdk.kept_sessions import KeptSession
from valetkey.sdk.solana.desks import async_open_desk
from valetkey.seam import async_sleep
from valetkey.wire.allotments import AllotmentView, GiveAllotmentRequest
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

if TYPE_CHECKING:
    from valetkey.sdk.solana.desks import AsyncSolanaDesk

OPENINGS = "solana-openings"
"""A room of the state folder: signed transactions, by the hash of the session's key."""

FEE_LAMPORTS = 10_000_000
"""What a session's key gets for its fees: some hundred payments, or four to payees who have no account yet."""

LOCK_PAUSE_SECONDS = 0.05

OVER = ("revoked", "expired")


class AsyncClientAllotments(AsyncClientSessions):
    """The part of a Client that gives sessions on Solana their money, and takes it back."""

    async def allotment(self, session: ClientSession | str) -> AllotmentView:
        """The account of a session on Solana: whether its key can move anything, and how late it was revoked.

        Raises NotFound for a session that has none.
        """
        path = f"/agents/session/{segment(await self._id_of(session))}/allotment"
        return await self.owner._client.get(path, AllotmentView)

    async def revoke_session(self, session: ClientSession | str, *, on_chain: bool = False) -> ClientSession:
        """End a session for ever, and all made out of it. When this returns the gate grants it nothing more.

        What is left in its wallet is taken back by `reclaim_session`; a grant is revoked on chain by the relayer, and
        an account on Solana by the platform with what was signed in advance. `on_chain`: the owner revokes there too,
        now, and this returns when a final block says so; Solana alone.
        """
        ended = await super().revoke_session(session)
        if on_chain:
            if not is_solana(ended.chain_id):
                raise InvalidInput("on EVM chains the relayer revokes grants", field="on_chain")
            await (await self._solana_desk(ended.view.network)).revoke(_key_of(ended.view))
        return ended

    async def fund_session(
        self, session: ClientSession | str, amount: Amount | None = None, *, gas_wei: int | None = None
    ) -> str:
        """Send USDC and gas to the wallet of a session without a grant; see `fund_session` of BuyerAgent.

        Raises InvalidInput for a session on Solana, whose account was filled when it was made.
        """
        if is_solana((await self.get_session(session)).chain_id):
            raise InvalidInput(
                "the account of a session on Solana is filled when it is made", field="session"
            )
        return await super().fund_session(session, amount, gas_wei=gas_wei)

    async def reclaim_session(self, session: ClientSession | str, to: str | None = None) -> str | None:
        """Take what is left in a session's wallet back, also after its end, to the owner's wallet unless told.

        On Solana the owner's signature revokes, brings all home, and closes the session's accounts; its key is not
        needed, but where it is in this keystore its lamports come home too. Raises InvalidInput for another `to` there.
        """
        shown = await self.get_session(session)
        if not is_solana(shown.chain_id):
            return await super().reclaim_session(session, to)
        if to is not None:
            raise InvalidInput("what is on Solana goes back to its owner's account", field="to")
        await self._settle_successor(shown.view)
        kept = self._keys.find(shown.session_key_hash)
        desk = await self._solana_desk(shown.view.network)
        return await desk.reclaim(_key_of(shown.view), None if kept is None else kept.solana_key)

    # Inside

    async def _settle_successor(self, view: SessionView) -> None:
        """What a session's successor waits for is its successor's, and is not brought home from under it."""
        if view.successor_id is None:
            return
        after = await self.owner.get_session(view.successor_id)
        kept = self._keys.find(after.session_key_hash or "")
        if kept is not None and not kept.granted:
            await self._allot(kept, is_wanted=True)

    async def _allot(self, kept: KeptSession, *, is_wanted: bool = False) -> None:
        """Open the account of a session, and hand the platform what ends it; what is done already is done once.

        A session in the place of another one gets its account when that one's time is over, or when it `is_wanted`.
        """
        replaces = kept.replaces
        if replaces is not None and not await self._take_over(kept, replaces, is_wanted=is_wanted):
            return
        view = await self.owner.get_session(kept.session_id)
        desk, key = await self._solana_desk(view.network), kept.solana_key.address
        assert view.budget_usdc is not None, "an allotment has a cap"
        name = kept.key_hash

        def keep(signed: bytes) -> None:
            self._state.write(OPENINGS, name, signed)

        if replaces is None:
            await desk.open(key, usdc_units(view.budget_usdc), FEE_LAMPORTS, keep)
        asked = GiveAllotmentRequest(revocation=await desk.presign(key))
        path = f"/agents/session/{segment(kept.session_id)}/allotment"
        await self.owner._client.send("POST", path, AllotmentView, asked, repeat=True)
        kept.granted = True
        self._keys.keep(kept)
        self._state.remove(OPENINGS, name)

    async def _check_rotatable(
        self, before: SessionView, grace_seconds: int, spending_limit: Amount | msgspec.UnsetType | None
    ) -> None:
        """What would leave the successor without its money is refused before the platform hears of it."""
        self._need_solana_signer()
        assert before.budget_usdc is not None, "an allotment has a cap"
        if spending_limit is None:
            raise InvalidInput("an allotment has a cap: give a spending_limit", field="spending_limit")
        budget = usdc_units(before.budget_usdc)
        wanted = budget
        if not isinstance(spending_limit, msgspec.UnsetType):
            wanted = named_units(spending_limit, USDC_DECIMALS, "spending_limit")
        if grace_seconds and wanted < budget:
            raise InvalidInput(
                "on Solana a key with grace could still take what the larger limit left: give"
                " grace_seconds=0 with a smaller spending_limit",
                field="grace_seconds",
            )
        kept = self._keys.find(before.session_key_hash or "")
        if kept is not None and not kept.granted:
            # Of three in a row the first may have all the money yet.
            await self._allot(kept, is_wanted=True)
        problem = False
        try:
            await self.allotment(before.session_id)
        except NotFound:
            problem = True
        if problem:
            raise InvalidInput(
                "the account of this session was not opened: go on with it where it was made", field="session"
            )
        await (await self._solana_desk(before.network)).left(_key_of(before))

    async def _take_over(self, kept: KeptSession, replaces: str, *, is_wanted: bool) -> bool:
        """Move what the session before left to this one's account, once; whether the account is there.

        `is_wanted`: also while the one before has grace. One transaction takes its key the power, which the ledger is
        told before the new key can pay.
        """
        async with self._alone_with(f"take-over-{kept.key_hash}"):
            old, new = await self._both(replaces, kept.session_id)
            if new.status in OVER or (old.status not in OVER and not is_wanted):
                return False
            desk = await self._solana_desk(new.network)
            if not await desk.is_open(_key_of(new)):
                seen = await desk.left(_key_of(old))
                units = _part(old, new, seen)
                if not await desk.hand_over(_key_of(old), _key_of(new), units, seen, FEE_LAMPORTS):
                    return False
            if old.status != "revoked":
                await self.owner.revoke_session(replaces)
            return True

    async def _both(self, old_id: str, new_id: str) -> tuple[SessionView, SessionView]:
        """A session and the one in its place, as they were at one moment.

        What is captured or given back between two looks would be counted for one of them alone. So they are looked at
        until the old one stood still meanwhile, which it does: its budget is finite.
        """
        while True:
            old, new = await self.owner.get_session(old_id), await self.owner.get_session(new_id)
            again = await self.owner.get_session(old_id)
            if (again.spent_usdc, again.held_usdc) == (old.spent_usdc, old.held_usdc):
                return old, new

    async def _solana_desk(self, network: NetworkView) -> "AsyncSolanaDesk":
        """The desk of a cluster."""
        known = self._desks.get(network.chain_id)
        if known is None:
            is_own = network.chain_id == self.chain.chain_id
            rpc_url = node_of(network, self.chain.rpc_url if is_own else None, is_own=False)
            made = async_open_desk(network.chain_id, rpc_url, network.contracts.usdc, self._solana_signer)
            known = self._desks.setdefault(network.chain_id, made)
        return known

    def _need_solana_signer(self) -> None:
        if self._solana_signer is None:
            raise NotConfigured(
                "a session on Solana is opened by its owner there: give the client solana_signer"
            )

    @asynccontextmanager
    async def _alone_with(self, hold_id: str) -> AsyncIterator[None]:
        """Nobody else carries this payment out meanwhile, in any process that shares the state folder."""
        while (lock := self._state.try_lock(f"execute-{hold_id}")) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._state.unlock(lock)


def _part(old: SessionView, new: SessionView, seen: int) -> int:
    """What of an allotment is the new key's, base units; `seen`: what the old key could take on the cluster.

    What the old key took and the ledger does not know yet is not given once more. What only the old one holds was not
    carried over, and may be paid by now: the new one's part is not smaller for that.
    """
    left = _left(new)
    held_alone = max(0, usdc_units(old.held_usdc) - usdc_units(new.held_usdc))
    return min(left, left - (_left(old) - held_alone - seen))


def _left(view: SessionView) -> int:
    """What is left of a budget by the ledger, with what is held: base units."""
    assert view.remaining_usdc is not None, "an allotment has a cap"
    return usdc_units(view.remaining_usdc) + usdc_units(view.held_usdc)


def _key_of(view: SessionView) -> str:
    assert view.session_wallet is not None, "a session of a client has a key"
    return view.session_wallet
