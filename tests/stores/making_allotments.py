"""Allotments to put into a store, with the fields that a test cares about."""

from typing import Any

from valetkey.ports.accounts import SessionRecord
from valetkey.ports.allotments import Allotment

CHAIN = 1_151_111_081_099_713


def an_allotment(record: SessionRecord, **fields: Any) -> Allotment:
    """An allotment for a session."""
    plain: dict[str, Any] = {
        "session_id": record.session.id,
        "owner_id": record.session.owner_id,
        "chain_id": CHAIN,
        "owner": "Owner1111",
        "account": f"Account {record.session.id}",
        "mint": "Mint1111",
        "units": 2**64 - 1,
        "revocation": b'{"transaction":"AQ=="}',
    }
    return Allotment(**{**plain, **fields})
