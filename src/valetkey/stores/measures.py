"""What is counted of queues, the same on every database: rows of partial indexes, each with a bound."""

from valetkey.ports.measuring import COUNTED_MAX, Queue

# S608: the parts of these statements are constants of ours.
WEBHOOKS = (
    "SELECT count(*), min(queued_at) FROM (SELECT queued_at FROM events WHERE state = 'waiting'"  # noqa: S608
    f" ORDER BY due_at, seq LIMIT {COUNTED_MAX}) AS w"
)
RELAYS = (
    "SELECT count(*), min(made_at) FROM (SELECT made_at FROM relays WHERE state IN ('queued', 'signed')"  # noqa: S608
    f" LIMIT {COUNTED_MAX}) AS w"
)
UNKNOWNS = (
    "SELECT count(*), min(placed_at) FROM (SELECT placed_at FROM holds WHERE state = 'unknown'"  # noqa: S608
    f" ORDER BY placed_at LIMIT {COUNTED_MAX}) AS w"
)


def living(warn_at: str, now: str) -> str:
    """Counts sessions that are neither revoked nor near their end, by the index of those to be warned."""
    return (
        "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE revoked_at IS NULL AND warned_for <> expires_at"  # noqa: S608
        f" AND {warn_at} > {now} LIMIT {COUNTED_MAX}) AS w"
    )


def queue_of(found: tuple[int, int | None]) -> Queue:
    """A queue from its row."""
    return Queue(*found)
