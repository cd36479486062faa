# Generated from src/valetkey/sdk/_async/holds.py by scripts/generate_sync.py: edit that file instead.
"""One spend that is not a purchase: held, signed, settled; or waiting for its owner."""

import base64
import secrets
import time
from decimal import Decimal
from typing import Self

from valetkey.core.policy import PURCHASE
from valetkey.core.spend import HoldState
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.connection import Connection
from valetkey.sdk.amounts import Amount
from valetkey.sdk.limits import amount_of, units_of
from valetkey.sdk.spending import approval_required, hold_ended
from valetkey.seam import sleep
from valetkey.wire.http import IDEMPOTENCY_HEADER
from valetkey.wire.spends import CaptureBody, RefundBody, SignedBody, SpendView, VoidBody

POLL_SECONDS = 2.0
APPROVAL_SECONDS = 3_600.0
ENDED = (HoldState.VOIDED, HoldState.EXPIRED)


class Hold:
    """The money of one spend, off the budget of its session. `view` is what the platform last said of it.

    Tell `mark_signed` what was signed before it is sent, and `capture` when it moved, or `void` when nothing was
    signed. Every step is safe to repeat. Raises HoldEnded, Conflict, and what a dead session raises.
    """

    def __init__(self, client: Connection, view: SpendView) -> None:
        self._client = client
        self.view = view

    @property
    def id(self) -> str:
        """The id of the spend, which is that of its approval too."""
        return self.view.spend_id

    @property
    def state(self) -> str:
        """pending_approval, approved, held, unknown, captured, voided or expired."""
        return self.view.state

    @property
    def amount(self) -> Decimal:
        """What is held, a decimal of the currency."""
        return Decimal(self.view.amount)

    @property
    def units(self) -> int:
        """What is held, base units of the currency."""
        return units_of(self.view.amount, self.view.currency)

    @property
    def currency(self) -> str:
        """USDC, or another one."""
        return self.view.currency

    def mark_signed(self, payload: bytes, reference: str | None = None) -> Self:
        """Keep what was signed, before it is sent. From here on the money counts as gone until proof.

        `payload` is what is sent, so that it can be sent again; `reference` finds it, such as a transaction's hash.
        Raises Conflict when other bytes were signed before, HoldEnded for a spend that was paid or is over.
        """
        if self.state in (HoldState.CAPTURED, *ENDED):
            raise hold_ended(self.view)
        body = SignedBody(payload=base64.b64encode(payload).decode("ascii"), reference=reference)
        self._step("signed", body)
        if self.state != HoldState.UNKNOWN:
            # Somebody else settled it meanwhile: what was signed here must not be sent.
            raise hold_ended(self.view)
        return self

    def capture(self, amount: Amount | None = None) -> Self:
        """Say what moved: all that was held; less may be said by the owner alone. Raises OwnerOnly."""
        asked = None if amount is None else CaptureBody(amount=amount_of(amount, self.currency))
        return self._step("capture", asked)

    def void(self, *, proven: bool = False) -> Self:
        """Give the money back to the budget, before anything was signed.

        `proven`: the owner says that what was signed did not move, and cannot any more. Raises OwnerOnly.
        """
        return self._step("void", VoidBody(proven=True) if proven else None)

    def refund(self, amount: Amount) -> Self:
        """The owner says what the payee gave back, all refunds of this spend together. Raises OwnerOnly."""
        return self._step("refund", RefundBody(amount=amount_of(amount, self.currency)))

    def execute(self) -> Self:
        """Go on with a spend that the owner approved; it is decided again. `wait_approved` does it by itself.

        Raises ApprovalRequired while it waits, ApprovalStale when a policy changed since.
        """
        return self._step("execute", None)

    def refresh(self) -> Self:
        """Ask the platform how the spend stands."""
        self.view = self._client.get(f"/spends/{segment(self.id)}", SpendView)
        return self

    def wait_approved(self, timeout: float = APPROVAL_SECONDS, *, interval: float = POLL_SECONDS) -> Self:
        """Wait until the owner has approved, for so many seconds, and hold the money for the payment.

        A purchase is then made by ordering it again. Raises ApprovalRequired when the time is over and nobody
        decided, HoldEnded when it was rejected or waited too long, and the refusals of a policy that changed.
        """
        ends = time.monotonic() + timeout
        while self.state == HoldState.PENDING:
            left = ends - time.monotonic()
            if left <= 0:
                raise approval_required(self.view)
            sleep(min(interval, left))
            self.refresh()
        if self.state == HoldState.APPROVED and self.view.operation != PURCHASE:
            self.execute()
        if self.state in ENDED:
            raise hold_ended(self.view)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.view.amount} {self.currency} {self.state}>"

    def _step(self, step: str, body: object) -> Self:
        path = f"/spends/{segment(self.id)}/{step}"
        headers = {IDEMPOTENCY_HEADER: secrets.token_hex(16)}
        self.view = self._client.send("POST", path, SpendView, body, headers=headers, repeat=True)
        return self
