"""Enrolments on PostgreSQL. One is used up in the batch that adds its session; see enrollment_book.py."""

from valetkey.ports.enrollments import Enrollment
from valetkey.stores.enrollment_rows import (
    COLUMNS,
    ENROLLMENT,
    FORGOTTEN_MAX,
    enrollment_of,
    enrollment_values,
)
from valetkey.stores.postgres.database import Tables

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ENROLLMENT} FROM enrollments WHERE code = $1"  # noqa: S608
_FORGET = (
    "DELETE FROM enrollments WHERE code = ANY(ARRAY(SELECT code FROM enrollments WHERE expires_at <= $1"
    " ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
)
_KEEP = (
    f"INSERT INTO enrollments ({ENROLLMENT})"  # noqa: S608
    " SELECT $1, $2, $3, $4, $5::bigint, $6, $7, $8 WHERE (SELECT count(*) FROM (SELECT 1 FROM enrollments"
    " WHERE session_id IS NULL AND expires_at > $9 LIMIT $10) AS o) < $10"
    " ON CONFLICT (code) DO UPDATE SET "
    + ", ".join(f"{one} = excluded.{one}" for one in COLUMNS[1:])
    + " WHERE enrollments.session_id IS NULL AND enrollments.expires_at <= $9"
)


class PostgresEnrollments(Tables):
    """The store of enrolments on PostgreSQL."""

    async def add_enrollment(self, enrollment: Enrollment, open_max: int) -> Enrollment | None:
        """See ports/enrollments.py. Replicas that keep some at the same time may go a few beyond the number."""
        now = self._database.clock.now()
        await self._database.rows(_FORGET, now, FORGOTTEN_MAX)
        await self._database.rows(_KEEP, *enrollment_values(enrollment), now, open_max)
        return await self.enrollment(enrollment.code)

    async def enrollment(self, code: str) -> Enrollment | None:
        """An enrolment by its code."""
        found = await self._database.row(_ONE, code)
        return enrollment_of(found) if found else None
