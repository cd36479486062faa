"""What a batch writes of sessions: new ones, their lives, what they spent and what lists of them say."""

from dataclasses import replace
from typing import Any

from valetkey.core.session import Session, standing
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.tables import Changes, Row, insert, named, update
from valetkey.stores.records import spent_text
from valetkey.stores.risks import kept_of
from valetkey.stores.rows import record_values, session_values

_LIFE = {
    "id": "text", "parent_id": "text", "policy": "text", "policy_version": "int4", "not_before": "int8",
    "expires_at": "int8", "revoked_at": "int8", "paused_at": "int8", "successor_id": "text", "carried": "bool",
    "exhausted": "bool", "rest": "int4",
}  # fmt: skip
_SESSION = {
    **_LIFE, "tree_id": "text", "depth": "int4", "role": "text", "created_at": "int8", "alias": "text",
    "wallet_address": "text", "e2e_public_key": "bytea", "label": "text", "delegate": "text", "recovery": "bytea",
    "funding": "text", "key_hash": "bytea", "sole": "bool", "proof_key": "bytea",
}  # fmt: skip
_SPENT = {
    "session_id": "text", "figures": "text", "exhausted": "bool", "rest": "int4", "ends": "int8", "near": "bool",
    "currency": "text", "units": "numeric", "odd": "text",
}  # fmt: skip
_CREDENTIALS = {"hash": "bytea", "session_id": "text", "key_id": "text"}

_NEW_SPENT = insert("spent", _SPENT)
_NEW_SESSIONS = insert("sessions", _SESSION)
_NEW_CREDENTIALS = insert("credentials", _CREDENTIALS)
_LIVES = update("sessions", _LIFE)
# The rows are there. An upsert finds each by its key; an update joined them with all of the owner's.
_SPENDING = insert(
    "spent",
    _SPENT,
    more=" ON CONFLICT (owner_id, session_id) DO UPDATE SET "
    + ", ".join(f"{one} = excluded.{one}" for one in _SPENT if one != "session_id"),
)
_STANDINGS = update("sessions", {"id": "text", "exhausted": "bool", "rest": "int4"})


def of_sessions(book: PostgresBook) -> Changes:
    """Tables and rows, in the order in which they are written."""
    new: list[Row] = []
    spent: list[Row] = []
    lives: list[Row] = []
    standings: list[Row] = []
    for session_id in book.spent.changed:
        session = book.sessions[session_id]
        assert session is not None
        stands = standing(session)
        kept = kept_of(session)
        at_risk = kept.ends, kept.near, kept.currency, kept.units, kept.odd
        one = (session_id, spent_text(session), *stands, *at_risk)
        (new if session_id in book.new_sessions else spent).append(one)
        # What changes otherwise as well is written with that: no row may be in two parts of the statement.
        changes_alone = session_id in book.standings and session_id not in book.lives
        if changes_alone and stands != book.standings[session_id]:
            standings.append((session_id, *stands))
    for session_id in book.lives.changed:
        session = book.sessions[session_id]
        if session_id not in book.new_sessions:
            assert session is not None
            values = session_values(session)
            lives.append(named(_LIFE, {**values, "carried": session.carried, **_standing(session)}))
    made = []
    for session_id in book.new_sessions.changed:
        session = book.sessions[session_id]
        assert session is not None
        values = record_values(replace(book.records[session_id], session=session))
        made.append(
            named(
                _SESSION,
                {
                    **values,
                    "carried": session.carried,
                    "sole": book.records[session_id].sole,
                    **_standing(session),
                },
            )
        )
    hashes: list[Row] = [(token, session_id, None) for session_id, token in book.new_sessions.items()]
    hashes += [(token, None, key_id) for key_id, token in book.new_keys.items()]
    return [
        (_NEW_SESSIONS, made),
        (_NEW_SPENT, new),
        (_NEW_CREDENTIALS, hashes),
        (_LIVES, lives),
        (_STANDINGS, standings),
        (_SPENDING, spent),
    ]


def _standing(session: Session) -> dict[str, Any]:
    return dict(zip(("exhausted", "rest"), standing(session), strict=True))
