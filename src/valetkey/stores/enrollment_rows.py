"""Rows of enrolments, the same in every store."""

from valetkey.ports.enrollments import Enrollment
from valetkey.stores.rows import Row, Value

COLUMNS = (
    "code", "message", "signature", "proof_signature", "expires_at", "owner_id", "session_id", "sealed",
)  # fmt: skip
ENROLLMENT = ", ".join(COLUMNS)

FORGOTTEN_MAX = 200
"""How many of those that are over are forgotten whenever a new one is kept."""


def enrollment_of(row: Row) -> Enrollment:
    """An enrolment from the columns of ENROLLMENT."""
    return Enrollment(*row)


def enrollment_values(enrollment: Enrollment) -> tuple[Value, ...]:
    """The columns of ENROLLMENT."""
    return tuple(getattr(enrollment, name) for name in COLUMNS)
