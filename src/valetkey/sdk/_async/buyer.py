"""The buyer: makes sessions for delegates, or is the delegate of one; finds, buys, pays, reads, releases."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.actions import AsyncActions
from valetkey.sdk._async.directory import AsyncDirectory
from valetkey.sdk._async.escrows import CHECKOUTS, AsyncEscrows
from valetkey.sdk._async.grants import allowance_of
from valetkey.sdk._async.making import Session
from valetkey.sdk._async.stopping import AsyncStopping
from valetkey.sdk._async.vouchers import AsyncPromises
from valetkey.sdk._async.x402_http import AsyncPaying
from valetkey.sdk.amounts import Amount, usdc_of, usdc_units
from valetkey.sdk.checkout import Checkout, checkout_of
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.limits import Limit, Rules, Windows, names
from valetkey.sdk.payloads import evidence_of, opened
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire import js_json
from valetkey.wire.checkout import CheckoutRequest, CheckoutResult
from valetkey.wire.envelope import Decrypted, encrypt
from valetkey.wire.http import IDEMPOTENCY_HEADER, encode
from valetkey.wire.payload import wrap
from valetkey.wire.proofs import criteria_hash
from valetkey.wire.spends import Verdict
from valetkey.wire.transactions import TransactionView

SESSION_SECONDS = 3_600

ENVELOPES = "envelopes"
"""The room of the state folder that holds encrypted requests, by the order that they are of."""


class AsyncBuyerAgent(AsyncDirectory, AsyncEscrows, AsyncPromises, AsyncActions, AsyncPaying, AsyncStopping):
    """An owner that buys, or the delegate of one (`init_with_session`)."""

    # The owner's side: sessions

    async def create_session(
        self,
        budget_usdc: Amount | None = None,
        expiry: int = SESSION_SECONDS,
        allowed_service_ids: Iterable[str] | None = None,
        *,
        label: str | None = None,
        sole_label: bool = False,
        delegate: str | None = None,
        per_spend_usdc: Amount | None = None,
        windows: Windows | None = None,
        spends_max: int | None = None,
        not_before: int | None = None,
        approval_above_usdc: Amount | None = None,
        limits: Mapping[str, Limit | Amount | None] | None = None,
        allowed_assets: Iterable[str] | None = None,
        allowed_chains: Iterable[int] | None = None,
        allowed_payees: Iterable[str] | None = None,
        allowed_operations: Iterable[str] | None = None,
        refunds_restore: bool = False,
        funding: Literal["wallet", "grant"] | None = None,
        enrollment: str | None = None,
        approve: bool = True,
        idempotency_key: str | None = None,
    ) -> SessionInfo:
        """Make a session for a delegate. Its keys are made here; the platform learns only the public ones.

        `budget_usdc` is all it may spend, fees included: None is unlimited, 0 nothing. `expiry` is seconds from
        now, `not_before` unix seconds, `allowed_service_ids` [] every service, `per_spend_usdc` a limit for
        each spend, `windows` limits in USDC for any interval of so many seconds (`{3600: 20, 86400: 100}`),
        `spends_max` how many spends. What is above `approval_above_usdc` waits for `approve`. `limits` are those of
        other currencies, which it can otherwise not spend: `{"ETH": "0.1"}`, or a `Limit`. The other lists are
        CAIP-19 ids of assets, chain ids, addresses and operations; None is every one, [] none. `refunds_restore`:
        what a payee gives back may be spent again. `delegate` says who holds it. `sole_label`: no other
        living session of this owner may have the label while this one lives. `funding`: "wallet" has a wallet of
        its own, which `fund_session` fills; "grant" pays out of the owner's balance by a grant, which is given at once
        (see `grant_session`). It is "wallet" unless given. `enrollment`: the code that a delegate told who made its own
        keys, which nobody else ever has; such a session pays by grant, and there is no bundle to hand over.
        `approve` is as for `grant_session`. `idempotency_key`: the session's keys are kept in the state folder before
        the platform is told of it, and the same call under the same key gives the same session, also after a crash
        anywhere, until `forget_keys`. Raises InvalidAmount, InvalidInput, LabelTaken, EnrollmentMismatch,
        EnrollmentUsed, EnrollmentExpired.
        """
        if enrollment is not None and funding == "wallet":
            raise InvalidInput(
                "nobody but its delegate could bring back what an enrolled session's wallet holds: let it pay by grant",
                field="funding",
            )
        funding = funding or ("wallet" if enrollment is None else "grant")
        rules = Rules(
            budget=budget_usdc,
            services=allowed_service_ids or (),
            per_spend=per_spend_usdc,
            windows=windows or {},
            spends_max=spends_max,
            approval_above=approval_above_usdc,
            limits=limits or {},
            assets=allowed_assets,
            chains=None if allowed_chains is None else names(allowed_chains, "allowed_chains"),
            payees=allowed_payees,
            operations=allowed_operations,
            refunds_restore=refunds_restore,
        )
        if funding == "grant":
            # Nobody learns of a session that could not be given what it pays with.
            self._need_signer()
            allowance_of(await self._network_for(rules.chains))
        session = await self._create_session(
            role="buyer",
            expiry=expiry,
            rules=rules,
            label=label,
            sole_label=sole_label,
            delegate=delegate,
            not_before=not_before,
            funding=funding,
            enrollment=enrollment,
            idempotency_key=idempotency_key,
        )
        if funding == "grant":
            await self.grant_session(session, approve=approve)
        return session

    async def fund_session(
        self,
        session: SessionInfo,
        token: str = "USDC",  # noqa: S107 - a currency
        amount: Amount | None = None,
        *,
        gas_wei: int | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Send tokens and gas to a session's wallet; returns the hash of the token transfer.

        A recovery copy of the keys is stored first. `amount` is USDC, the session's budget unless given;
        `gas_wei` is what the wallet shall have for gas, enough for a dozen purchases unless given. Interrupted
        anywhere, the same call again goes on and sends nothing twice. Once it has returned, the same call sends as much
        again; under an `idempotency_key` it does not, until `forget_funding`. Raises InsufficientFunds, Unfinished.
        """
        if token != "USDC":  # noqa: S105 - a currency
            raise InvalidInput("a session is funded in USDC, and with gas")
        wanted = amount if amount is not None else session.budget_usdc
        if wanted is None:
            raise InvalidInput("a session without a budget needs an amount to be funded with")
        units = usdc_units(wanted)
        if units == 0:
            raise InvalidInput("there is nothing to fund a session with")
        return await self._fund(session, units, gas_wei, idempotency_key)

    # The delegate's side: purchases

    async def purchase(
        self,
        service_id: str,
        *,
        quantity: int = 1,
        request_payload: Any = None,
        callback_url: str | None = None,
        dispute_window: int | None = None,
        abandonment_grace: int | None = None,
        criteria: object = None,
        network: str | None = None,
        max_total: Amount | None = None,
        idempotency_key: str | None = None,
    ) -> Checkout:
        """Order a service: the spend gate decides, and holds the money of a session.

        `max_total` is USDC that it may cost, fee included: a price may change after it was looked at. Windows
        are seconds. `criteria` is what the delivery is to be measured by; its hash goes on chain. The same
        `idempotency_key` and order answer the same purchase, for ever; one is made for each call unless given,
        so that a lost answer is asked anew and nothing is ordered twice. Raises BudgetExceeded,
        ServiceNotAllowed, PriceExceedsMax and the other refusals.
        """
        self._state.check_writable(CHECKOUTS)
        payload = msgspec.UNSET if request_payload is None else msgspec.Raw(_json(request_payload))
        asked = CheckoutRequest(
            service_id=service_id,
            quantity=quantity,
            callback_url=callback_url,
            request_payload=payload,
            network=network,  # type: ignore[arg-type]  # the platform knows which networks there are
            dispute_window=dispute_window,
            abandonment_grace=abandonment_grace,
            max_total=None if max_total is None else usdc_of(max_total),
            criteria_hash=None if criteria is None else "0x" + criteria_hash(criteria).hex(),
        )
        result = await self._client.send(
            "POST",
            "/checkout",
            CheckoutResult,
            asked,
            headers={IDEMPOTENCY_HEADER: chosen_key(idempotency_key)},
            repeat=True,
        )
        self._state.write(CHECKOUTS, result.transaction_id, encode(result.payment_instructions))
        return checkout_of(result)

    async def check_purchase(
        self, service_id: str, *, quantity: int = 1, max_total: Amount | None = None
    ) -> Verdict:
        """What the gate would say to this order of a session now, and what it would cost: the dry run.

        Nothing is ordered or held, and a refusal is no exception; `asked` is the total, fee included. Raises NotFound.
        """
        asked = CheckoutRequest(
            service_id=service_id,
            quantity=quantity,
            max_total=None if max_total is None else usdc_of(max_total),
        )
        return await self._client.send("POST", "/checkout/check", Verdict, asked, repeat=True)

    async def purchase_encrypted(self, service_id: str, payload: Any, **order: Any) -> Checkout:
        """As `purchase`, with a request that only the seller can read.

        Under an `idempotency_key` the envelope is kept in the state folder before it is sent: nothing is encrypted
        twice alike, and the same order has to be the same bytes.
        """
        key = order.get("idempotency_key")
        name = None if key is None else _order_name(key, service_id, payload)
        kept = None if name is None else self._state.read(ENVELOPES, name)
        if kept is None:
            service = await self.get_service(service_id)
            recipient = await self.public_key(service.agent_id, service_id=service_id)
            envelope = encrypt(payload, self._need_crypto(), recipient, now_ms=time.time_ns() // 1_000_000)
            kept = wrap(envelope)
            if name is not None:
                self._state.write(ENVELOPES, name, kept)
        return await self.purchase(service_id, request_payload=js_json.parse(kept), **order)

    async def decrypt_response_payload(
        self, transaction: TransactionView, *, session: Session | None = None
    ) -> Decrypted:
        """Open an encrypted delivery: `.payload`, and `.verified` whether its signature holds.

        An owner reads what one of its sessions bought by naming the session. Raises InvalidInput when it is
        not encrypted, DecryptionFailed for another key's.
        """
        key = self._need_crypto() if session is None else (await self._keys(session)).e2e_private_key
        return opened(transaction.response_payload, key)

    # Disputes

    async def submit_payload_evidence(self, transaction_id: str, *, session: Session | None = None) -> str:
        """Disclose an encrypted delivery as evidence: what was delivered, and whether it is what was attested."""
        transaction = await self.get_transaction(transaction_id)
        found = await self.decrypt_response_payload(transaction, session=session)
        kind, description, content_hash, metadata = evidence_of(transaction, found)
        return await self.submit_evidence(
            transaction_id, kind, description, content_hash=content_hash, metadata=metadata
        )


def _order_name(key: str, service_id: str, payload: Any) -> str:
    """What an encrypted order is kept under. Another payload under the same key is another order, and is refused."""
    told = "\n".join((key, service_id)).encode("utf-8", "replace") + b"\n" + _json(payload)
    return hashlib.sha256(told).hexdigest()


def _json(value: Any) -> bytes:
    """JSON as JavaScript prints it, so that whoever hashes a payload finds the same bytes."""
    return js_json.stringify(value).encode("utf-8")
