"""Payments and promises out of grants that others submit: what a session says that it signed has to be that."""

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.engine.funding import same_address
from valetkey.engine.granting import is_signed
from valetkey.platform.context import Platform
from valetkey.platform.refusing import refused
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import SpendRecord
from valetkey.wire.draws import read_draw, read_promise, reference_of, voucher_reference
from valetkey.wire.granting import signature_bytes
from valetkey.wire.grants import (
    Domain,
    GrantSpend,
    Voucher,
    grant_hash,
    spend_message,
    struct_hash,
    voucher_message,
)


async def check_draw(platform: Platform, record: SpendRecord, payload: bytes, reference: str) -> None:
    """Raise unless the payload is a payment of this very spend, signed by the key of the session's grant.

    A payment that counts as over when its deadline is, on somebody's mere word, would give money back without proof.
    """
    hold, draw = record.hold, read_draw(payload)
    signed = await _living(platform, hold.session_id, draw.chain_id)
    asset, grant = hold.request.amount.asset, signed.grant
    payees = [one for one in (hold.request.payee, grant.key) if one is not None]
    try:
        spend = GrantSpend(
            payee=checksum_address(draw.payee),
            amount=int(draw.amount),
            reference=keccak256(hold.id.encode("ascii")),
            nonce=int(draw.nonce),
            deadline=draw.until,
            executor=checksum_address(draw.executor),
        )
        struct = struct_hash("Spend", spend_message(grant_hash(grant), spend))
        signature = signature_bytes(draw.signature)
    except ValueError:
        raise InvalidInput("this is no payment out of a grant", field="payload") from None
    fits = (
        draw.grant.lower() == "0x" + signed.id.hex()
        and reference == reference_of(spend.reference)
        and (asset.chain_id, spend.amount) == (draw.chain_id, hold.request.amount.units)
        and same_address(asset.address, grant.token)
        and any(same_address(spend.payee, one) for one in payees)
    )
    if not fits or not is_signed(
        Domain(signed.chain_id, signed.contract).digest(struct), signature, grant.key
    ):
        raise InvalidInput(
            "this is not what the session's key signed for this spend",
            code="invalid_signature",
            field="payload",
        )


async def check_promise(platform: Platform, record: SpendRecord, payload: bytes, reference: str) -> None:
    """As check_draw, of a voucher: the hold is one payee's, and the voucher promises at least that."""
    hold, promise = record.hold, read_promise(payload)
    signed = await _living(platform, hold.session_id, promise.chain_id)
    asset, grant = hold.request.amount.asset, signed.grant
    try:
        voucher = Voucher(
            payee=checksum_address(promise.payee),
            total=int(promise.total),
            deadline=promise.until,
            executor=checksum_address(promise.executor),
        )
        struct = struct_hash("Voucher", voucher_message(grant_hash(grant), voucher))
        signature = signature_bytes(promise.signature)
    except ValueError:
        raise InvalidInput("this is no promise to a payee", field="payload") from None
    fits = (
        promise.grant.lower() == "0x" + signed.id.hex()
        and reference == voucher_reference(signed.id, voucher.payee)
        and asset.chain_id == promise.chain_id
        and voucher.total >= hold.request.amount.units
        and same_address(asset.address, grant.token)
        and same_address(voucher.payee, hold.request.payee or "")
    )
    if not fits or not is_signed(
        Domain(signed.chain_id, signed.contract).digest(struct), signature, grant.key
    ):
        raise InvalidInput(
            "this is not what the session's key promised", code="invalid_signature", field="payload"
        )


async def _living(platform: Platform, session_id: str, chain_id: int) -> SignedGrant:
    signed = await platform.store.grant_of_session(session_id, chain_id)
    served = [
        one.view.contracts.allowance for one in platform.networks.values() if one.asset.chain_id == chain_id
    ]
    # One of a contract that was served before is followed no more.
    is_followed = signed is not None and signed.contract in served
    if signed is None or not is_followed or signed.status in (GrantStatus.REVOKING, GrantStatus.REVOKED):
        raise refused(Code.GRANT_NEEDED, "grant", "the session has no living grant on this chain")
    return signed
