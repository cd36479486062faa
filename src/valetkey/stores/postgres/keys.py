"""API keys of an owner: made and ended under the lock of the owner's own chain, where each is told."""

from valetkey.core.api_key import ApiKey
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer
from valetkey.stores.book import keys
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.rows import KEY, key_of

USED_SECONDS = 60
"""How coarse `key_used` is."""

_KEYS = f"SELECT {KEY} FROM api_keys k WHERE k.owner_id = $1"  # noqa: S608 - constants of ours
_USED = (
    "UPDATE api_keys SET last_used_at = $1 WHERE owner_id = $2 AND id = $3"
    " AND (last_used_at IS NULL OR last_used_at <= $4)"
)


class PostgresKeys(Tables):
    """The part of the account store that makes and ends keys."""

    async def add_api_key(
        self,
        key: ApiKey,
        api_key_hash: bytes,
        *,
        revoke_others: bool = False,
        answer: Answer | None = None,
    ) -> Refused | None:
        """See ports/accounts.py."""
        return await self._database.batch(
            key.owner_id,
            frozenset({key.owner_id}),
            lambda book: keys.register(book, key, api_key_hash, revoke_others=revoke_others, answer=answer),
            Wanted(living_keys=True),
        )

    async def make_key(
        self, key: ApiKey, api_key_hash: bytes, maker_id: str, answer: Answer | None = None
    ) -> Refused | None:
        """See ports/accounts.py."""
        return await self._database.batch(
            key.owner_id,
            frozenset({key.owner_id}),
            lambda book: keys.make(book, key, api_key_hash, maker_id, answer),
            Wanted(api_keys={maker_id}, living_keys=True),
        )

    async def revoke_key(self, owner_id: str, key_id: str, by: str) -> ApiKey:
        """See ports/accounts.py."""
        return await self._database.batch(
            owner_id,
            frozenset({owner_id}),
            lambda book: keys.revoke(book, owner_id, key_id, by),
            Wanted(api_keys={key_id}),
        )

    async def key(self, owner_id: str, key_id: str) -> ApiKey | None:
        """A key of an owner."""
        found = await self._database.row(f"{_KEYS} AND k.id = $2", owner_id, key_id)
        return key_of(found) if found else None

    async def keys(self, owner_id: str, limit: int, offset: int) -> tuple[list[ApiKey], int]:
        """See ports/accounts.py."""
        count = await self._database.row("SELECT count(*) FROM api_keys WHERE owner_id = $1", owner_id)
        assert count is not None
        sql = f"{_KEYS} ORDER BY k.seq DESC LIMIT $2 OFFSET $3"
        return [key_of(one) for one in await self._database.rows(sql, owner_id, limit, offset)], count[0]

    async def key_used(self, owner_id: str, key_id: str) -> None:
        """See ports/accounts.py."""
        now = self._database.clock.now()
        await self._database.rows(_USED, now, owner_id, key_id, now - USED_SECONDS)
