"""Grants of sessions and transactions of a relayer to put into a store, with the fields that a test cares about."""

import itertools
from typing import Any

from tests.stores.making import HOUR, NOW, USDC, an_address, an_id, digest
from valetkey.core.agent import Agent
from valetkey.core.grant import Grant
from valetkey.core.ids import Kind
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.ports.relays import Relay, RelayLimits
from valetkey.wire.grants import grant_hash, grant_id

CHAIN, OTHER_CHAIN = 84532, 8453
ALLOWANCE = "0x" + "Aa" * 20
SENDER, OTHER_SENDER = "0x" + "51" * 20, "0x" + "52" * 20
FREE = RelayLimits(None, None)

_salts = itertools.count(1)


def a_grant(owner: Agent, record: SessionRecord, /, **fields: Any) -> SignedGrant:
    """A grant for a session; `fields` are those of the grant and of what is kept beside it alike."""
    beside = {
        name: fields.pop(name)
        for name in ("chain_id", "contract", "session_id", "owner_id", "revocation", "made_at")
        if name in fields
    }
    plain: dict[str, Any] = {
        "owner": owner.wallet_address,
        "key": record.wallet_address or an_address(),
        "token": USDC.address,
        "cap": 10_000_000,
        "per_spend": 1_000_000,
        "valid_after": 0,
        "valid_until": NOW + HOUR,
        "salt": digest(f"salt {next(_salts)}"),
    }
    grant = Grant(**{**plain, **fields})
    return SignedGrant(
        id=grant_id(grant.owner, grant_hash(grant)),
        grant=grant,
        signature=b"\x01" * 64 + b"\x1b",
        **{
            "chain_id": CHAIN,
            "contract": ALLOWANCE,
            "session_id": record.session.id,
            "owner_id": owner.id,
            "revocation": b"\x02" * 64 + b"\x1c",
            "made_at": NOW,
            **beside,
        },
    )


def a_relay(purpose: str | None = None, cost_max: int = 100, **fields: Any) -> Relay:
    """A transaction that the relayer shall send."""
    relay_id = fields.pop("id", None) or an_id(Kind.RELAY)
    plain: dict[str, Any] = {
        "chain_id": CHAIN,
        "sender": SENDER,
        "owner_id": "agt_1",
        "to": ALLOWANCE,
        "data": b"\x01\x02",
        "gas": 120_000,
        "made_at": NOW,
    }
    return Relay(id=relay_id, purpose=purpose or f"fund {relay_id}", cost_max=cost_max, **{**plain, **fields})
