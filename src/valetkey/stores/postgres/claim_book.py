"""Claims in a batch: read and written by statements of their own, because few batches are about them."""

from collections.abc import Callable
from typing import Any

from valetkey.core.claim import Claim, ClaimState
from valetkey.stores.claim_rows import CLAIM, COLUMNS, NEW_CLAIM, claim_of, claim_values
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {CLAIM} FROM claims WHERE owner_id = $1 AND id = $2"  # noqa: S608
_UNCLAIMED = f"SELECT {CLAIM} FROM claims WHERE owner_id = $1 AND session_id = $2 AND state = 'unclaimed'"  # noqa: S608
_WRITE = (
    f"INSERT INTO claims ({NEW_CLAIM}) VALUES ({', '.join(f'${n}' for n in range(1, 19))})"  # noqa: S608
    " ON CONFLICT (owner_id, id) DO UPDATE SET "
    + ", ".join(f"{one} = excluded.{one}" for one in (*COLUMNS[5:], "look_at"))
)


class ClaimBook:
    """See stores/book/facts.py, which documents every method."""

    owner_id: str

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.claims: Rows[str, Claim | None] = rows()
        self.trees_of_claims: Rows[str, str] = rows()
        self.unclaimed_of: Rows[str, None] = rows()

    def find_claim(self, claim_id: str) -> Claim | None:
        if claim_id not in self.claims:
            raise Missing(Wanted(claims={claim_id}))
        return self.claims[claim_id]

    def unclaimed(self, session_id: str) -> list[Claim]:
        if session_id not in self.unclaimed_of:
            raise Missing(Wanted(unclaimed={session_id}))
        known = [one for _, one in self.claims.known() if one is not None and one.session_id == session_id]
        return [one for one in known if one.state is ClaimState.UNCLAIMED]

    def write_claim(self, claim: Claim, tree_id: str) -> None:
        self.claims.put(claim.id, claim)
        self.trees_of_claims.put(claim.id, tree_id)


async def read_claims(connection: Connection, book: ClaimBook, wanted: Wanted) -> None:
    """Fill the book with the claims that are wanted, as they are under its locks."""
    for session_id in wanted.unclaimed:
        for row in await connection.fetch(_UNCLAIMED, book.owner_id, session_id):
            found = claim_of(tuple(row))
            book.claims.load(found.id, found)
        book.unclaimed_of.load(session_id, None)
    for claim_id in wanted.claims:
        row = await connection.fetchrow(_ONE, book.owner_id, claim_id)
        book.claims.load(claim_id, None if row is None else claim_of(tuple(row)))


async def write_claims(connection: Connection, book: ClaimBook) -> None:
    """Write what the batch changed of claims, after its sessions."""
    for claim_id, claim in book.claims.items():
        assert claim is not None
        await connection.execute(_WRITE, *claim_values(claim, book.trees_of_claims[claim_id]))
