"""A session with new keys in the place of one. Both together never exceed the limits of one, here and on chain.

In the ledger what the old one still spends is debited from the new one, too. On chain the new grant takes over what was
spent from the old one and ends it, where it becomes known: with the first payment of the new key, or when the old one's
time is over.
"""

from contextlib import suppress
from dataclasses import replace

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.policy import Policy
from valetkey.core.tree import GRACE_SECONDS_MAX
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.sdk.amounts import Amount, named_units
from valetkey.sdk.manager.keeping import Kept, KeyHash
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.rules import check_ends
from valetkey.sdk.manager.side import Side
from valetkey.sdk.session_config import Moment, check_label, unix_seconds_of

PAGE = 1_000


class Rotating:
    """The part of a manager that rotates."""

    def __init__(self, local: Local, kept: Kept, side: Side) -> None:
        self._local = local
        self._kept = kept
        self._side = side

    async def rotate(
        self,
        key_hash: KeyHash,
        *,
        grace_seconds: int,
        valid_until: Moment | None,
        spending_limit: Amount | None,
        label: str | None,
    ) -> SessionRecord:
        """The session that takes the place of one; of one that was rotated before, the one that did, finished."""
        if type(grace_seconds) is not int or not 0 <= grace_seconds <= GRACE_SECONDS_MAX:
            raise InvalidInput(f"a grace period is 0 to {GRACE_SECONDS_MAX} seconds", field="grace_seconds")
        if label is not None:
            check_label(label)
        before = await self._kept.record(key_hash)
        if before.session.successor_id is None:
            self._kept.check_living(before)
            # One that was granted under another contract could not be ended by its successor's grant.
            await self._side.give(before)
            before = await self._rotate(before, grace_seconds, valid_until, spending_limit, label)
        successor = await self._successor(before)
        await self._side.give(successor)
        if grace_seconds == 0:
            await self._side.hand_over(successor)
        return successor

    async def end_old(self) -> int:
        """Make successors known on chain whose predecessor's time is over, which ends that; how many were queued."""
        # The newest: older ones were looked at when they were.
        query = SessionQuery(self._local.owner_id, status="expired", limit=PAGE)
        count = 0
        for one in await self._kept.listed(query):
            if one.session.successor_id is None or not self._kept.is_here(one):
                continue
            if not await self._side.is_ended(one):
                count += await self._side.hand_over(await self._successor(one))
        return count

    async def _rotate(
        self,
        before: SessionRecord,
        grace_seconds: int,
        valid_until: Moment | None,
        spending_limit: Amount | None,
        label: str | None,
    ) -> SessionRecord:
        local, key = self._local, self._local.keys.new()
        policy = self._policy(before.session.policy, valid_until, spending_limit)
        record = replace(
            self._kept.new_record(key, policy, before.label if label is None else label, before.delegate),
            sole=before.sole,
        )
        token_hash = credential_hash(new_session_token().reveal())
        with suppress(Contradiction):
            # Otherwise another process was first, or revoked it.
            await self._kept.keep(
                key,
                lambda: local.store.rotate_session(
                    before.session.id,
                    record,
                    token_hash,
                    grace_seconds=grace_seconds,
                    carry=True,
                    by=BY_OWNER,
                ),
            )
        after = await local.store.session(before.session.id)
        assert after is not None, "sessions are never deleted"
        self._kept.check_not_revoked(after)
        return after

    def _policy(self, policy: Policy, valid_until: Moment | None, spending_limit: Amount | None) -> Policy:
        local = self._local
        if valid_until is not None:
            now = local.clock.now()
            ends = unix_seconds_of(valid_until, now)
            check_ends(ends - now, local.lifetimes)
            policy = replace(policy, expires_at=ends)
        if spending_limit is not None:
            policy = replace(
                policy, budget=named_units(spending_limit, local.asset.decimals, "spending_limit")
            )
        return policy

    async def _successor(self, before: SessionRecord) -> SessionRecord:
        assert before.session.successor_id is not None
        found = await self._local.store.session(before.session.successor_id)
        assert found is not None, "sessions are never deleted"
        return found
