"""Whether a database is the one that went on, or was restored from a copy: looked at by every new connection."""

import asyncpg

from valetkey.stores.failures import StoreRestored
from valetkey.stores.postgres.schema import Connection

_KEPT = "SELECT system, timeline, objects FROM valetkey_lineage"
_SERVER = (
    "SELECT (SELECT system_identifier FROM pg_control_system())::text,"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
)
_OBJECTS = (
    "SELECT (SELECT oid FROM pg_database WHERE datname = current_database())::text || '.'"
    " || 'valetkey_lineage'::regclass::oid::text"
)
_KEEP = "INSERT INTO valetkey_lineage (system, timeline, objects) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_LIFT = (
    "INSERT INTO valetkey_lineage (system, timeline, objects) VALUES ($1, $2, $3)"
    " ON CONFLICT (one) DO UPDATE SET system = $1, timeline = $2, objects = $3"
)

Lineage = tuple[str, str, str]
"""The server, its timeline, the database and its table."""


async def lineage_of(connection: Connection) -> Lineage:
    """Which database this is. A service that does not tell about its server is known by its objects alone."""
    try:
        system, timeline = await connection.fetchrow(_SERVER)
    except (
        asyncpg.InsufficientPrivilegeError,
        asyncpg.UndefinedFunctionError,
        asyncpg.FeatureNotSupportedError,
    ):
        system, timeline = "", ""
    return system, timeline, await connection.fetchval(_OBJECTS)


async def check(connection: Connection, *, promotions_trusted: bool = False) -> None:
    """Keep which database this is the first time. Raises StoreRestored when it is not the one that went on.

    promotions_trusted: another timeline of the same server's data is a replica that took over and lost nothing.
    """
    here = await lineage_of(connection)
    kept = await connection.fetchrow(_KEPT)
    if kept is None:
        await connection.execute(_KEEP, *here)
        return
    system, timeline, objects = kept
    if (system, objects) != (here[0], here[2]) or (timeline != here[1] and not promotions_trusted):
        raise StoreRestored


async def lift(connection: Connection) -> None:
    """From now on this is the database that goes on. Readers of the feed begin anew where the server is another."""
    async with connection.transaction():
        here, kept = await lineage_of(connection), await connection.fetchrow(_KEPT)
        if kept is not None and tuple(kept) != here:
            # Transaction ids are of one server, and run on from an earlier one after a recovery.
            await connection.execute("UPDATE audit SET xid = '0'")
        await connection.execute(_LIFT, *here)
