"""A purchase that was made and is to be paid: what was agreed, and whether the platform still says the same."""

from dataclasses import dataclass
from decimal import Decimal

from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.fees import platform_fee
from valetkey.core.money import CURRENCY_DECIMALS, parse_units
from valetkey.crypto.keys import is_address
from valetkey.sdk.errors import InstructionsDiffer, NotConfigured
from valetkey.wire.checkout import CheckoutResult, PaymentInstructions
from valetkey.wire.network import NetworkView
from valetkey.wire.proofs import escrow_id
from valetkey.wire.timestamps import unix_seconds
from valetkey.wire.transactions import TransactionView

HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Checkout:
    """A purchase. `total` is USDC, fee included, and is what counts against a session's budget."""

    id: str
    status: str
    total: Decimal
    currency: str
    service_id: str
    instructions: PaymentInstructions


@dataclass(frozen=True, slots=True)
class Funded:
    """A paid purchase. `escrow_tx_hash` is None when only the escrow itself was found on chain."""

    id: str
    status: str
    escrow_tx_hash: str | None


@dataclass(frozen=True, slots=True)
class Payment:
    """What the escrow call will say. `units` are base units of `token`, times unix seconds, windows seconds.

    `is_open`: the platform still waits for it.
    """

    transaction_id: str
    escrow: str
    seller: str
    token: str
    units: int
    ends_at: int | None
    dispute_window: int
    abandonment_grace: int
    criteria_hash: bytes
    is_open: bool


def checkout_of(result: CheckoutResult) -> Checkout:
    """The purchase in the platform's answer."""
    return Checkout(
        id=result.transaction_id,
        status=result.status,
        total=result.total_charged,
        currency=result.currency,
        service_id=result.service.id,
        instructions=result.payment_instructions,
    )


def payment_of(
    view: TransactionView, instructions: PaymentInstructions | None, network: NetworkView, payer: str
) -> Payment:
    """What is to be paid, as the platform says it now. Raises InstructionsDiffer when that contradicts itself,
    the network, the payer's wallet, or what was said at the purchase."""
    decimals = CURRENCY_DECIMALS.get(view.currency, -1)
    if decimals < 0 or view.currency != "USDC":
        raise InstructionsDiffer("this purchase is not paid in USDC")
    units, subtotal, fee = (
        _units(amount, decimals) for amount in (view.total_charged, view.subtotal, view.platform_fee)
    )
    contracts, escrow = network.contracts, escrow_of(network)
    _same("total", units, subtotal + fee)
    _same("fee", fee, platform_fee(subtotal))
    _same("network", view.network, network.network)
    _same("escrow contract", _lower(view.escrow_address), escrow.lower())
    _same("buyer's wallet", _lower(view.buyer_address), payer.lower())
    if view.seller_address is None or not is_address(view.seller_address):
        raise InstructionsDiffer("the platform does not say whom to pay")
    window, grace = view.dispute_window or 0, view.abandonment_grace or 0
    criteria = _criteria(view.criteria_hash)
    if instructions is not None:
        _same("seller", view.seller_address.lower(), instructions.seller_address.lower())
        _same("total", str(units), instructions.total_with_fee)
        _same("price", str(subtotal), instructions.amount)
        _same("token", contracts.usdc.lower(), instructions.token_address.lower())
        _same("escrow contract", escrow.lower(), instructions.escrow_contract.lower())
        _same("chain", network.chain_id, instructions.chain_id)
        _same("escrow's id", f"0x{escrow_id(view.id).hex()}", instructions.escrow_id.lower())
        _same("dispute window", window, instructions.dispute_window or 0)
        _same("abandonment grace", grace, instructions.abandonment_grace or 0)
        _same("criteria's hash", criteria, _criteria(instructions.criteria_hash))
    return Payment(
        transaction_id=view.id,
        escrow=escrow,
        seller=view.seller_address,
        token=contracts.usdc,
        units=units,
        ends_at=_end(view.expires_at),
        dispute_window=window,
        abandonment_grace=grace,
        criteria_hash=criteria,
        is_open=view.status == "pending",
    )


def escrow_of(network: NetworkView) -> str:
    """The contract that holds the money of purchases. Raises NotConfigured where nothing is sold."""
    if network.contracts.escrow is None:
        raise NotConfigured(f"nothing is bought or sold on {network.network}: it has no escrow contract")
    return network.contracts.escrow


def _units(amount: Decimal, decimals: int) -> int:
    try:
        return parse_units(amount, decimals)
    except InvalidAmount:
        raise InstructionsDiffer("the platform names an amount that is none") from None


def _criteria(text: str | None) -> bytes:
    if text is None:
        return bytes(HASH_BYTES)
    found = b""
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise InstructionsDiffer("the platform names a hash of criteria that is none")
    return found


def _end(text: str | None) -> int | None:
    try:
        return None if text is None else unix_seconds(text)
    except InvalidInput:
        raise InstructionsDiffer("the platform names an end of the checkout that is no date") from None


def _lower(text: str | None) -> str:
    return (text or "").lower()


def _same(what: str, said: object, agreed: object) -> None:
    if said != agreed:
        raise InstructionsDiffer(f"the {what} is {said}, not {agreed}: nothing was signed")
