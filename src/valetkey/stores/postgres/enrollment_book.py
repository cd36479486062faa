"""Enrolments in a batch: locked when they are read, because owners that have nothing else in common may want one."""

from collections.abc import Callable
from typing import Any

from valetkey.ports.enrollments import Enrollment
from valetkey.stores.enrollment_rows import ENROLLMENT, enrollment_of
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection

# In the order of their codes, as everybody does.
_SOME = f"SELECT {ENROLLMENT} FROM enrollments WHERE code = ANY($1::text[]) ORDER BY code FOR UPDATE"  # noqa: S608
_USE = "UPDATE enrollments SET expires_at = $2, owner_id = $3, session_id = $4, sealed = $5 WHERE code = $1"


class EnrollmentBook:
    """See stores/book/facts.py, which documents every method."""

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.enrollments: Rows[str, Enrollment | None] = rows()

    def enrollment(self, code: str) -> Enrollment | None:
        if code not in self.enrollments:
            raise Missing(Wanted(enrollments={code}))
        return self.enrollments[code]

    def use_enrollment(self, enrollment: Enrollment) -> None:
        self.enrollments.put(enrollment.code, enrollment)


async def read_enrollments(connection: Connection, book: EnrollmentBook, wanted: Wanted) -> None:
    """Fill the book with the enrolments that are wanted, and keep others away from them."""
    if not wanted.enrollments:
        return
    for row in await connection.fetch(_SOME, [*wanted.enrollments]):
        found = enrollment_of(tuple(row))
        book.enrollments.load(found.code, found)
    for code in wanted.enrollments:
        book.enrollments.load(code, None)


async def write_enrollments(connection: Connection, book: EnrollmentBook) -> None:
    """Write which enrolments the batch used up."""
    for code, one in book.enrollments.items():
        assert one is not None
        await connection.execute(_USE, code, one.expires_at, one.owner_id, one.session_id, one.sealed)
