"""Rows of API keys. `credentials` leads from a hash to a key or to a session."""

import apsw

from valetkey.core.api_key import ApiKey
from valetkey.stores.rows import KEY, Value, key_of
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.sqlite.text import page

_KEYS = f"SELECT {KEY} FROM api_keys k "  # noqa: S608 - constants of ours
_LIVING = _KEYS + (
    "WHERE k.owner_id = ? AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?) ORDER BY k.seq"
)


def find_key(db: apsw.Connection, owner_id: str, key_id: str) -> ApiKey | None:
    """A key of an owner; None when it has none of that id."""
    found = row(db, _KEYS + "WHERE k.id = ? AND k.owner_id = ?", key_id, owner_id)
    return key_of(found) if found else None


def living_keys(db: apsw.Connection, owner_id: str, now: int) -> list[ApiKey]:
    """An owner's keys that are neither revoked nor over, oldest first."""
    return [key_of(one) for one in rows(db, _LIVING, owner_id, now)]


def page_of_keys(db: apsw.Connection, owner_id: str, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """A page of an owner's keys, newest first, ended ones too, and how many there are."""
    values: dict[str, Value] = {"owner": owner_id}
    found, total = page(db, _KEYS, "api_keys k", ["k.owner_id = :owner"], values, "k.seq DESC", limit, offset)
    return [key_of(one) for one in found], total


def add_key(db: apsw.Connection, key: ApiKey, api_key_hash: bytes) -> None:
    """A new key and its credential."""
    db.execute(
        "INSERT INTO api_keys (id, owner_id, hash, name, scopes, created_at, expires_at, revoked_at, last_used_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key.id,
            key.owner_id,
            api_key_hash,
            key.name,
            " ".join(sorted(key.scopes)),
            key.created_at,
            key.expires_at,
            key.revoked_at,
            key.last_used_at,
        ),
    )
    run(db, "INSERT INTO credentials (hash, key_id) VALUES (?, ?)", api_key_hash, key.id)


def end_key(db: apsw.Connection, key: ApiKey) -> None:
    """Since when a key is revoked."""
    run(db, "UPDATE api_keys SET revoked_at = ? WHERE id = ?", key.revoked_at, key.id)


def use_key(db: apsw.Connection, owner_id: str, key_id: str, now: int, coarse_seconds: int) -> None:
    """When a key was used last, unless that is known closely enough."""
    sql = (
        "UPDATE api_keys SET last_used_at = ? WHERE id = ? AND owner_id = ?"
        " AND (last_used_at IS NULL OR last_used_at <= ?)"
    )
    run(db, sql, now, key_id, owner_id, now - coarse_seconds)
