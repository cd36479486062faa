"""Rows of grants and of what the relayer sends, and what they stand for. Wei is decimal text: it may pass 63 bits."""

import json
from dataclasses import fields
from typing import Any

from valetkey.core.grant import Grant
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Status, status
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.relays import Relay, RelayLimits, RelayState
from valetkey.stores.book.facts import Value as Told
from valetkey.stores.rows import Row, Value

GRANT = (
    "g.chain_id, g.id, g.contract, g.session_id, g.owner_id, g.body, g.signature, g.revocation, g.made_at,"
    " s.revoked_at, g.known_at, g.revoked_at"
)
NEW_GRANT = (
    "chain_id, id, contract, session_id, owner_id, account, epoch, body, signature, revocation, made_at"
)
_RELAY_COLUMNS = (
    "id", "chain_id", "sender", "purpose", "owner_id", "session_id", "target", "data", "gas", "cost_max", "made_at",
    "until", "needs", "state", "nonce", "raw", "hashes", "signed_at", "block", "cost", "reason",
)  # fmt: skip
RELAY = ", ".join(_RELAY_COLUMNS)
STANDING_STATES = "('queued', 'signed', 'done')"


def grant_of(row: Row) -> SignedGrant:
    """A grant from the columns of GRANT."""
    (
        chain_id, grant_id, contract, session_id, owner_id, body, signature, revocation, made_at, stopped_at,
        known_at, revoked_at,
    ) = row  # fmt: skip
    return SignedGrant(
        id=bytes(grant_id),
        chain_id=chain_id,
        contract=contract,
        session_id=session_id,
        owner_id=owner_id,
        grant=_grant(body),
        signature=bytes(signature),
        revocation=bytes(revocation),
        made_at=made_at,
        stopped_at=stopped_at,
        known_at=known_at,
        revoked_at=revoked_at,
    )


def grant_values(signed: SignedGrant, now: int) -> tuple[Value, ...]:
    """The columns of NEW_GRANT."""
    return (
        signed.chain_id,
        signed.id,
        signed.contract,
        signed.session_id,
        signed.owner_id,
        signed.grant.owner.lower(),
        str(signed.grant.epoch),
        _text(signed.grant),
        signed.signature,
        signed.revocation,
        now,
    )


def unwanted(record: SessionRecord, now: int, current: SignedGrant | None, *, is_kin: bool) -> Refused | None:
    """Why a session gets no other grant now; None when it does. `is_kin`: it takes the place of `current`."""
    match status(record.session, now, record.ancestors):
        case Status.REVOKED:
            return refuse(Code.SESSION_REVOKED, "revoked", "the session was revoked")
        case Status.EXPIRED:
            return refuse(Code.SESSION_EXPIRED, "expires_at", "the session has expired")
    if current is None or current.status is GrantStatus.REVOKED or is_kin:
        return None
    return refuse(
        Code.GRANT_EXISTS,
        "grant",
        "the session has another grant on this chain",
        hint="revoke that one on chain, or sign a grant that names it as its predecessor",
    )


def succeeds(current: SignedGrant | None, wanted: SignedGrant) -> bool:
    """Whether a grant takes the place of another one: its predecessor is kept under that one's id (wire/grants.py)."""
    owner = bytes.fromhex(wanted.grant.owner.removeprefix("0x")).rjust(32, b"\0")
    return current is not None and current.id == keccak256(owner + wanted.grant.predecessor)


def told_grant(signed: SignedGrant, by: str) -> dict[str, Told]:
    """What the audit log says of a grant that was given."""
    facts: dict[str, Told] = {
        name: f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
        for name, value in ((one.name, getattr(signed.grant, one.name)) for one in fields(Grant))
    }
    return facts | {
        "grant": "0x" + signed.id.hex(),
        "chain": signed.chain_id,
        "contract": signed.contract,
        "by": by,
    }


def told_of_chain(signed: SignedGrant, at: int) -> dict[str, Told]:
    """What the audit log says of a grant when a final block showed something of it."""
    return {"grant": "0x" + signed.id.hex(), "chain": signed.chain_id, "block_time": at, "by": "platform"}


def relay_of(row: Row) -> Relay:
    """What the relayer sends, from the columns of RELAY."""
    facts: dict[str, Any] = dict(zip(_RELAY_COLUMNS, row, strict=True))
    raw, cost, hashes = facts["raw"], facts["cost"], facts["hashes"]
    return Relay(
        **{
            name: facts[name]
            for name in (
                *("id", "chain_id", "sender", "purpose", "owner_id", "session_id", "gas", "made_at", "until"),
                *("needs", "nonce", "signed_at", "block", "reason"),
            )
        },
        to=facts["target"],
        data=bytes(facts["data"]),
        cost_max=int(facts["cost_max"]),
        state=RelayState(facts["state"]),
        raw=None if raw is None else bytes(raw),
        hashes=tuple(hashes.split()) if hashes else (),
        cost=None if cost is None else int(cost),
    )


def relay_values(relay: Relay) -> tuple[Value, ...]:
    """The columns of RELAY."""
    return (
        relay.id,
        relay.chain_id,
        relay.sender,
        relay.purpose,
        relay.owner_id,
        relay.session_id,
        relay.to,
        relay.data,
        relay.gas,
        str(relay.cost_max),
        relay.made_at,
        relay.until,
        relay.needs,
        str(relay.state),
        relay.nonce,
        relay.raw,
        " ".join(relay.hashes),
        relay.signed_at,
        relay.block,
        None if relay.cost is None else str(relay.cost),
        relay.reason,
    )


def wei_of(rows: list[Row]) -> int:
    """What transactions count for, each by its state, what it took and what it may take at most."""
    return sum(
        int(cost or 0) if state in ("done", "failed", "dropped") else int(most) for state, cost, most in rows
    )


def over(relay: Relay, limits: RelayLimits, total: int, owner: int) -> Refused | None:
    """Whether one more transaction passes what a relayer may spend in 24 hours; None when it does not."""
    for spent, most, whose in ((total, limits.total, "all"), (owner, limits.owner, "one owner")):
        if most is not None and spent + relay.cost_max > most:
            return refuse(
                Code.RELAY_LIMIT,
                f"relayer: {whose}",
                "the relayer has spent what it may in 24 hours"
                + (" for this owner" if whose != "all" else ""),
                hint="try again later, or send it with the session's wallet, which then pays the gas",
            )
    return None


def _text(grant: Grant) -> str:
    facts = {
        one.name: value.hex() if isinstance(value := getattr(grant, one.name), bytes) else value
        for one in fields(Grant)
    }
    return json.dumps(facts, separators=(",", ":"))


_BYTES = ("payees", "predecessor", "parent", "salt")


def _grant(text: str) -> Grant:
    facts: dict[str, Any] = json.loads(text)
    for name in _BYTES:
        facts[name] = bytes.fromhex(facts[name])
    for name in ("owner", "key", "token", "escrow"):
        facts[name] = checksum_address(facts[name])
    return Grant(**facts)
