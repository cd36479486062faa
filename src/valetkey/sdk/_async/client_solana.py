"""Payments of a Client's sessions on Solana, each out of its allotment and signed by the session's own key.

The platform's gate holds the money of each payment first; the token program is the hard cap. Signed bytes are kept
before they are sent, so that whoever is killed in between goes on.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from valetkey.core.errors import InvalidInput
from valetkey.core.money import to_decimal
from valetkey.core.spend import HoldState
from valetkey.crypto.secret import Secret
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.client_allotments import AsyncClientAllotments
from valetkey.sdk._async.holds import AsyncHold
from valetkey.sdk.actions import Action, Transfer, action_of, digest_of
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.errors import Unfinished
from valetkey.sdk.executions import Execution, Receipt
from valetkey.sdk.kept_sessions import KeptSession
from valetkey.sdk.planning import asset_and_units
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView
from valetkey.wire.solana import read_payment

if TYPE_CHECKING:
    from valetkey.sdk.solana.desks import AsyncSolanaDesk

PAYMENTS = "solana-payments"
"""A room of the state folder: signed transactions, by the id of the hold."""


class AsyncClientSolana(AsyncClientAllotments):
    """The part of a Client whose sessions pay on Solana."""

    _delegates: dict[str, AsyncBuyerAgent]

    async def _pay_on_solana(
        self,
        kept: KeptSession,
        action: Action | Mapping[str, Any],
        idempotency_key: str | None,
        wait_approval: float | None,
    ) -> Execution:
        wanted = action_of(action)
        if not isinstance(wanted, Transfer):
            raise InvalidInput(
                f"on Solana a session pays: {wanted.type} is for EVM chains",
                code="not_on_solana",
                field="type",
            )
        network = await self.owner.network(kept.chain_id)
        asset, units = asset_and_units(wanted, network)
        self._state.check_writable(PAYMENTS)
        holder = self._holder(kept)
        hold = await holder.spend(
            to_decimal(units, asset.decimals),
            currency=asset.currency,
            asset=asset.id,
            payee=wanted.to,
            operation=wanted.operation,
            note=f"{wanted.type} {digest_of(wanted)}",
            wait_approval=wait_approval,
            idempotency_key=chosen_key(idempotency_key),
        )
        receipt = await self._carried(kept, hold, wanted.to, units, network)
        now = await holder._client.get("/agents/session/self", SessionView)
        return Execution(
            action=wanted.type,
            receipt=receipt,
            hold_id=hold.id,
            session_id=kept.session_id,
            session_key_hash=kept.key_hash,
            amount=to_decimal(units, asset.decimals),
            token=asset.currency,
            remaining_limit=None if now.remaining_usdc is None else Decimal(now.remaining_usdc),
        )

    async def _carried(
        self, kept: KeptSession, hold: AsyncHold, payee: str, units: int, network: NetworkView
    ) -> Receipt | None:
        """Sign once, keep, tell, send: whoever is interrupted goes on with the same bytes."""
        desk = await self._solana_desk(network)
        async with self._alone_with(hold.id):
            signed = self._state.read(PAYMENTS, hold.id)
            if signed is None and hold.state != HoldState.HELD:
                reference = hold.view.reference
                done = None if reference is None else await desk.outcome(reference)
                if hold.state != HoldState.CAPTURED and done is None:
                    raise Unfinished("this payment was signed from another state folder: go on with it there")
                return None if done is None else Receipt(done.signature, done.slot, 0, done.fee_lamports)
            if signed is None:
                signed = await self._signed(kept, hold, payee, units, desk)
                self._state.write(PAYMENTS, hold.id, signed)
            if hold.state == HoldState.HELD:
                await hold.mark_signed(signed, read_payment(signed).signature)
            paid = await desk.pay(signed)
            return Receipt(paid.signature, paid.slot, 0, paid.fee_lamports)

    async def _signed(
        self, kept: KeptSession, hold: AsyncHold, payee: str, units: int, desk: "AsyncSolanaDesk"
    ) -> bytes:
        problem: InvalidInput | None = None
        try:
            shown = await self.allotment(kept.session_id)
            return await desk.sign(kept.solana_key, shown.owner, payee, units, hold.id)
        except InvalidInput as error:
            problem = error
        # Nothing was signed, and trying it again would end as now.
        await hold.void()
        raise problem

    def _holder(self, kept: KeptSession) -> AsyncBuyerAgent:
        """Who spends from a session: it has the token, and no wallet of an EVM chain."""
        known = self._delegates.get(kept.key_hash)
        if known is None:
            made = AsyncBuyerAgent(**{**self._places, "rpc_url": None})
            made._use(Secret(kept.token))
            known = self._delegates.setdefault(kept.key_hash, made)
        return known
