"""What purchases made known of services is added to the services: apart from the buyers' changes, soon after."""

from valetkey.stores.postgres.database import Database

FOLDED_MAX = 500
"""How many pieces of news are added at once."""

_TAKE = (
    "DELETE FROM standing_news AS n USING (SELECT owner_id, seq FROM standing_news"
    " LIMIT $1 FOR UPDATE SKIP LOCKED) AS taken WHERE n.owner_id = taken.owner_id AND n.seq = taken.seq"
    " RETURNING n.service_id, n.completed, n.responses, n.response_ms"
)
_LOCK = "SELECT id FROM services WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_ADD = (
    "UPDATE services AS v SET completed = v.completed + n.completed, responses = v.responses + n.responses,"
    " response_ms = v.response_ms + n.response_ms FROM (SELECT service_id, sum(c)::int8 AS completed,"
    " sum(r)::int8 AS responses, sum(ms)::int8 AS response_ms FROM unnest($1::text[], $2::int8[], $3::int8[],"
    " $4::int8[]) AS w (service_id, c, r, ms) GROUP BY 1) AS n WHERE v.id = n.service_id"
)


async def fold(database: Database) -> None:
    """Add what is known by now to the services, each piece once."""
    async with database.writing() as connection:
        taken = await connection.fetch(_TAKE, FOLDED_MAX)
        if taken:
            columns = [list(column) for column in zip(*taken, strict=True)]
            await connection.fetch(_LOCK, columns[0])
            await connection.execute(_ADD, *columns)
