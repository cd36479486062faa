"""Services, evidence of disputes, and figures about the market."""

from typing import Any

from valetkey.core.errors import Contradiction
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.service import Service, ServiceQuery
from valetkey.ports.market import Evidence, Pulse, ServiceChange
from valetkey.stores.offers import DAY_SECONDS, evidence_length, evidence_of, rank, responses_of
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.words import match, vector
from valetkey.stores.rows import SERVICE, service_of

# S608: the parts of these statements are constants of ours.
_SERVICES = f"SELECT {SERVICE} FROM services v JOIN agents a ON a.id = v.agent_id"  # noqa: S608
_ORDERS = {
    "newest": "v.created_at DESC, v.seq DESC",
    "price_asc": "v.price_rank, v.seq",
    "price_desc": "v.price_rank DESC, v.seq",
    "rating": "v.rating_hundredths DESC NULLS LAST, v.rating_count DESC, v.seq",
    "response_time": "v.avg_response_ms NULLS LAST, v.seq",
}
_ADD = (
    "INSERT INTO services (id, agent_id, title, description, words, category, price, price_rank, price_unit, currency,"
    " decimals, delivery_type, callback_required, endpoint_url, network, status, created_at, updated_at,"
    " rating_hundredths, rating_count, responses, response_ms, completed)"
    " SELECT $1, a.id, $3, $4, $5::text::tsvector, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
    " $20, $21, $22, $23 FROM agents a WHERE a.id = $2 RETURNING 1"
)
_FOUND = (
    " WHERE v.status = 'active' AND ($1::text IS NULL OR v.words @@ $1::text::tsquery)"
    " AND ($2::text IS NULL OR v.category = $2) AND ($3::text IS NULL OR v.currency = $3)"
    " AND ($4::text IS NULL OR v.network = $4) AND ($5::text IS NULL OR v.price_rank <= $5)"
    " AND ($6::int IS NULL OR v.rating_hundredths >= $6)"
)
_EVIDENCE = (
    "SELECT id, transaction_id, submitted_by, evidence_type, description, content_hash, ipfs_hash, metadata,"
    " created_at FROM evidence WHERE transaction_id = $1 ORDER BY seq"
)
_EVIDENCE_OF = (
    "SELECT count(*), coalesce(sum(octet_length(evidence_type) + octet_length(description)"
    " + coalesce(octet_length(content_hash), 0) + coalesce(octet_length(ipfs_hash), 0)"
    " + coalesce(octet_length(metadata), 0)), 0) FROM evidence WHERE transaction_id = $1 AND submitted_by = $2"
)
_ADD_EVIDENCE = (
    "INSERT INTO evidence (id, transaction_id, submitted_by, evidence_type, description, content_hash, ipfs_hash,"
    " metadata, created_at) SELECT $1, t.id, $3, $4, $5, $6, $7, $8, $9 FROM transactions t WHERE t.id = $2 RETURNING 1"
)
_PULSE = (
    "SELECT (SELECT count(*) FROM services WHERE status = 'active' AND created_at > $1),"
    " (SELECT count(*) FROM transactions WHERE status = 'completed'),"
    " (SELECT count(*) FROM transactions WHERE status = 'completed' AND completed_at > $1),"
    " (SELECT coalesce(sum(total_units::numeric), 0)::text FROM transactions WHERE status = 'completed'"
    " AND completed_at > $1 AND currency = 'USDC'),"
    " (SELECT count(*) FROM agents), (SELECT count(*) FROM agents WHERE last_seen_at > $2)"
)
_CATEGORIES = "SELECT category, count(*) FROM services WHERE status = 'active' GROUP BY 1 ORDER BY 2 DESC, 1"


