"""Spends that are no purchases: a delegate asks for them, its owner looks at them, approves and rejects."""

from collections.abc import AsyncGenerator

from valetkey.core.spend import HoldState
from valetkey.sdk._async.agent import AsyncAgent, segment
from valetkey.sdk._async.holds import ENDED, AsyncHold
from valetkey.sdk.amounts import Amount
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.spending import approval_required, hold_ended, spend_body
from valetkey.wire.http import IDEMPOTENCY_HEADER
from valetkey.wire.spends import ApproveBody, SpendPage, SpendView, Verdict, WebhookUrlBody

PAGE = 100
HOLD_SECONDS = 300
EXECUTE_SECONDS = 3_600


class AsyncSpends(AsyncAgent):
    """The part of an agent that spends beside the market, or decides on what others want to spend."""

    # The delegate's side

    async def spend(
        self,
        amount: Amount,
        *,
        currency: str = "USDC",
        asset: str | None = None,
        payee: str | None = None,
        operation: str = "payment",
        service_id: str | None = None,
        note: str | None = None,
        seconds: int = HOLD_SECONDS,
        wait_approval: float | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncHold:
        """Ask the spend gate for money that is paid elsewhere: it is held until the payment is told of.

        `amount` is all that the payer is charged, a decimal of `currency`; `asset` a CAIP-19 id, the platform's own
        unless given; `operation` a word of the policy's. Held for `seconds` until something is signed, then until
        proof. What needs the owner's approval raises ApprovalRequired with its id, or is waited for during
        `wait_approval` seconds. The same `idempotency_key` and spend answer the same hold, for ever; one is made for
        each call unless given. Raises BudgetExceeded, PayeeNotAllowed and the other refusals, and HoldEnded for a
        key whose spend gave its money back.
        """
        asked = spend_body(amount, currency, asset, payee, operation, service_id, note, seconds)
        headers = {IDEMPOTENCY_HEADER: chosen_key(idempotency_key)}
        view = await self._client.send("POST", "/spends", SpendView, asked, headers=headers, repeat=True)
        hold = AsyncHold(self._client, view)
        if hold.state == HoldState.PENDING and wait_approval is None:
            # Who ignored a state would pay what nobody approved.
            raise approval_required(view)
        if hold.state in (HoldState.PENDING, HoldState.APPROVED):
            return await hold.wait_approved(wait_approval or 0)
        if hold.state in ENDED:
            raise hold_ended(view)
        return hold

    async def check_spend(
        self,
        amount: Amount,
        *,
        currency: str = "USDC",
        asset: str | None = None,
        payee: str | None = None,
        operation: str = "payment",
        service_id: str | None = None,
    ) -> Verdict:
        """What the gate would say to this spend now: the dry run. Nothing is held, and a refusal is no exception."""
        asked = spend_body(amount, currency, asset, payee, operation, service_id, None, HOLD_SECONDS)
        return await self._client.send("POST", "/spends/check", Verdict, asked, repeat=True)

    # Both sides

    async def get_spend(self, spend_id: str) -> AsyncHold:
        """A spend by its id, which is that of its approval too: to go on with it, or to settle it. Raises NotFound."""
        view = await self._client.get(f"/spends/{segment(spend_id)}", SpendView)
        return AsyncHold(self._client, view)

    async def list_spends(
        self, *, session: str | None = None, state: str | None = None, limit: int = 20, offset: int = 0
    ) -> SpendPage:
        """One page of spends, newest first: the owner's, or those of the session that asks. Purchases are among them.

        `session` is an id; `state` is pending_approval, approved, held, unknown, captured, voided or expired.
        """
        query = {"session": session, "state": state, "limit": limit, "offset": offset}
        return await self._client.get("/spends", SpendPage, query)

    async def iter_spends(
        self, *, session: str | None = None, state: str | None = None
    ) -> AsyncGenerator[SpendView]:
        """Every spend that fits, page by page, newest first, each once."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = await self.list_spends(session=session, state=state, limit=PAGE, offset=offset)
            for one in page.spends:
                # A spend that is placed meanwhile moves the others on by one.
                if one.spend_id not in seen:
                    seen.add(one.spend_id)
                    yield one
            offset += len(page.spends)
            if not page.spends or offset >= page.total:
                return

    # The owner's side

    async def approvals(self, *, session: str | None = None) -> list[SpendView]:
        """Every spend that waits for the owner, newest first; those of one session when its id is given."""
        found: dict[str, SpendView] = {}
        offset = 0
        while True:
            query = {"session": session, "limit": PAGE, "offset": offset}
            page = await self._client.get("/approvals", SpendPage, query)
            found.update((one.spend_id, one) for one in page.spends)
            offset += len(page.spends)
            if not page.spends or offset >= page.total:
                return list(found.values())

    async def approve(self, approval_id: str, *, seconds: int = EXECUTE_SECONDS) -> SpendView:
        """Approve a spend; it may be gone on with during so many seconds, and is decided again then.

        An approval is for one payee, amount and asset, under the policies as they are now. Raises NotFound, Conflict
        for one that is over.
        """
        path = f"/approvals/{segment(approval_id)}/approve"
        return await self._client.send("POST", path, SpendView, ApproveBody(seconds=seconds), repeat=True)

    async def reject(self, approval_id: str) -> SpendView:
        """Reject a spend, or take back an approval that nothing was made of yet; its money is free again."""
        path = f"/approvals/{segment(approval_id)}/reject"
        return await self._client.send("POST", path, SpendView, repeat=True)

    async def set_webhook_url(self, url: str | None) -> None:
        """Where the owner is told of spends that wait for approval (`approval.requested`); None for nowhere.

        They are signed with the agent's webhook secret, see `renew_webhook_secret`. Raises InvalidInput.
        """
        await self._client.send(
            "PUT", "/agents/webhook", WebhookUrlBody, WebhookUrlBody(url=url), repeat=True
        )
