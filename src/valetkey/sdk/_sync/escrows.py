# Generated from src/valetkey/sdk/_async/escrows.py by scripts/generate_sync.py: edit that file instead.
"""The buyer's steps on chain: pay the escrow, accept, dispute, claim. Each is safe to repeat after a crash anywhere."""

import time

import msgspec

from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.money import format_units
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.connect import CallReverts
from valetkey.sdk._sync.desk import WAIT_SECONDS, Desk
from valetkey.sdk._sync.drawing import DRAWS, Draws
from valetkey.sdk._sync.making import Session
from valetkey.sdk.checkout import Checkout, Funded, Payment, escrow_of, payment_of
from valetkey.sdk.errors import (
    CheckoutEnded,
    EscrowNotDisputed,
    EscrowNotReleased,
    FundingMismatch,
    FundingNotFound,
    FundingUnconfirmed,
    InsufficientFunds,
    TransactionReverted,
)
from valetkey.sdk.state import StateUnusable
from valetkey.seam import sleep
from valetkey.wire import calls
from valetkey.wire.checkout import PaymentInstructions
from valetkey.wire.grants import ACCEPT, CLAIM, DISPUTE
from valetkey.wire.transactions import DisputeRequest, FundRequest, FundResult, TransactionView

DELIVERY_SECONDS = 7 * 86_400
"""How long a seller has to deliver, from the payment."""

POLL_SECONDS = 1.0
CHECKOUTS = "checkouts"


