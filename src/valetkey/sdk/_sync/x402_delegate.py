# Generated from src/valetkey/sdk/_async/x402_delegate.py by scripts/generate_sync.py: edit that file instead.
"""A session of a platform that pays for requests: the platform's ledger decides, and the session's wallet pays."""

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.spend import HoldState
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.drawing import Draws
from valetkey.sdk._sync.holds import Hold
from valetkey.sdk._sync.x402_session import Held
from valetkey.sdk.errors import InsufficientFunds, NotConfigured
from valetkey.sdk.x402.notes import Notes
from valetkey.sdk.x402.offers import THROUGH_PERMIT2, Offer, Purse
from valetkey.sdk.x402.terms import CURRENCY, HOLD_SECONDS, OPERATION, decimal_text
from valetkey.wire.authorizations import PERMIT2_ADDRESS
from valetkey.wire.sessions import SessionView


class PayingDelegate:
    """See x402_session.py."""

    def __init__(self, agent: Draws) -> None:
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

    def purse(self) -> Purse:
        network = self._agent.network()
        return Purse(
            self.wallet,
            network.chain_id,
            network.network,
            network.contracts.usdc,
            CURRENCY_DECIMALS[CURRENCY],
        )

    def ends_at(self) -> int:
        return self._session.expiry

    def names_payees(self) -> bool:
        return self._session.allowed_payees is not None

    def view(self, call: Call) -> bytes:
        return (self._agent._desk()).wallet.view(call)

    def hold(self, offer: Offer, key: str, note: str, wait_approval: float | None) -> Held:
        return self._agent.spend(
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

    def find(self, spend_id: str) -> Held:
        return self._agent.get_spend(spend_id)

    def supply(self, held: Held, offer: Offer) -> None:
        """A wallet that could not pay is told of: its payment would stay unknown until it is dead.

        Out of a grant exactly what is held is drawn into it, which spends it, whatever the seller does.
        """
        if self.draws_first and held.state != HoldState.CAPTURED:
            self._agent.top_up(_own(held))
        wallet, desk = self.wallet, self._agent._desk()
        if desk.wallet.token_balance(offer.asset, wallet) < offer.units:
            raise InsufficientFunds(
                f"the wallet {wallet} has less {CURRENCY} than the offer asks: fund its session"
            )
        if offer.method == THROUGH_PERMIT2:
            allowed = desk.wallet.allowance(offer.asset, wallet, PERMIT2_ADDRESS)
            if allowed < offer.units:
                raise InsufficientFunds(
                    f"the seller is paid through Permit2, and the wallet {wallet} has not approved {PERMIT2_ADDRESS}"
                )

    def signer(self) -> Signer:
        return self._agent._need_signer()

    def mark_signed(self, held: Held, payload: bytes, reference: str | None) -> None:
        # What was drawn is spent already, and its draw is what the platform keeps.
        if not self.draws_first:
            _own(held).mark_signed(payload, reference)

    def void(self, held: Held) -> None:
        _own(held).void()


def _held(session: SessionView | None) -> SessionView:
    if session is None:
        raise NotConfigured("paying is for the holder of a session: call init_with_session first")
    return session


def _own(held: Held) -> Hold:
    assert isinstance(held, Hold), "what this session held"
    return held
