"""What a manager gives that is a client of its own: here for callers without an event loop, through the one thread."""

from collections.abc import Iterable
from typing import Any

import httpx

from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.x402_http import paying_client
from valetkey.sdk._sync.x402_payer import Payer
from valetkey.sdk._sync.x402_session import Held
from valetkey.sdk.amounts import Amount
from valetkey.sdk.manager.keeping import KeyHash
from valetkey.sdk.manager.manager import AsyncSessionKeyManager
from valetkey.sdk.manager.paying_http import PayingSession
from valetkey.sdk.manager.portal import Portal
from valetkey.sdk.x402.offers import Offer, Purse
from valetkey.sdk.x402.terms import terms_of


def http(
    portal: Portal,
    manager: AsyncSessionKeyManager,
    key_hash: KeyHash,
    *,
    hosts: Iterable[str] | None = None,
    max_amount: Amount | None = None,
    pin_payees: bool | None = None,
    wait_approval: float | None = None,
    transport: httpx.BaseTransport | None = None,
    **client: Any,
) -> httpx.Client:
    """The client of AsyncSessionKeyManager.http for threads. Requests are sent in the caller's own."""
    terms = terms_of(hosts, max_amount, pin_payees, wait_approval)

    async def made() -> PayingSession:
        return manager._paying_session(key_hash)

    session = ThroughPortal(portal, portal.call(made))
    return paying_client(Payer(lambda: session, terms), transport, client)


class ThroughPortal:
    """A session that pays for requests, for callers of any thread: see sdk/_async/x402_session.py."""

    def __init__(self, portal: Portal, session: PayingSession) -> None:
        self._portal = portal
        self._session = session
        self.notes = session.notes
        self.draws_first = session.draws_first

    @property
    def wallet(self) -> str:
        return self._session.wallet

    def purse(self) -> Purse:
        return self._portal.call(self._session.purse)

    def ends_at(self) -> int:
        return self._portal.call(self._session.ends_at)

    def names_payees(self) -> bool:
        return self._portal.call(self._session.names_payees)

    def view(self, call: Call) -> bytes:
        return self._portal.call(lambda: self._session.view(call))

    def hold(self, offer: Offer, key: str, note: str, wait_approval: float | None) -> Held:
        return self._portal.call(lambda: self._session.hold(offer, key, note, wait_approval))

    def find(self, spend_id: str) -> Held:
        return self._portal.call(lambda: self._session.find(spend_id))

    def supply(self, held: Held, offer: Offer) -> None:
        self._portal.call(lambda: self._session.supply(held, offer))

    def signer(self) -> Signer:
        return self._portal.call(self._session.signer)

    def mark_signed(self, held: Held, payload: bytes, reference: str | None) -> None:
        self._portal.call(lambda: self._session.mark_signed(held, payload, reference))

    def void(self, held: Held) -> None:
        self._portal.call(lambda: self._session.void(held))
