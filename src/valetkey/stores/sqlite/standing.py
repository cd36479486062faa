"""What a transaction's steps make known about its service: how often it was completed, how fast it answered."""

import apsw

from valetkey.core.transaction import Transaction, TransactionStatus


def follow_step(db: apsw.Connection, before: Transaction, after: Transaction) -> None:
    """Count a completion, and the time from payment to the first delivery."""
    if before.status is after.status:
        return
    if after.status is TransactionStatus.COMPLETED:
        db.execute("UPDATE services SET completed = completed + 1 WHERE id = ?", (after.service_id,))
    if before.delivered_at is None and after.delivered_at is not None:
        db.execute(
            "UPDATE services SET responses = responses + 1, response_ms = response_ms + 1000 * max(0, :delivered_at - ("
            " SELECT coalesce(funded_at, :delivered_at) FROM transactions WHERE id = :id)) WHERE id = :service_id",
            {"delivered_at": after.delivered_at, "id": after.id, "service_id": after.service_id},
        )
