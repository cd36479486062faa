"""A session of a platform that pays for requests: the platform's ledger decides, and the session's wallet pays."""

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.spend import HoldState
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk._async.drawing import AsyncDraws
from valetkey.sdk._async.holds import AsyncHold
from valetkey.sdk._async.x402_session import AsyncHeld
from valetkey.sdk.errors import InsufficientFunds, NotConfigured
from valetkey.sdk.x402.notes import Notes
from valetkey.sdk.x402.offers import THROUGH_PERMIT2, Offer, Purse
from valetkey.sdk.x402.terms import CURRENCY, HOLD_SECONDS, OPERATION, decimal_text
from valetkey.wire.authorizations import PERMIT2_ADDRESS
from valetkey.wire.sessions import SessionView


class AsyncPayingDelegate:
    """See x402_session.py."""

    def __init__(self, agent: AsyncDraws) -> None:
        """`agent` holds the session. Raises NotConfigured when it holds none."""
        self._agent = agent
        self._session = _held(agent.session)
        self.notes = Notes(agent._state)

    @property
    def wallet(self) -> str:
        return self._agent.wallet_address

    @property
    def draws_first(self) -> bool:
        return self._agent._draws()

    async def purse(self) -> Purse:
        network = await self._agent.network()
        return Purse(
            self.wallet,
            network.chain_id,
            network.network,
            network.contracts.usdc,
            CURRENCY_DECIMALS[CURRENCY],
        )

    async def ends_at(self) -> int:
        return self._session.expiry

    async def names_payees(self) -> bool:
        return self._session.allowed_payees is not None

    async def view(self, call: Call) -> bytes:
        return await (await self._agent._desk()).wallet.view(call)

    async def hold(self, offer: Offer, key: str, note: str, wait_approval: float | None) -> AsyncHeld:
        return await self._agent.spend(
            decimal_text(offer.units, CURRENCY_DECIMALS[CURRENCY]),
            currency=CURRENCY,
            asset=f"eip155:{offer.chain_id}/erc20:{offer.asset}",
            payee=offer.payee,
            operation=OPERATION,
            note=note,
            seconds=HOLD_SECONDS,
            wait_approval=wait_approval,
            idempotency_key=key,
        )

    async def find(self, spend_id: str) -> AsyncHeld:
        return await self._agent.get_spend(spend_id)

    async def supply(self, held: AsyncHeld, offer: Offer) -> None:
        """A wallet that could not pay is told of: its payment would stay unknown until it is dead.

        Out of a grant exactly what is held is drawn into it, which spends it, whatever the seller does.
        """
        if self.draws_first and held.state != HoldState.CAPTURED:
            await self._agent.top_up(_own(held))
        wallet, desk = self.wallet, await self._agent._desk()
        if await desk.wallet.token_balance(offer.asset, wallet) < offer.units:
            raise InsufficientFunds(
                f"the wallet {wallet} has less {CURRENCY} than the offer asks: fund its session"
            )
        if offer.method == THROUGH_PERMIT2:
            allowed = await desk.wallet.allowance(offer.asset, wallet, PERMIT2_ADDRESS)
            if allowed < offer.units:
                raise InsufficientFunds(
                    f"the seller is paid through Permit2, and the wallet {wallet} has not approved {PERMIT2_ADDRESS}"
                )

    async def signer(self) -> Signer:
        return self._agent._need_signer()

    async def mark_signed(self, held: AsyncHeld, payload: bytes, reference: str | None) -> None:
        # What was drawn is spent already, and its draw is what the platform keeps.
        if not self.draws_first:
            await _own(held).mark_signed(payload, reference)

    async def void(self, held: AsyncHeld) -> None:
        await _own(held).void()


def _held(session: SessionView | None) -> SessionView:
    if session is None:
        raise NotConfigured("paying is for the holder of a session: call init_with_session first")
    return session


def _own(held: AsyncHeld) -> AsyncHold:
    assert isinstance(held, AsyncHold), "what this session held"
    return held
