"""Grants, and what the relayer sends, as JSON."""

from valetkey.platform.context import Platform
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.relays import Relay
from valetkey.wire.granting import GrantView, RelayView, grant_body
from valetkey.wire.grants import grant_hash
from valetkey.wire.timestamps import iso_timestamp


async def grant_view(platform: Platform, signed: SignedGrant) -> GrantView:
    """What owner and holder see of a grant."""
    return GrantView(
        id="0x" + signed.id.hex(),
        hash="0x" + grant_hash(signed.grant).hex(),
        chain_id=signed.chain_id,
        contract=signed.contract,
        status=str(signed.status),
        grant=grant_body(signed.grant),
        signature="0x" + signed.signature.hex(),
        made_at=iso_timestamp(signed.made_at),
        known_at=_time(signed.known_at),
        revoked_at=_time(signed.revoked_at),
        revocation_tx_hash=await _revocation(platform, signed),
    )


def relay_view(relay: Relay) -> RelayView:
    """What became of something that the relayer sends."""
    return RelayView(
        id=relay.id,
        purpose=relay.purpose,
        state=str(relay.state),
        tx_hash=relay.hashes[-1] if relay.hashes else None,
        hashes=list(relay.hashes),
        reason=relay.reason,
    )


def revocation_purpose(signed: SignedGrant) -> str:
    """What the relayer calls the revocation of a grant."""
    return f"revoke {signed.id.hex()}"


async def _revocation(platform: Platform, signed: SignedGrant) -> str | None:
    desk = platform.relayers.get(signed.chain_id)
    if desk is None or signed.status not in (GrantStatus.REVOKING, GrantStatus.REVOKED):
        return None
    relay = await platform.store.relay_of_purpose(
        signed.chain_id, desk.sender.address, revocation_purpose(signed)
    )
    return relay.hashes[-1] if relay and relay.hashes else None


def _time(at: int | None) -> str | None:
    return None if at is None else iso_timestamp(at)
