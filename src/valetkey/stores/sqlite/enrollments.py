"""Enrolments on SQLite. One is used up in the writer's transaction that adds its session."""

import apsw

from valetkey.ports.enrollments import Enrollment
from valetkey.stores.enrollment_rows import ENROLLMENT, FORGOTTEN_MAX, enrollment_of, enrollment_values
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, run

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ENROLLMENT} FROM enrollments WHERE code = ?"  # noqa: S608
_KEEP = f"INSERT OR REPLACE INTO enrollments ({ENROLLMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_FORGET = (
    "DELETE FROM enrollments WHERE code IN (SELECT code FROM enrollments WHERE expires_at <= ?"
    " ORDER BY expires_at LIMIT ?)"
)
_OPEN = "SELECT count(*) FROM enrollments WHERE session_id IS NULL AND expires_at > ?"


class EnrollmentBook:
    """See stores/book/facts.py, which documents every method."""

    _db: apsw.Connection

    def enrollment(self, code: str) -> Enrollment | None:
        return _find(self._db, code)

    def use_enrollment(self, enrollment: Enrollment) -> None:
        run(self._db, _KEEP, *enrollment_values(enrollment))


class SqliteEnrollments(Tables):
    """The store of enrolments on SQLite."""

    async def add_enrollment(self, enrollment: Enrollment, open_max: int) -> Enrollment | None:
        """See ports/enrollments.py."""

        def work(db: apsw.Connection, now: int) -> Enrollment | None:
            known = _find(db, enrollment.code)
            if known is not None and (known.is_used or known.expires_at > now):
                return known
            run(db, _FORGET, now, FORGOTTEN_MAX)
            count = row(db, _OPEN, now)
            if count is None or count[0] >= open_max:
                return None
            run(db, _KEEP, *enrollment_values(enrollment))
            return enrollment

        return await self._database.write(work)

    async def enrollment(self, code: str) -> Enrollment | None:
        """An enrolment by its code."""
        return await self._database.glance(lambda db: _find(db, code))


def _find(db: apsw.Connection, code: str) -> Enrollment | None:
    found = row(db, _ONE, code)
    return enrollment_of(found) if found else None
