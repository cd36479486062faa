# Generated from src/valetkey/sdk/_async/x402_session.py by scripts/generate_sync.py: edit that file instead.
"""Whose money pays for requests: a session, and the ledger that decides on it, a platform's or a manager's own file.

The payer knows no more than this of either. Who holds a session of a platform is in x402_delegate.py, a session of a
manager in manager/paying_http.py.
"""

from typing import Protocol

from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk.x402.notes import Notes
from valetkey.sdk.x402.offers import Offer, Purse


class Held(Protocol):
    """The money of one payment as its ledger has it: what its spend is called, its state, and base units."""

    @property
    def id(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def units(self) -> int: ...


class PayingSession(Protocol):
    """A session that pays for requests. Whatever is called here may be called again after any crash."""

    @property
    def wallet(self) -> str:
        """The address that signs and pays, EIP-55."""
        ...

    @property
    def notes(self) -> Notes:
        """What is remembered of payments under way, for every process that may go on with them."""
        ...

    @property
    def draws_first(self) -> bool:
        """Whether its ledger counts a payment as spent when it was drawn, before anything is signed for the seller."""
        ...

    def purse(self) -> Purse:
        """What it pays with. Raises NotConfigured, ChainUnavailable."""
        ...

    def ends_at(self) -> int:
        """When the session ends, unix seconds."""
        ...

    def names_payees(self) -> bool:
        """Whether its policy says who may be paid."""
        ...

    def view(self, call: Call) -> bytes:
        """What a contract on its chain answers now."""
        ...

    def hold(self, offer: Offer, key: str, note: str, wait_approval: float | None) -> Held:
        """The money of an offer, off the budget: the gate decides. The same `key` and offer answer the same.

        `note` is for the owner. `wait_approval`: seconds to wait for the owner, None to be told of it. Raises the
        refusals, ApprovalRequired, and HoldEnded for a key whose spend gave its money back.
        """
        ...

    def find(self, spend_id: str) -> Held:
        """What was held, as it stands now. Raises what a session raises that may pay nothing any more."""
        ...

    def supply(self, held: Held, offer: Offer) -> None:
        """Have in the wallet what is held, before anything is signed. Raises InsufficientFunds, refusals."""
        ...

    def signer(self) -> Signer:
        """The session's key. Raises what a session raises that may sign nothing any more."""
        ...

    def mark_signed(self, held: Held, payload: bytes, reference: str | None) -> None:
        """Keep what was signed, before it is sent: from here on the money counts as gone until proof.

        Raises HoldEnded for a hold that is over: what was signed is not sent then.
        """
        ...

    def void(self, held: Held) -> None:
        """Give the money back to the budget: nothing was signed."""
        ...
