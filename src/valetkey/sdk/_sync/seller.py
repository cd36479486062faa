# Generated from src/valetkey/sdk/_async/seller.py by scripts/generate_sync.py: edit that file instead.
"""The seller: offers services, waits for purchases, reads requests, delivers, and proves deliveries on chain."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from valetkey.core.errors import EnvironmentFailure, InvalidInput
from valetkey.core.escrow import EscrowStatus
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.directory import Directory
from valetkey.sdk._sync.making import Session
from valetkey.sdk._sync.owner import Owner
from valetkey.sdk._sync.protecting import Protecting
from valetkey.sdk._sync.vouchers import Settlements
from valetkey.sdk.amounts import Amount, usdc_of
from valetkey.sdk.checkout import escrow_of
from valetkey.sdk.errors import PlatformError, RateLimited
from valetkey.sdk.limits import Rules
from valetkey.sdk.payloads import disclosure_of, opened
from valetkey.sdk.session_info import SessionInfo
from valetkey.seam import sleep
from valetkey.wire import calls, js_json
from valetkey.wire.attestation import attest
from valetkey.wire.envelope import Decrypted, encrypt
from valetkey.wire.payload import wrap
from valetkey.wire.proofs import delivery_proof
from valetkey.wire.services import CreateServiceRequest, PatchServiceRequest, ServiceView
from valetkey.wire.transactions import DeliverRequest, TransactionView

POLL_SECONDS = 5.0
PAUSE_SECONDS_MAX = 300.0
PAGE = 50
SERVER_ERROR = 500
SESSION_SECONDS = 3_600


class SellerAgent(Directory, Owner, Settlements, Protecting):
    """An owner that sells, or a process that delivers for it (`init_with_session`)."""

    _stopped = False

    # Offering

    def list_service(
        self,
        *,
        title: str,
        description: str,
        category: str,
        price: Amount,
        price_unit: str,
        **more: Any,
    ) -> ServiceView:
        """Put a service on offer. `price` is USDC. `more`: currency, delivery_type, callback_required,
        endpoint_url, network. Raises InvalidInput."""
        asked = {"title": title, "description": description, "category": category, "price_unit": price_unit}
        request = _request(CreateServiceRequest, asked | {"price": usdc_of(price)} | more)
        return self._client.send("POST", "/services", ServiceView, request)

    def update_service(self, service_id: str, **changes: Any) -> ServiceView:
        """Change a service; `endpoint_url=None` removes the URL, what is not named stays."""
        if changes.get("price") is not None:
            changes["price"] = usdc_of(changes["price"])
        # A null leaves a field as it is; only the URL is left out altogether when it is not named.
        request = _request(PatchServiceRequest, changes)
        return self._client.send(
            "PATCH", f"/services/{segment(service_id)}", ServiceView, request, repeat=True
        )

    def archive_service(self, service_id: str) -> None:
        """Take a service off the market for good."""
        self._client.send("DELETE", f"/services/{segment(service_id)}", dict[str, str])

    # Selling

    def poll_for_purchases(
        self, *, interval: float = POLL_SECONDS, statuses: Sequence[str] = ("escrowed",)
    ) -> Iterator[TransactionView]:
        """Yield each purchase once, oldest first, until `stop` is called or the loop is left.

        Goes through every page, and on through outages of the platform; raises when the credential is dead.
        `interval` is seconds between looks.
        """
        self._stopped = False
        seen: set[str] = set()
        missed: set[str] = set()
        while not self._is_stopped():
            pause = interval
            found: list[TransactionView] = []
            try:
                for status in statuses:
                    found += self._all(status)
            except RateLimited as limited:
                pause = max(interval, min(float(limited.retry_after or 0), PAUSE_SECONDS_MAX))
            except (EnvironmentFailure, PlatformError) as problem:
                # Nothing is lost: what is paid stays on the list until it is delivered.
                if isinstance(problem, PlatformError) and problem.status < SERVER_ERROR:
                    raise
                found = []
            else:
                # What left the list needs no memory; one look may miss what moved between two pages.
                gone = seen - {one.id for one in found}
                seen -= gone & missed
                missed = gone
            for purchase in sorted(found, key=lambda one: one.created_at):
                if purchase.id not in seen:
                    seen.add(purchase.id)
                    yield purchase
                if self._is_stopped():
                    return
            sleep(pause)

    def stop(self) -> None:
        """End `poll_for_purchases` after its current step."""
        self._stopped = True

    def decrypt_request_payload(
        self, transaction: TransactionView, *, session: Session | None = None
    ) -> Decrypted:
        """Open an encrypted request: `.payload`, and `.verified` whether the buyer's signature holds.

        A request that was encrypted to one of the owner's seller sessions is opened by naming the session.
        """
        key = self._need_crypto() if session is None else (self._keys(session)).e2e_private_key
        return opened(transaction.request_payload, key)

    def deliver(self, transaction_id: str, payload: Any) -> TransactionView:
        """Deliver a JSON value. The same again is the same delivery."""
        body = DeliverRequest(response_payload=msgspec.Raw(js_json.stringify(payload).encode("utf-8")))
        return self._deliver(transaction_id, body)

    def deliver_encrypted(self, transaction_id: str, payload: Any) -> TransactionView:
        """Deliver a JSON value that only the buyer can read: the key of the session that bought, if one did.

        An attestation of it (hash, length, ...) goes with it in the clear.
        """
        transaction = self.get_transaction(transaction_id)
        recipient = self.public_key(transaction.buyer_agent_id)
        now_ms = time.time_ns() // 1_000_000
        envelope = encrypt(payload, self._need_crypto(), recipient, now_ms=now_ms)
        wrapped = wrap(envelope, attest(payload, now_ms))
        return self._deliver(transaction_id, DeliverRequest(response_payload=msgspec.Raw(wrapped)))

    def submit_delivery(
        self, transaction_id: str, payload: Any = None, *, proof: bytes | None = None
    ) -> str | None:
        """Record a delivery on chain, by the hash of its payload or a proof of 32 bytes; the dispute window begins.

        Returns the hash; None when the chain shows this delivery already.
        """
        if (payload is None) is (proof is None):
            raise InvalidInput("a delivery is proven by its payload or by a proof, one of them")
        digest = proof if proof is not None else delivery_proof(payload)
        desk = self._desk()
        escrow = desk.wallet.escrow(transaction_id)
        # Another proof is another step: the bytes of the first say something else.
        purpose = f"deliver {transaction_id} {digest.hex()}"
        if escrow is not None and escrow.status is not EscrowStatus.FUNDED and escrow.proof_hash == digest:
            desk.done(purpose)
            return None
        contract = escrow_of(self.network())
        return (desk.perform(purpose, calls.submit_delivery(contract, transaction_id, digest))).tx_hash

    def submit_payload_evidence(self, transaction_id: str, payload: Any) -> str:
        """Disclose what was delivered encrypted as evidence; returns its id.

        Raises InvalidInput when the payload is not the one that the delivery attested.
        """
        transaction = self.get_transaction(transaction_id)
        kind, description, content_hash, metadata = disclosure_of(transaction, payload)
        return self.submit_evidence(
            transaction_id, kind, description, content_hash=content_hash, metadata=metadata
        )

    # Sessions of a seller

    def create_session(
        self,
        expiry: int = SESSION_SECONDS,
        allowed_service_ids: list[str] | None = None,
        *,
        label: str | None = None,
        sole_label: bool = False,
        enrollment: str | None = None,
    ) -> SessionInfo:
        """Make a session whose holder delivers in the owner's name and can do nothing else: it spends nothing.

        `expiry` is seconds from now; `allowed_service_ids` [] is every service of the owner; `sole_label`: no
        other living session of this owner may have the label while this one lives. Its key records
        deliveries on chain once `authorize_session` was called. Buyers encrypt to the session's key from now on,
        so a recovery copy is stored at once: this needs the owner's wallet. `enrollment`: the code that a delegate told
        who made its own keys; what buyers encrypt to them, nobody else ever reads, and there is no copy.
        """
        if enrollment is None:
            self._need_signer()
        made = self._create_session(
            role="seller",
            expiry=expiry,
            rules=Rules(budget=0, services=allowed_service_ids or ()),
            label=label,
            sole_label=sole_label,
            enrollment=enrollment,
        )
        if enrollment is not None:
            return made
        kept = False
        try:
            self.keep_recovery(made)
            kept = True
        finally:
            if not kept:
                # What buyers would encrypt to a key that may be lost, nobody could read.
                self.revoke_session(made)
        return made

    def authorize_session(self, session: SessionInfo, *, gas_wei: int | None = None) -> str:
        """Give a seller session gas, and the right to record deliveries on chain until it ends; returns the hash.

        A recovery copy of its keys is stored first. Proceeds always go to the owner's wallet.
        """
        self.keep_recovery(session)
        desk = self._desk()
        contract = escrow_of(self.network())
        with desk.alone():
            self._send_gas(desk, session.wallet_address, gas_wei)
            purpose = f"authorize {session.wallet_address}"
            call = calls.authorize_delivery(contract, session.wallet_address, session.expiry)
            mined = desk.carry_through(purpose, call)
            desk.done(purpose)
        return mined.tx_hash

    def withdraw_authorization(self, session_wallet: str) -> str:
        """Take the right to record deliveries back from a session's wallet; returns the hash."""
        contract = escrow_of(self.network())
        desk = self._desk()
        call = calls.authorize_delivery(contract, session_wallet, 0)
        return (desk.perform(f"withdraw {session_wallet}", call)).tx_hash

    # Inside

    def _is_stopped(self) -> bool:
        return self._stopped

    def _deliver(self, transaction_id: str, body: DeliverRequest) -> TransactionView:
        path = f"/transactions/{segment(transaction_id)}/deliver"
        return self._client.send("POST", path, TransactionView, body, repeat=True)

    def _all(self, status: str) -> list[TransactionView]:
        """Every purchase of a status. One that moves on between two pages is met in the next look."""
        found: list[TransactionView] = []
        while True:
            page = self.list_transactions(role="seller", status=status, limit=PAGE, offset=len(found))
            found += page.transactions
            if not page.transactions or len(found) >= page.total:
                return found


def _request(kind: type[Any], fields: dict[str, Any]) -> Any:
    """A request from keywords. Raises InvalidInput for a name or a value that it does not know."""
    unknown = fields.keys() - set(kind.__struct_fields__)
    if unknown:
        raise InvalidInput(f"a service has no {', '.join(sorted(unknown))}")
    return kind(**fields)
