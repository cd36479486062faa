"""Services, evidence of disputes, and figures about the market."""

import apsw

from valetkey.core.errors import Contradiction
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.service import Service, ServiceQuery
from valetkey.ports.market import Evidence, Pulse, ServiceChange
from valetkey.stores.offers import DAY_SECONDS, evidence_length, evidence_of, rank, responses_of
from valetkey.stores.rows import SERVICE, Row, Value, service_of
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.sqlite.text import match, page

_TABLES = "services v JOIN agents a ON a.id = v.agent_id"
_SERVICES = f"SELECT {SERVICE} FROM {_TABLES} "  # noqa: S608 - constants of ours
_ORDERS = {
    "newest": "v.created_at DESC, v.seq DESC",
    "price_asc": "v.price_rank, v.seq",
    "price_desc": "v.price_rank DESC, v.seq",
    "rating": "v.rating_hundredths DESC NULLS LAST, v.rating_count DESC, v.seq",
    "response_time": "v.avg_response_ms NULLS LAST, v.seq",
}
_EVIDENCE = (
    "SELECT id, transaction_id, submitted_by, evidence_type, description, content_hash, ipfs_hash, metadata,"
    " created_at FROM evidence WHERE transaction_id = ? ORDER BY seq"
)
_EVIDENCE_OF = (
    "SELECT count(*), coalesce(sum(octet_length(evidence_type) + octet_length(description)"
    " + coalesce(octet_length(content_hash), 0) + coalesce(octet_length(ipfs_hash), 0)"
    " + coalesce(octet_length(metadata), 0)), 0) FROM evidence WHERE transaction_id = ? AND submitted_by = ?"
)


class SqliteMarket(Tables):
    """The market store on SQLite."""

    async def add_service(self, service: Service) -> None:
        """Put a service on offer. Raises Contradiction when its id is taken or its agent is unknown."""
        await self._database.write(lambda db, _: _add_service(db, service))

    async def service(self, service_id: str) -> Service | None:
        """A service by its id, whatever its status."""
        found = await self._database.read(lambda db: row(db, _SERVICES + "WHERE v.id = ?", service_id))
        return service_of(found) if found else None

    async def change_service(self, service_id: str, change: ServiceChange) -> Service:
        """Set what the change names. Raises Contradiction when there is no such service."""
        return service_of(await self._database.write(lambda db, now: _change(db, now, service_id, change)))

    async def services(self, query: ServiceQuery) -> tuple[list[Service], int]:
        """See ports/market.py. The last word of the text may be the beginning of one."""
        where, values = _conditions(query)
        found, total = await self._database.read(
            lambda db: page(
                db, _SERVICES, "services v", where, values, _ORDERS[query.sort_by], query.limit, query.offset
            )
        )
        return [service_of(one) for one in found], total

    async def offered_by(self, agent_id: str) -> frozenset[str]:
        """See ports/market.py."""
        sql = "SELECT id FROM services WHERE agent_id = ? AND status = 'active'"
        return frozenset(one for (one,) in await self._database.read(lambda db: rows(db, sql, agent_id)))

    async def add_evidence(self, evidence: Evidence, *, pieces_max: int, bytes_max: int) -> bool:
        """See ports/market.py. Raises Contradiction when its transaction is unknown."""
        sql = (
            "INSERT INTO evidence (id, transaction_id, submitted_by, evidence_type, description, content_hash,"
            " ipfs_hash, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        values = (
            evidence.id,
            evidence.transaction_id,
            evidence.submitted_by,
            evidence.evidence_type,
            evidence.description,
            evidence.content_hash,
            evidence.ipfs_hash,
            evidence.metadata,
            evidence.created_at,
        )

        def work(db: apsw.Connection, _: int) -> bool:
            ((pieces, length),) = rows(db, _EVIDENCE_OF, evidence.transaction_id, evidence.submitted_by)
            if pieces >= pieces_max or length + evidence_length(evidence) > bytes_max:
                return False
            run(db, sql, *values)
            return True

        return await self._database.write(work)

    async def evidence_count(self, transaction_id: str) -> int:
        """How many pieces of evidence there are about a transaction, of both parties."""
        sql = "SELECT count(*) FROM evidence WHERE transaction_id = ?"
        ((count,),) = await self._database.read(lambda db: rows(db, sql, transaction_id))
        assert isinstance(count, int)
        return count

    async def evidence(self, transaction_id: str) -> list[Evidence]:
        """The evidence about a transaction, in the order in which it came."""
        found = await self._database.read(lambda db: rows(db, _EVIDENCE, transaction_id))
        return [evidence_of(one) for one in found]

    async def pulse(self) -> Pulse:
        """See ports/market.py. The volume is what buyers paid for purchases that were completed."""
        now = self._database.clock.now()
        return await self._database.read(lambda db: _pulse(db, now))