class PostgresMarket(Tables):
    """The market store on PostgreSQL."""

    async def add_service(self, service: Service) -> None:
        """Put a service on offer. Raises Contradiction when its id is taken or its agent is unknown."""
        responses = responses_of(service)
        added = await self._database.row(
            _ADD,
            service.id,
            service.agent_id,
            service.title,
            service.description,
            vector(service.title, service.description),
            service.category,
            str(service.price),
            rank(service.price, service.decimals),
            service.price_unit,
            service.currency,
            service.decimals,
            service.delivery_type,
            service.callback_required,
            service.endpoint_url,
            service.network,
            str(service.status),
            service.created_at,
            service.updated_at,
            service.rating_hundredths,
            service.rating_count,
            responses,
            responses * (service.avg_response_ms or 0),
            service.total_transactions,
        )
        if added is None:
            raise Contradiction("there is no such agent")

    async def service(self, service_id: str) -> Service | None:
        """A service by its id, whatever its status."""
        found = await self._database.row(f"{_SERVICES} WHERE v.id = $1", service_id)
        return service_of(found) if found else None

    async def change_service(self, service_id: str, change: ServiceChange) -> Service:
        """Set what the change names. Raises Contradiction when there is no such service."""
        return await self._database.again(lambda: self._change(service_id, change))

    async def services(self, query: ServiceQuery) -> tuple[list[Service], int]:
        """See ports/market.py. The last word of the text may be the beginning of one."""
        decimals = CURRENCY_DECIMALS.get(query.currency or "USDC", CURRENCY_DECIMALS["USDC"])
        values = (
            match(query.text),
            query.category,
            query.currency,
            query.network,
            None if query.price_max is None else rank(query.price_max, decimals),
            query.rating_hundredths_min,
        )
        count = await self._database.row(f"SELECT count(*) FROM services v{_FOUND}", *values)  # noqa: S608
        assert count is not None
        order = f"ORDER BY {_ORDERS[query.sort_by]} LIMIT $7 OFFSET $8"
        found = await self._database.rows(f"{_SERVICES}{_FOUND} {order}", *values, query.limit, query.offset)
        return [service_of(one) for one in found], count[0]

    async def offered_by(self, agent_id: str) -> frozenset[str]:
        """See ports/market.py."""
        sql = "SELECT id FROM services WHERE agent_id = $1 AND status = 'active'"
        return frozenset(one for (one,) in await self._database.rows(sql, agent_id))

    async def add_evidence(self, evidence: Evidence, *, pieces_max: int, bytes_max: int) -> bool:
        """See ports/market.py. Raises Contradiction when its transaction is unknown."""

        async def add() -> bool:
            async with self._database.writing() as connection:
                # Two pieces of one sender at once must not both be the last one.
                await connection.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    f"{evidence.transaction_id} {evidence.submitted_by}",
                )
                about = (evidence.transaction_id, evidence.submitted_by)
                pieces, length = await connection.fetchrow(_EVIDENCE_OF, *about)
                if pieces >= pieces_max or length + evidence_length(evidence) > bytes_max:
                    return False
                added = await connection.fetchval(
                    _ADD_EVIDENCE,
                    evidence.id,
                    *about,
                    evidence.evidence_type,
                    evidence.description,
                    evidence.content_hash,
                    evidence.ipfs_hash,
                    evidence.metadata,
                    evidence.created_at,
                )
            if added is None:
                raise Contradiction("there is no such transaction")
            return True

        return await self._database.again(add)

    async def evidence_count(self, transaction_id: str) -> int:
        """How many pieces of evidence there are about a transaction, of both parties."""
        sql = "SELECT count(*) FROM evidence WHERE transaction_id = $1"
        found = await self._database.row(sql, transaction_id)
        return found[0] if found else 0

    async def evidence(self, transaction_id: str) -> list[Evidence]:
        """The evidence about a transaction, in the order in which it came."""
        return [evidence_of(one) for one in await self._database.rows(_EVIDENCE, transaction_id)]

    async def pulse(self) -> Pulse:
        """See ports/market.py. The volume is what buyers paid for purchases that were completed."""
        now = self._database.clock.now()
        categories = await self._database.rows(_CATEGORIES)
        found = await self._database.row(_PULSE, now - DAY_SECONDS, now - 7 * DAY_SECONDS)
        assert found is not None
        newest, completed, lately, volume, agents, active = found
        return Pulse(
            services_total=sum(number for _, number in categories),
            services_last_24h=newest,
            categories=tuple((name, number) for name, number in categories),
            completed_total=completed,
            completed_last_24h=lately,
            volume_24h=int(volume),
            agents_total=agents,
            agents_active_7d=active,
        )

    async def _change(self, service_id: str, change: ServiceChange) -> Service:
        async with self._database.writing() as connection:
            sql = "SELECT decimals, title, description FROM services WHERE id = $1 FOR NO KEY UPDATE"
            before = await connection.fetchrow(sql, service_id)
            if before is None:
                raise Contradiction("there is no such service")
            values: dict[str, Any] = {
                name: value
                for name in ServiceChange.__slots__
                if (value := getattr(change, name)) is not None
            }
            if change.endpoint_url == "":
                values["endpoint_url"] = None
            if change.price is not None:
                values |= {"price": str(change.price), "price_rank": rank(change.price, before[0])}
            if change.status is not None:
                values["status"] = str(change.status)
            values["updated_at"] = self._database.clock.now()
            # Names are those of the dataclass and of the columns alike; values are bound.
            setting = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 2))
            words = vector(values.get("title", before[1]), values.get("description", before[2]))
            last = len(values) + 2
            await connection.execute(
                f"UPDATE services SET {setting}, words = ${last}::text::tsvector WHERE id = $1",  # noqa: S608
                service_id,
                *values.values(),
                words,
            )
            return service_of(tuple(await connection.fetchrow(f"{_SERVICES} WHERE v.id = $1", service_id)))
