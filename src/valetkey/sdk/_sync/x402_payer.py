# Generated from src/valetkey/sdk/_async/x402_payer.py by scripts/generate_sync.py: edit that file instead.
"""Pays one 402 (x402): offer, hold, guarded signature, stored, sent; in this order, so a crash anywhere pays once."""

import logging
import time
from collections.abc import Callable

import httpx
import msgspec

from valetkey.core.refusal import Code, refuse
from valetkey.core.spend import HoldState
from valetkey.sdk._sync.x402_answers import Told, read_demand
from valetkey.sdk._sync.x402_session import Held, PayingSession
from valetkey.sdk.errors import ApprovalRequired, HoldEnded, InsufficientFunds, Refused
from valetkey.sdk.errors import refused_error as error_of
from valetkey.sdk.x402.guard import Bounds, Guard
from valetkey.sdk.x402.making import Made, make
from valetkey.sdk.x402.notes import Note, Taken
from valetkey.sdk.x402.offers import Offer, Required, choose
from valetkey.sdk.x402.requests import (
    KEY_HEADER,
    body_of,
    demand_of,
    problem_of,
    second_demand,
    unpaid,
    with_payment,
)
from valetkey.sdk.x402.terms import Terms, fingerprint, note_of, origin_of
from valetkey.seam import sleep
from valetkey.wire import calls
from valetkey.wire.authorizations import domain_separator

PAID = "valetkey.paid"
"""An extension of a request that stays with it when httpx follows a redirect: whatever it asks then, it paid once."""

SPEND = "valetkey.spend"
"""An extension of the answer to a payment: the id of its spend, and the reference that the chain tells it by."""

LOCK_PAUSE_SECONDS = 0.05
SIGNED_SECONDS_MIN = 10
"""A payment that holds for less would be dead before a facilitator sends it."""

GONE = (HoldState.VOIDED, HoldState.EXPIRED)
SENT = (HoldState.UNKNOWN, HoldState.CAPTURED)

_log = logging.getLogger("valetkey.x402")


class Payer:
    """Pays for one client. `session` gives the one that pays; `closing` ends what is the client's own."""

    def __init__(
        self,
        session: Callable[[], PayingSession],
        terms: Terms,
        closing: Callable[[], None] | None = None,
    ) -> None:
        self._session = session
        self._terms = terms
        self._closing = closing
        self._known: set[tuple[str, str, str]] = set()

    def close(self) -> None:
        """End what is this client's own."""
        if self._closing is not None:
            self._closing()

    def pay(
        self, inner: httpx.BaseTransport, request: httpx.Request, response: httpx.Response, asked: str
    ) -> httpx.Response:
        """Answer a 402: pay within the session's policy and this client's terms, and send the request again.

        `asked`: whom the request asked at first. Raises the refusals of valetkey.sdk.errors before anything is signed;
        and, when the seller does not take what was paid, OfferChanged or PaymentNotAccepted.
        """
        body = read_demand(response)
        required = demand_of(response, body)
        if required is None:
            return unpaid(response, body)
        if not isinstance(required, Required):
            raise error_of(required)
        if PAID in request.extensions:
            raise error_of(
                refuse(
                    Code.PAYMENT_NOT_ACCEPTED, "payment", "this request was paid for before it was redirected"
                )
            )
        if problem := problem_of(request, asked, required, self._terms):
            raise error_of(problem)
        session = self._session()
        offer = choose(required, session.purse(), self._terms)
        if not isinstance(offer, Offer):
            raise error_of(offer)
        payment = Payment(session, self._terms, request, required, offer)
        payment.prepare(self._known)
        return payment.carry_through(inner)


