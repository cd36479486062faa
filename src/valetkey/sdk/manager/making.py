"""Sessions are made and restored: kept in the file first, then given what they need by their owner and on chain.

So whatever ends a process, what is there is either no session, or one that the next call finishes.
"""

from dataclasses import replace

import msgspec

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer, SessionRecord
from valetkey.ports.ledger import Idempotency
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.keeping import Kept, KeyHash
from valetkey.sdk.manager.keys import hash_of
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.rules import check_chain, fingerprint, policy_of
from valetkey.sdk.manager.side import Side
from valetkey.sdk.session_config import SessionConfig
from valetkey.wire.http import encode

CREATED = 201


class Making:
    """The part of a manager that makes and restores sessions."""

    def __init__(self, local: Local, kept: Kept, side: Side) -> None:
        self._local = local
        self._kept = kept
        self._side = side

    async def create(self, config: SessionConfig) -> SessionRecord:
        """A session that its owner signed for. The same idempotency key and config answer the same, and finish it."""
        local = self._local
        check_chain(config.chain, local.chain)
        idempotency = None
        if config.idempotency_key is not None:
            scope = f"manager create {local.owner_id}"
            idempotency = Idempotency(
                scope, config.idempotency_key, fingerprint(config, local.chain, local.asset)
            )
        record = await self._known(idempotency)
        if record is None:
            record = await self._made(config, idempotency)
        await self._side.give(record)
        return record

    async def restore(self, key_hash: KeyHash) -> SessionRecord:
        """A session as file and chain have it; one that lives has its key and its grant. Raises DamagedRecord."""
        record = await self._side.asked(await self._kept.record(key_hash))
        if not self._kept.is_dead(record):
            self._kept.key(record)
            await self._side.give(record)
        return record

    async def _made(self, config: SessionConfig, idempotency: Idempotency | None) -> SessionRecord:
        local = self._local
        policy = policy_of(config, local.chain, local.asset, local.lifetimes, local.clock.now())
        _check_bounded(policy)
        await local.ensure_owner()
        key = local.keys.new()
        record = self._kept.new_record(key, policy, config.label, config.delegate or config.role)
        answer = None
        if idempotency is not None:
            answer = Answer(idempotency, CREATED, encode({"keyHash": hash_of(key)}))
        try:
            return await self._kept.add(key, replace(record, sole=config.sole_label), answer)
        except Contradiction:
            # Another process made it with this key meanwhile.
            found = await self._known(idempotency)
            if found is None:
                raise
            return found

    async def _known(self, idempotency: Idempotency | None) -> SessionRecord | None:
        """What an idempotency key made before, whenever that was."""
        answered = None if idempotency is None else await self._local.store.answered(idempotency)
        if answered is None:
            return None
        if isinstance(answered, Refused):
            raise refused_error(answered)
        return await self._kept.record(msgspec.json.decode(answered.body)["keyHash"])


def _check_bounded(policy: Policy) -> None:
    if policy.budget is None:
        raise InvalidInput(
            "a manager's session has a spending_limit: the chain enforces it", field="spending_limit"
        )