def _add_service(db: apsw.Connection, service: Service) -> None:
    responses = responses_of(service)
    db.execute(
        "INSERT INTO services (id, agent_id, title, description, category, price, price_rank, price_unit, currency,"
        " decimals, delivery_type, callback_required, endpoint_url, network, status, created_at, updated_at,"
        " rating_hundredths, rating_count, responses, response_ms, completed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            service.id,
            service.agent_id,
            service.title,
            service.description,
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
        ),
    )


def _change(db: apsw.Connection, now: int, service_id: str, change: ServiceChange) -> Row:
    before = row(db, "SELECT decimals FROM services WHERE id = ?", service_id)
    if before is None:
        raise Contradiction("there is no such service")
    values: dict[str, Value] = {
        name: value for name in ServiceChange.__slots__ if (value := getattr(change, name)) is not None
    }
    if change.endpoint_url == "":
        values["endpoint_url"] = None
    if change.price is not None:
        values |= {"price": str(change.price), "price_rank": rank(change.price, before[0])}
    if change.status is not None:
        values["status"] = str(change.status)
    values["updated_at"] = now
    # Names are those of the dataclass and of the columns alike; values are bound.
    setting = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(f"UPDATE services SET {setting} WHERE id = :id", {**values, "id": service_id})  # noqa: S608
    after = row(db, _SERVICES + "WHERE v.id = ?", service_id)
    assert after is not None
    return after


def _conditions(query: ServiceQuery) -> tuple[list[str], dict[str, Value]]:
    where = ["v.status = 'active'"]
    values: dict[str, Value] = {}
    text = match(query.text)
    if text is not None:
        where.append("v.seq IN (SELECT rowid FROM services_text WHERE services_text MATCH :text)")
        values["text"] = text
    for name in ("category", "currency", "network"):
        wanted = getattr(query, name)
        if wanted is not None:
            where.append(f"v.{name} = :{name}")
            values[name] = wanted
    if query.price_max is not None:
        where.append("v.price_rank <= :price_max")
        decimals = CURRENCY_DECIMALS.get(query.currency or "USDC", CURRENCY_DECIMALS["USDC"])
        values["price_max"] = rank(query.price_max, decimals)
    if query.rating_hundredths_min is not None:
        where.append("v.rating_hundredths >= :rating")
        values["rating"] = query.rating_hundredths_min
    return where, values


def _pulse(db: apsw.Connection, now: int) -> Pulse:
    day_ago = now - DAY_SECONDS

    def count(sql: str, *values: int) -> int:
        ((number,),) = rows(db, sql, *values)
        return int(number)

    categories = rows(
        db, "SELECT category, count(*) FROM services WHERE status = 'active' GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    completed = "SELECT count(*) FROM transactions WHERE status = 'completed'"
    # Summed here: SQLite would make an inexact REAL of amounts beyond 63 bits.
    volume = rows(
        db,
        "SELECT total_units FROM transactions WHERE status = 'completed' AND completed_at > ? AND currency = 'USDC'",
        day_ago,
    )
    return Pulse(
        services_total=sum(number for _, number in categories),
        services_last_24h=count(
            "SELECT count(*) FROM services WHERE status = 'active' AND created_at > ?", day_ago
        ),
        categories=tuple((name, number) for name, number in categories),
        completed_total=count(completed),
        completed_last_24h=count(completed + " AND completed_at > ?", day_ago),
        volume_24h=sum(int(units) for (units,) in volume),
        agents_total=count("SELECT count(*) FROM agents"),
        agents_active_7d=count("SELECT count(*) FROM agents WHERE last_seen_at > ?", now - 7 * DAY_SECONDS),
    )
