"""Payments out of channels, made by the official x402 package with a guarded signer; imported when they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from valetkey.core.refusal import Code, refuse
from valetkey.recursion import recursion_limit_kept
from valetkey.sdk.errors import NotConfigured, refused_error
from valetkey.sdk.x402.channel_guard import ChannelBounds, ChannelGuard, check_sent_channel, payload_of
from valetkey.sdk.x402.making import MISSING
from valetkey.sdk.x402.offers import Offer, Required
from valetkey.wire.channels import ChannelConfig, ChannelDeposit, Voucher

DEPOSIT, VOUCHER, REFUND = "deposit", "voucher", "refund"


@dataclass(frozen=True, slots=True)
class MadeVoucher:
    """A voucher, with the deposit where it opens a channel, and the header that carries both."""

    header: str
    value: str
    voucher: Voucher
    deposit: ChannelDeposit | None

    def __repr__(self) -> str:
        return f"<MadeVoucher {self.voucher.channel_id}>"


def make_voucher(required: Required, guard: ChannelGuard, bounds: ChannelBounds, seconds: int) -> MadeVoucher:
    """Sign what the bounds say. `seconds`: for how long a deposit holds. Raises SigningRefused, OfferUnreadable."""
    check_installed()
    from x402.schemas.errors import PaymentError

    failed = True
    payload: Any = None
    try:
        payload = _payload(guard, bounds, seconds)
        failed = False
    except (PaymentError, ValueError, TypeError, LookupError, AttributeError):
        failed = True
    if failed:
        # The package's words quote the seller's.
        raise refused_error(refuse(Code.OFFER_UNREADABLE, "offer", "no payment can be made for this offer"))
    deposit, voucher = guard.opened(payload), guard.voucher
    assert voucher is not None
    wanted = payload_of(VOUCHER if deposit is None else DEPOSIT, bounds.channel, voucher, deposit)
    check_sent_channel(payload, wanted)
    header, value = header_of(bounds.offer, required, wanted)
    return MadeVoucher(header, value, voucher, deposit)


def make_refund(required: Required, guard: ChannelGuard, bounds: ChannelBounds) -> tuple[str, str]:
    """The header that asks a seller to give back what is left; its voucher says what was charged, and no more."""
    check_installed()
    from x402.mechanisms.evm.batch_settlement.client.voucher import sign_voucher

    network = f"eip155:{bounds.offer.chain_id}"
    signer: Any = guard
    sign_voucher(signer, bounds.channel.id(bounds.offer.chain_id), bounds.total, network)
    assert guard.voucher is not None
    return header_of(bounds.offer, required, payload_of(REFUND, bounds.channel, guard.voucher, None))


def header_of(offer: Offer, required: Required, payload: Mapping[str, Any]) -> tuple[str, str]:
    """The header that carries what was signed."""
    from x402.http.x402_http_client_base import x402HTTPClientBase
    from x402.schemas.payments import PaymentPayload, PaymentRequirements, ResourceInfo

    resource = required.resource if isinstance(required.resource, dict) else None
    extensions = required.extensions if isinstance(required.extensions, dict) else None
    made = PaymentPayload(
        x402_version=2,
        payload=dict(payload),
        accepted=PaymentRequirements.model_validate(offer.raw),
        resource=None if resource is None else ResourceInfo.model_validate(resource),
        extensions=extensions or None,
    )
    ((header, value),) = x402HTTPClientBase().encode_payment_signature_header(made).items()
    return header, value


def check_installed() -> None:
    """Raise NotConfigured unless the package is there, with this scheme."""
    missing = False
    try:
        with recursion_limit_kept():
            import x402.mechanisms.evm.batch_settlement.client  # noqa: F401
    except ImportError:
        missing = True
    if missing:
        raise NotConfigured(MISSING)


class _Known:
    """What the package is told of a channel: ours is the one that counts. Its own writes go nowhere."""

    def __init__(self, base: int, has: int) -> None:
        from x402.mechanisms.evm.batch_settlement.client.storage import BatchSettlementClientContext

        self._context = BatchSettlementClientContext(
            charged_cumulative_amount=str(base), balance=str(has), total_claimed="0"
        )

    def get(self, _key: str) -> Any:
        return self._context.copy()

    def set(self, _key: str, _context: Any) -> None:
        """Nothing: a payment is made of what was counted before it."""

    def delete(self, _key: str) -> None:
        """Nothing."""


def _payload(guard: ChannelGuard, bounds: ChannelBounds, seconds: int) -> Mapping[str, Any]:
    from x402.mechanisms.evm.batch_settlement.client.config import BatchSettlementEvmSchemeOptions
    from x402.mechanisms.evm.batch_settlement.client.scheme import BatchSettlementEvmScheme
    from x402.schemas.payments import PaymentRequirements

    offer, deposit = bounds.offer, bounds.deposit
    options = BatchSettlementEvmSchemeOptions(
        storage=_Known(bounds.total - offer.units, 0 if deposit else bounds.deposited),
        salt=bounds.channel.salt,
        deposit_strategy=lambda _: deposit or False,
    )
    signer: Any = guard
    wanted = {**offer.raw, "maxTimeoutSeconds": seconds}
    # Without the 402's extensions: some of them have the client sign permits, or whole transactions.
    made = BatchSettlementEvmScheme(signer, options).create_payment_payload(
        PaymentRequirements.model_validate(wanted)
    )
    return dict(made)


def channel_config(offer: Offer, wallet: str, salt: str) -> ChannelConfig:
    """The channel that an offer wants, of a wallet that signs for itself."""
    assert offer.channel is not None
    return ChannelConfig(
        payer=wallet,
        payer_authorizer=wallet,
        receiver=offer.payee,
        receiver_authorizer=offer.channel.authorizer,
        token=offer.asset,
        withdraw_delay=offer.channel.delay,
        salt=salt,
    )
