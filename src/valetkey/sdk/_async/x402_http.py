"""HTTP clients that pay: `http()` of whoever holds a session, and of an owner for a session that it made."""

from collections.abc import Iterable
from typing import Any

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.drawing import AsyncDraws
from valetkey.sdk._async.x402_delegate import AsyncPayingDelegate
from valetkey.sdk._async.x402_payer import SENT, AsyncPayer
from valetkey.sdk._async.x402_session import AsyncPayingSession
from valetkey.sdk._async.x402_transport import AsyncPayingTransport
from valetkey.sdk.amounts import Amount
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.session_info import SessionInfo
from valetkey.sdk.x402.making import check_installed
from valetkey.sdk.x402.notes import Notes
from valetkey.sdk.x402.requests import KEY_HEADER, body_of
from valetkey.sdk.x402.terms import Terms, fingerprint, terms_of

TIMEOUT_SECONDS = 30.0
OF_CONNECTIONS = ("verify", "cert", "http1", "http2", "limits")
"""What httpx gives its transport rather than its client."""

NEVER = ("mounts", "proxy", "app")
"""What would send requests past the payer."""


class AsyncPaying(AsyncDraws):
    """The part of a delegate that pays over HTTP."""

    def http(
        self,
        *,
        hosts: Iterable[str] | None = None,
        max_amount: Amount | None = None,
        pin_payees: bool | None = None,
        wait_approval: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        **client: Any,
    ) -> httpx.AsyncClient:
        """An httpx client that pays what it is asked for (x402), within the session's policy. Close it.

        `hosts` are those that may be paid (`api.example.com`, `*.example.com`, with a port or without), None any;
        `max_amount` is the most of one payment, USDC. `pin_payees`: refuse a host that changes the address it wants
        paid; unless given, where the policy names payees. `wait_approval`: seconds to wait for the owner, who is
        otherwise told of by ApprovalRequired. `transport` sends, in place of httpx's own; the rest is what
        httpx's client takes. The same request after a lost answer presents the same payment; a header
        `Idempotency-Key` names a request, which is then paid once for ever. Requests raise what httpx raises, and
        the refusals of `valetkey.sdk.errors`, before anything is signed. Needs `valetkey[x402]`. Raises InvalidInput,
        InvalidAmount, NotConfigured.
        """
        if self._held is None or self.session is None:
            raise NotConfigured("paying is for the holder of a session: call init_with_session first")

        async def paying() -> AsyncPayingSession:
            return AsyncPayingDelegate(self)

        terms = terms_of(hosts, max_amount, pin_payees, wait_approval)
        return async_paying_client(AsyncPayer(paying, terms), transport, client)

    async def may_have_paid(self, request: httpx.Request) -> bool:
        """Whether money moved, or may have, for a request with an `Idempotency-Key` that was sent through `http()`.

        Asked after an exception: False means that nothing was signed for it, or that it was given back. Raises what the
        platform raises.
        """
        key = request.headers.get(KEY_HEADER, "")
        kind = request.headers.get("Content-Type", "")
        named = fingerprint(self.wallet_address, request.method, request.url, body_of(request), kind, key)
        note = Notes(self._state).of_key(named)
        if note is None or not key:
            return False
        if note.spend_id is None:
            # Out of a grant the session's wallet gets the money before anything is signed for the seller.
            return self._draws()
        return (await self.get_spend(note.spend_id)).state in SENT

    def http_of(self, session: SessionInfo, **limits: Any) -> httpx.AsyncClient:
        """The client of a session that this owner made here: it becomes the session's delegate at its first payment."""
        transport, client = limits.pop("transport", None), limits
        terms = _terms(client)
        delegate = type(self)(base_url=self._base_url, rpc_url=self._rpc_url, state_dir=self._state.home)

        async def paying() -> AsyncPayingSession:
            if delegate.session is None:
                await delegate.init_with_session(session.serialize())
            return AsyncPayingDelegate(delegate)

        return async_paying_client(AsyncPayer(paying, terms, delegate.close), transport, client)


def _terms(client: dict[str, Any]) -> Terms:
    names = ("hosts", "max_amount", "pin_payees", "wait_approval")
    hosts, most, pins, waits = (client.pop(name, None) for name in names)
    return terms_of(hosts, most, pins, waits)


def async_paying_client(
    payer: AsyncPayer, transport: httpx.AsyncBaseTransport | None, client: dict[str, Any]
) -> httpx.AsyncClient:
    """A client whose requests go through the payer. Raises InvalidInput for what would lead them past it."""
    check_installed()
    for name in NEVER:
        if name in client:
            raise InvalidInput(f"a paying client has no {name}: give it a transport", field=name)
    asked = {name: client.pop(name) for name in OF_CONNECTIONS if name in client}
    # A proxy or a .netrc of the environment must not see payments.
    inner = transport or httpx.AsyncHTTPTransport(trust_env=False, **asked)
    settings = {"timeout": TIMEOUT_SECONDS, "trust_env": False, **client}
    return httpx.AsyncClient(transport=AsyncPayingTransport(inner, payer), **settings)
