"""The payment header, made by the official x402 package with a guarded signer; imported when it is used."""

from dataclasses import dataclass
from typing import Any

from valetkey.core.refusal import Code, refuse
from valetkey.recursion import recursion_limit_kept
from valetkey.sdk.errors import NotConfigured, refused_error
from valetkey.sdk.x402.guard import Guard, check_sent
from valetkey.sdk.x402.offers import EXACT, Offer, Required
from valetkey.wire.authorizations import Authorization
from valetkey.wire.http import encode

MISSING = "paying over HTTP needs the official package: install valetkey[x402]"


@dataclass(frozen=True, slots=True)
class Made:
    """A payment: the header that carries it, and what the ledger keeps of it. Both are worth money until it is dead."""

    header: str
    value: str
    signed: Authorization

    def __repr__(self) -> str:
        return f"<Made {self.signed.reference}>"

    @property
    def payload(self) -> bytes:
        """What the ledger keeps."""
        return encode(self.signed)


def make(offer: Offer, required: Required, guard: Guard, seconds: int) -> Made:
    """Sign for an offer, for so many seconds. Raises SigningRefused, OfferUnreadable, NotConfigured."""
    check_installed()
    from x402.http.x402_http_client_base import x402HTTPClientBase
    from x402.schemas.errors import PaymentError

    failed = True
    payload: Any = None
    try:
        payload = _payload(offer, required, guard, seconds)
        failed = False
    except (PaymentError, ValueError, TypeError, LookupError, AttributeError):
        failed = True
    if failed:
        # The package's words quote the seller's.
        raise refused_error(refuse(Code.OFFER_UNREADABLE, "offer", "no payment can be made for this offer"))
    check_sent(payload.payload, guard.signed)
    assert guard.signed is not None
    ((header, value),) = x402HTTPClientBase().encode_payment_signature_header(payload).items()
    return Made(header, value, guard.signed)


def check_installed() -> None:
    """Raise NotConfigured unless the package is there."""
    missing = False
    try:
        with recursion_limit_kept():
            import x402.http.x402_http_client_base
            import x402.mechanisms.evm.exact.client
            import x402.mechanisms.evm.exact.v1.client
            import x402.mechanisms.evm.upto.client  # noqa: F401
    except ImportError:
        missing = True
    if missing:
        raise NotConfigured(MISSING)


def _payload(offer: Offer, required: Required, guard: Guard, seconds: int) -> Any:
    from x402 import x402ClientSync
    from x402.mechanisms.evm.exact.client import ExactEvmScheme
    from x402.mechanisms.evm.exact.v1.client import ExactEvmSchemeV1
    from x402.mechanisms.evm.upto.client import UptoEvmScheme
    from x402.schemas.payments import PaymentRequired, PaymentRequirements, ResourceInfo
    from x402.schemas.v1 import PaymentRequiredV1, PaymentRequirementsV1

    # What it would limit, the session's policy and this client's terms have limited already.
    client = x402ClientSync().set_spend_controls(False)
    wanted = {**offer.raw, "maxTimeoutSeconds": seconds}
    if offer.version == 1:
        client.register_v1(offer.raw["network"], ExactEvmSchemeV1(guard))
        first = PaymentRequirementsV1.model_validate(wanted)
        return client.create_payment_payload(PaymentRequiredV1(accepts=[first]))
    scheme = ExactEvmScheme(guard) if offer.scheme == EXACT else UptoEvmScheme(guard)
    client.register(offer.raw["network"], scheme)
    # Without its extensions: some of them have the client sign permits, or whole transactions.
    asked = PaymentRequired(accepts=[PaymentRequirements.model_validate(wanted)])
    made = client.create_payment_payload(asked)
    resource = required.resource if isinstance(required.resource, dict) else None
    extensions = required.extensions if isinstance(required.extensions, dict) else None
    return made.model_copy(
        update={
            "accepted": PaymentRequirements.model_validate(offer.raw),
            "resource": None if resource is None else ResourceInfo.model_validate(resource),
            "extensions": extensions or None,
        }
    )