class Escrows(Draws):
    """Whoever pays escrows and releases them: an owner, or the delegate of a buyer session."""

    def fund_and_verify(
        self, checkout: Checkout | str, *, delivery_seconds: int = DELIVERY_SECONDS
    ) -> Funded:
        """Pay a purchase's escrow and let the platform prove it on chain.

        The signed bytes are stored, and the platform told of them, before they are sent: doing it again, also
        in a new process after kill -9, goes on with the same bytes and never pays twice. `delivery_seconds` is
        how long the seller has. Raises InstructionsDiffer, CheckoutEnded, InsufficientFunds (nothing was
        signed), TransactionReverted, and what the platform answers.
        """
        transaction_id = checkout.id if isinstance(checkout, Checkout) else checkout
        view = self.get_transaction(transaction_id)
        desk = self._desk()
        if view.payment_status == "paid":
            desk.done(f"pay {transaction_id}")
            return Funded(view.id, view.status, view.escrow_tx_hash)
        agreed = checkout.instructions if isinstance(checkout, Checkout) else self._agreed(transaction_id)
        # A purchase of before the session had a grant is paid by its wallet.
        draws = self._draws() and not _is(view.buyer_address, desk.wallet.address)
        payer = self.session.owner_wallet if draws and self.session is not None else desk.wallet.address
        payment = payment_of(view, agreed, self.network(), payer)
        if draws:
            tx_hash = self._draw_escrow(payment, delivery_seconds)
        else:
            with desk.alone():
                tx_hash = self._pay(desk, payment, delivery_seconds)
        funded = self._proven(transaction_id, tx_hash)
        desk.done(f"pay {transaction_id}")
        self._state.remove(CHECKOUTS, transaction_id)
        self._state.remove(DRAWS, f"fund-{transaction_id}")
        return funded

    def verify_funding(self, transaction_id: str, tx_hash: str) -> Funded:
        """Tell the platform which chain transaction paid a purchase; it reads the chain itself."""
        result = self._client.send(
            "POST",
            f"/transactions/{segment(transaction_id)}/fund",
            FundResult,
            FundRequest(tx_hash=tx_hash),
            repeat=True,
        )
        return Funded(result.id, result.status, result.escrow_tx_hash)

    def confirm_and_release(self, transaction_id: str, *, session: Session | None = None) -> TransactionView:
        """Accept a delivery on chain, which pays the seller, and let the platform follow.

        `session`: an owner acts for one of its sessions, also an ended one, with its recovered key.
        """
        call = calls.accept(self._escrow(), transaction_id)
        found = self._step(session, ACCEPT, f"accept {transaction_id}", call)
        paid = found is None or found.status in (EscrowStatus.RELEASED, EscrowStatus.RESOLVED)
        return self._follow(transaction_id, "confirm", None, EscrowNotReleased, patient=paid)

    def dispute(self, transaction_id: str, reason: str, *, session: Session | None = None) -> TransactionView:
        """Dispute a delivery on chain, inside its window, and tell the platform why. `session` as above."""
        call = calls.dispute(self._escrow(), transaction_id)
        found = self._step(session, DISPUTE, f"dispute {transaction_id}", call)
        disputed = found is None or found.status is EscrowStatus.DISPUTED
        body = DisputeRequest(reason=reason)
        return self._follow(transaction_id, "dispute", body, EscrowNotDisputed, patient=disputed)

    def claim_abandoned(self, transaction_id: str, *, session: Session | None = None) -> str:
        """Take the money of an undelivered escrow back to the wallet that paid, after deadline and grace.

        Returns the hash; the platform follows by itself. `session` as above.
        """
        if self._is_relayed(session):
            return self._signed_step(CLAIM, transaction_id)
        desk = self._acting_desk(session, transaction_id)
        call = calls.claim_abandoned(self._escrow(), transaction_id)
        return (desk.perform(f"claim {transaction_id}", call)).tx_hash

    # Inside

    def _escrow(self) -> str:
        return escrow_of(self.network())

    def _agreed(self, transaction_id: str) -> PaymentInstructions | None:
        """What the platform said at the purchase, when it was made from this state folder."""
        kept = self._state.read(CHECKOUTS, transaction_id)
        if kept is None:
            return None
        try:
            return msgspec.json.decode(kept, type=PaymentInstructions)
        except msgspec.MsgspecError:
            raise StateUnusable("payment instructions in the state folder cannot be read") from None

    def _step(self, session: Session | None, step: int, purpose: str, call: Call) -> Escrow | None:
        """Make a buyer's step while the escrow waits for one; None when it was made, otherwise the settled escrow."""
        transaction_id = purpose.rpartition(" ")[2]
        relayed = self._is_relayed(session)
        desk = self._desk() if relayed else self._acting_desk(session, transaction_id)
        with desk.alone():
            escrow = desk.wallet.escrow(transaction_id)
            if escrow is None or escrow.status in (EscrowStatus.FUNDED, EscrowStatus.DELIVERED):
                if relayed:
                    self._signed_step(step, transaction_id)
                else:
                    desk.carry_through(purpose, call)
                escrow = None
            desk.done(purpose)
        return escrow

    def _is_relayed(self, session: Session | None) -> bool:
        """Whether the platform's relayer sends what the key of the session that is held signs."""
        return session is None and self._draws() and (self.network()).relayer is not None

    def _acting_desk(self, session: Session | None, transaction_id: str) -> Desk:
        """The desk of who acts as the buyer: an owner is the buyer itself where a grant of its session paid."""
        if session is not None and self._held is None and self._signer is not None:
            view = self.get_transaction(transaction_id)
            if _is(view.buyer_address, self._signer.address):
                return self._desk()
        return self._session_desk(session)

    def _pay(self, desk: Desk, payment: Payment, delivery_seconds: int) -> str | None:
        """The hash of the transaction that made the escrow; None when the escrow is there by other means."""
        purpose = f"pay {payment.transaction_id}"
        if desk.unfinished(purpose) is None:
            if self._is_paid(desk, payment):
                return None
            self._prepare(desk, payment)
        deadline = desk.wallet.block_time() + delivery_seconds
        call = calls.create_escrow(
            payment.escrow,
            payment.transaction_id,
            seller=payment.seller,
            units=payment.units,
            token=payment.token,
            deadline=deadline,
            dispute_window=payment.dispute_window,
            abandonment_grace=payment.abandonment_grace,
            criteria_hash=payment.criteria_hash,
        )

        reverted: TransactionReverted | CallReverts | None = None
        try:
            return self._announced(desk, payment.transaction_id, call)
        except (TransactionReverted, CallReverts) as error:
            reverted = error
        # It reverts too when the same purchase was paid from another place meanwhile.
        if self._is_paid(desk, payment):
            return None
        raise reverted

    def _is_paid(self, desk: Desk, payment: Payment) -> bool:
        escrow = desk.wallet.escrow(payment.transaction_id)
        if escrow is None:
            return False
        if escrow.buyer != desk.wallet.address:
            raise FundingMismatch(
                "another wallet made an escrow for this purchase: make a new purchase",
                code="funding_mismatch",
            )
        return True

    def _prepare(self, desk: Desk, payment: Payment) -> None:
        """Everything that must hold before the payment is signed: time, money, allowance."""
        late = payment.ends_at is not None and desk.wallet.block_time() >= payment.ends_at
        if late or not payment.is_open:
            raise CheckoutEnded("the time to pay this purchase is over: make a new one")
        has = desk.wallet.token_balance(payment.token, desk.wallet.address)
        if has < payment.units:
            asked, left = format_units(payment.units, 6), format_units(has, 6)
            raise InsufficientFunds(f"the purchase costs {asked} USDC, {desk.wallet.address} has {left}")
        approval = f"approve {payment.transaction_id}"
        unfinished = desk.unfinished(approval)
        allowed = desk.wallet.allowance(payment.token, desk.wallet.address, payment.escrow)
        if unfinished is not None or allowed < payment.units:
            # Exactly what this payment takes: an allowance that stays behind is a limit that leaks.
            desk.carry_through(approval, calls.approve(payment.token, payment.escrow, payment.units))
            desk.done(approval)

    def _proven(self, transaction_id: str, tx_hash: str | None) -> Funded:
        """Wait until the platform has proven the payment. Raises its last refusal when that takes too long."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            problem: FundingNotFound | FundingUnconfirmed
            if tx_hash is None:
                view = self.get_transaction(transaction_id)
                if view.payment_status == "paid":
                    return Funded(view.id, view.status, view.escrow_tx_hash)
                problem = FundingUnconfirmed(
                    "the escrow is paid; the platform has not proven it yet", code="funding_unconfirmed"
                )
            else:
                try:
                    return self.verify_funding(transaction_id, tx_hash)
                except (FundingNotFound, FundingUnconfirmed) as error:
                    problem = error
            if time.monotonic() >= deadline:
                raise problem
            sleep(POLL_SECONDS)

    def _follow(
        self,
        transaction_id: str,
        step: str,
        body: object,
        not_yet: type[EscrowNotReleased | EscrowNotDisputed],
        *,
        patient: bool,
    ) -> TransactionView:
        """Let the platform read a step from the chain; when `patient`, its node may be a block behind ours."""
        deadline = time.monotonic() + (WAIT_SECONDS if patient else 0)
        path = f"/transactions/{segment(transaction_id)}/{step}"
        while True:
            try:
                return self._client.send("POST", path, TransactionView, body, repeat=True)
            except not_yet as error:
                if time.monotonic() >= deadline:
                    raise error
            sleep(POLL_SECONDS)


def _is(one: str | None, other: str) -> bool:
    return (one or "").lower() == other.lower()