class Payment:
    """One request and the offer for it."""

    def __init__(
        self,
        session: PayingSession,
        terms: Terms,
        request: httpx.Request,
        required: Required,
        offer: Offer,
    ) -> None:
        self._session = session
        self._terms = terms
        self._request = request
        self._required = required
        self._offer = offer
        self._notes = session.notes

    def prepare(self, known: set[tuple[str, str, str]]) -> None:
        """Look at what the chain and earlier payments say of the offer. `known`: domains that were right before."""
        offer = self._offer
        domain = (offer.asset, offer.name, offer.domain_version)
        if domain not in known:
            told = self._session.view(calls.domain_separator(offer.asset))
            if told != domain_separator(offer.name, offer.domain_version, offer.chain_id, offer.asset):
                raise error_of(
                    refuse(
                        Code.OFFER_DOMAIN_MISMATCH,
                        "extra",
                        "the offer names another signing domain than the token has on chain",
                    )
                )
            known.add(domain)
        self._check_payee()

    def carry_through(self, inner: httpx.BaseTransport) -> httpx.Response:
        """Hold, sign, store, send; or go on with what was cut off."""
        request = self._request
        key = request.headers.get(KEY_HEADER, "")
        kind = request.headers.get("Content-Type", "")
        print_ = fingerprint(self._session.wallet, request.method, request.url, body_of(request), kind, key)
        while (taken := self._notes.take(print_, keyed=bool(key))) is None:
            sleep(LOCK_PAUSE_SECONDS)
        answered = False
        try:
            note = self._signed(taken)
            assert note.header is not None
            assert note.value is not None
            request.extensions[PAID] = True
            self._remember_payee()
            response = inner.handle_request(with_payment(request, note.header, note.value))
            if response.status_code == httpx.codes.PAYMENT_REQUIRED:
                body = read_demand(response)
                demand = demand_of(response, body)
                raise error_of(second_demand(demand, self._offer, note.spend_id or ""))
            answered = True
            return self._answer(response, taken, note)
        finally:
            if not answered:
                self._notes.release(taken)

    def _answer(self, response: httpx.Response, taken: Taken, note: Note) -> httpx.Response:
        """The answer to a payment. Until its end is read, the payment is not forgotten: the next try presents it."""

        def done(whole: bool) -> None:
            try:
                if whole and response.is_success:
                    self._notes.finish(taken)
            finally:
                self._notes.release(taken)

        stream = response.stream
        assert isinstance(stream, httpx.SyncByteStream)
        told = {"spend_id": note.spend_id, "reference": note.reference}
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=Told(stream, done),
            extensions={**response.extensions, SPEND: told},
        )

    # The payment

    def _signed(self, taken: Taken) -> Note:
        """What is to be presented: the stored one, or one that is signed now."""
        note = taken.note
        if note is not None and note.reference is None and note.offer != self._offer.text:
            # Nothing was signed for it; its money is free again by itself.
            self._notes.renew(taken)
            note = None
        if note is not None and note.reference is not None:
            kept = self._presentable(taken, note)
            if kept is not None:
                return kept
        hold = self._hold(taken)
        return self._sign(taken, hold)

    def _presentable(self, taken: Taken, note: Note) -> Note | None:
        """A payment that was signed before; None when it is proven that nothing was paid by it."""
        assert note.spend_id is not None
        hold = self._session.find(note.spend_id)
        if hold.state == HoldState.HELD:
            try:
                self._session.mark_signed(hold, note.payload, note.reference)
                return note
            except HoldEnded:
                hold = self._session.find(note.spend_id)
        if hold.state in SENT:
            return note
        self._notes.renew(taken)
        return None

    def _hold(self, taken: Taken) -> Held:
        """The money of this payment, off the budget: the gate decides."""
        offer, is_known = self._offer, taken.note is not None
        for is_last in (False, True):
            key = taken.key(offer.text)
            self._notes.keep(taken, Note(offer.text))
            try:
                hold = self._session.hold(
                    offer,
                    key,
                    note_of(self._request.method, self._request.url),
                    self._terms.wait_approval,
                )
            except ApprovalRequired:
                # The same request goes on with it when the owner has approved.
                raise
            except HoldEnded:
                # The intent of a process that ended long ago.
                self._notes.renew(taken)
                if is_last or self._request.headers.get(KEY_HEADER):
                    raise
                continue
            except Refused:
                self._notes.drop(taken)
                raise
            # With a grant what was signed by then is the draw, which whoever asked for it goes on with.
            if hold.state in SENT and not (self._session.draws_first and is_known):
                raise error_of(
                    refuse(
                        Code.PAYMENT_SIGNED_ELSEWHERE,
                        "payment",
                        "this payment was signed before, and its bytes are not in this state folder",
                        hint=f"look at spend {hold.id}, or ask with another {KEY_HEADER}",
                    )
                )
            return hold
        raise AssertionError("the last try returns or raises")

    def _sign(self, taken: Taken, hold: Held) -> Note:
        """Sign, keep it here, and tell the ledger: only then may it be sent."""
        try:
            self._session.supply(hold, self._offer)
            made = self._made(hold)
        except (InsufficientFunds, Refused):
            # Nothing was signed, so what is held is free.
            if hold.state == HoldState.HELD:
                self._session.void(hold)
                self._notes.drop(taken)
            raise
        note = msgspec.structs.replace(
            Note(self._offer.text),
            spend_id=hold.id,
            header=made.header,
            value=made.value,
            payload=made.payload,
            reference=made.signed.reference,
        )
        self._notes.keep(taken, note)
        try:
            self._session.mark_signed(hold, note.payload, note.reference)
        except HoldEnded:
            # Its time was over: nothing was sent.
            self._notes.drop(taken)
            raise
        return note

    def _made(self, hold: Held) -> Made:
        ends_at = self._session.ends_at()
        now = int(time.time())
        seconds = min(self._offer.seconds, ends_at - now)
        if seconds < min(SIGNED_SECONDS_MIN, self._offer.seconds):
            raise error_of(
                refuse(
                    Code.OFFER_TIMES_REFUSED, "expiry", "the session ends before a payment could be settled"
                )
            )
        bounds = Bounds(self._offer, self._session.wallet, hold.units, now, ends_at)
        return make(self._offer, self._required, Guard(self._session.signer(), bounds), seconds)

    def _check_payee(self) -> None:
        """A host that changes whom it wants paid is told of, and refused where the policy names payees."""
        host = origin_of(self._request.url)
        before = self._notes.payee(self._session.wallet, host)
        if before is None or before.lower() == self._offer.payee.lower():
            return
        pinned = self._terms.pin_payees
        if pinned if pinned is not None else self._session.names_payees():
            raise error_of(
                refuse(
                    Code.PAYEE_CHANGED,
                    "payTo",
                    f"{host} was paid to {before} before, and now wants {self._offer.payee} paid",
                    hint="ask the seller; http(pin_payees=False) lets a host change its payee",
                )
            )
        _log.warning("%s was paid to %s before, and now wants %s paid", host, before, self._offer.payee)

    def _remember_payee(self) -> None:
        self._notes.remember_payee(self._session.wallet, origin_of(self._request.url), self._offer.payee)
