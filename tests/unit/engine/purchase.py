"""One purchase as it was agreed, and the escrow that pays it."""

from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.money import Asset, Money
from valetkey.core.transaction import Transaction

USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
BUYER = "0x" + "Aa" * 20
SELLER = "0x" + "Bb" * 20
OTHER = "0x" + "Cc" * 20

AGREED = Transaction(
    id="txn_000000000000000000000000a",
    service_id="svc_000000000000000000000000a",
    buyer_id="agt_000000000000000000000000a",
    buyer_alias="byr_000000000000000000000000a",
    buyer_address=BUYER,
    seller_id="agt_000000000000000000000000b",
    seller_address=SELLER,
    session_id="ses_000000000000000000000000a",
    hold_id="hld_000000000000000000000000a",
    quantity=1,
    unit_price=2_500_000,
    subtotal=2_500_000,
    platform_fee=50_000,
    total=Money(2_550_000, Asset("USDC", 84532, USDC, 6)),
    network="base-sepolia",
    escrow_address=OTHER,
    payment_method="crypto",
    checkout_ends_at=2_000,
    created_at=1_000,
    updated_at=1_000,
)
PAID = Escrow(
    buyer=BUYER,
    seller=SELLER,
    token=USDC,
    locked_amount=2_500_000,
    platform_fee=50_000,
    status=EscrowStatus.FUNDED,
    created_at=1_500,
    deadline=9_999,
    dispute_window=3_600,
    abandonment_grace=172_800,
    delivered_at=0,
    proof_hash=bytes(32),
    criteria_hash=bytes(32),
)
