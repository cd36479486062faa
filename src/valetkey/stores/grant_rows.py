"""Rows of grants and of what the relayer sends, and what they stand for. Wei is decimal text: it may pass 63 bits."""

import json
from dataclasses import fields
from typing import Any

from valetkey.core.errors import Contradiction
from valetkey.core.grant import Grant
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.ports.grants import SignedGrant
from valetkey.ports.relays import Relay, RelayLimits, RelayState
from valetkey.stores.damage import told_as_damaged
from valetkey.stores.rows import Row, Value

GRANT = (
    "chain_id, id, contract, session_id, owner_id, body, signature, revocation, made_at, stopped_at, known_at,"
    " revoked_at"
)
NEW_GRANT = (
    "chain_id, id, contract, session_id, owner_id, body, signature, revocation, made_at, account, tree_id"
)
_RELAY_COLUMNS = (
    "id", "chain_id", "sender", "purpose", "owner_id", "session_id", "target", "data", "gas", "cost_max", "made_at",
    "until", "needs", "state", "nonce", "raw", "hashes", "signed_at", "block", "cost", "reason",
)  # fmt: skip
RELAY = ", ".join(_RELAY_COLUMNS)
STANDING_STATES = "('queued', 'signed', 'done')"
_OVER = frozenset({RelayState.DONE, RelayState.FAILED, RelayState.DROPPED})


@told_as_damaged("grant", name_at=1)
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


def grant_values(signed: SignedGrant, tree_id: str) -> tuple[Value, ...]:
    """The columns of NEW_GRANT."""
    return (
        signed.chain_id,
        signed.id,
        signed.contract,
        signed.session_id,
        signed.owner_id,
        _text(signed.grant),
        signed.signature,
        signed.revocation,
        signed.made_at,
        signed.grant.owner.lower(),
        tree_id,
    )


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


def check_end(state: RelayState) -> None:
    """Raises Contradiction for a state that ends nothing."""
    if state not in _OVER:
        raise Contradiction(f"a relay does not end as {state}")


def wei_of(rows: list[Row], owner_id: str | None = None) -> int:
    """What transactions count for: state, cost, cost_max and owner of each. Of one owner, when it is named."""
    return sum(
        int(cost or 0) if state in _OVER else int(most)
        for state, cost, most, whose in rows
        if owner_id in (None, whose)
    )


def over(relay: Relay, limits: RelayLimits, rows: list[Row]) -> Refused | None:
    """Whether one more transaction passes what a relayer may spend in 24 hours; None when it does not."""
    for owner_id, most, whose in ((None, limits.total, "all"), (relay.owner_id, limits.owner, "one owner")):
        if most is not None and wei_of(rows, owner_id) + relay.cost_max > most:
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
    return Grant(**facts)
