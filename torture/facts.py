"""What a database holds at the end, as the checker sees it: plain rows, the same for every store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from valetkey.core.audit import Entry, Kind

COLUMNS = {
    "sessions": "id, owner_id, tree_id, parent_id, policy, revoked_at, successor_id, carried",
    "spent": "session_id, figures",
    "holds": "id, session_id, amount, state, placed_at, expires_at, captured, refunded, debits",
    "idempotency": "scope, key, subject",
    "audit": "owner_id, chain_id, number, at, kind, session_id, body, hash",
    "chains": "id, owner_id, number, head, anchored",
}
"""The tables and the columns that are read."""


@dataclass(slots=True)
class Session:
    """A session as its row says. `policy`: budget, windows [[seconds, limit]], spends_max, expires_at and others."""

    id: str
    owner_id: str
    tree_id: str
    parent_id: str | None
    policy: dict[str, Any]
    revoked_at: int | None
    successor_id: str | None
    carried: bool


@dataclass(slots=True)
class Hold:
    """A hold as its row says. Amounts are base units."""

    id: str
    session_id: str
    amount: int
    state: str
    placed_at: int
    expires_at: int
    captured: int
    refunded: int
    debits: tuple[str, ...]


@dataclass(slots=True)
class Facts:
    """Everything at once. `figures` of a session: [spends, [held, captured, rings, restored?], ...].

    `keys`: (scope, key) of what remembers a subject. `entries` and `chains` by chain. `problems`: what the database
    itself says is wrong.
    """

    sessions: dict[str, Session]
    figures: dict[str, list[Any]]
    holds: dict[str, Hold]
    keys: dict[tuple[str, str], str]
    entries: dict[str, list[tuple[Entry, bytes]]]
    owners: dict[str, str]
    chains: dict[str, tuple[int, bytes, int]]
    problems: list[str] = field(default_factory=list)


def facts_of(tables: Mapping[str, Sequence[Sequence[Any]]], problems: list[str]) -> Facts:
    """The facts in the rows of COLUMNS."""
    entries: dict[str, list[tuple[Entry, bytes]]] = {}
    for _, chain_id, number, at, kind, session_id, body, hashed in tables["audit"]:
        entry = Entry(chain_id, number, at, Kind(kind), session_id, body)
        entries.setdefault(chain_id, []).append((entry, bytes(hashed)))
    for chain in entries.values():
        chain.sort(key=lambda one: one[0].seq)
    return Facts(
        sessions={
            one[0]: Session(one[0], one[1], one[2], one[3], json.loads(one[4]), one[5], one[6], bool(one[7]))
            for one in tables["sessions"]
        },
        figures={session_id: json.loads(text) for session_id, text in tables["spent"]},
        holds={
            one[0]: Hold(
                one[0],
                one[1],
                int(one[2]),
                one[3],
                one[4],
                one[5],
                int(one[6]),
                int(one[7]),
                tuple(one[8].split()) if one[8] else (one[1],),
            )
            for one in tables["holds"]
        },
        keys={(scope, key): subject for scope, key, subject in tables["idempotency"] if subject is not None},
        entries=entries,
        owners={chain_id: owner_id for chain_id, owner_id, *_ in tables["chains"]},
        chains={one[0]: (one[2], bytes(one[3]), one[4]) for one in tables["chains"]},
        problems=problems,
    )
