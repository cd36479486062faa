"""Grants of one manager's sessions: what the owner signed once, and what the chain says of it now."""

import secrets
from dataclasses import replace

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOTHING, granted
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.engine.granting import signed_by
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.local import BY_OWNER
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.x402.terms import OPERATION
from valetkey.wire import grant_calls
from valetkey.wire.grants import grant_hash, grant_id, payees_of

DEAD_GRANTS = frozenset({GrantStatus.REVOKING, GrantStatus.REVOKED})
"""Under these nothing is signed any more."""


class Grants:
    """The grants of a file's sessions under the manager's contract."""

    def __init__(self, local: OnEvm, kept: Kept) -> None:
        self._local = local
        self._kept = kept

    async def of(self, record: SessionRecord) -> SignedGrant | None:
        """The grant that a session was given last under the manager's contract."""
        found = await self.last(record)
        return found if found is not None and found.contract == self._local.contract else None

    async def last(self, record: SessionRecord) -> SignedGrant | None:
        """The grant that a session was given last, under whatever contract."""
        return await self._local.store.grant_of_session(record.session.id, self._local.chain.chain_id)

    async def ensure(self, record: SessionRecord) -> SignedGrant | None:
        """The session's grant, signed now when there is none; None for a session that has ended.

        One that took the place of another session takes over what was spent from that one's grant.
        """
        found = await self.of(record)
        if found is not None or self._kept.is_dead(record):
            return found
        local = self._local
        elsewhere = await self.last(record)
        if elsewhere is not None and elsewhere.status is not GrantStatus.REVOKED:
            # A second grant under this contract would let its key draw the budget from both.
            raise InvalidInput(
                f"this session was granted under the contract {elsewhere.contract}: open the manager with that",
                code="wrong_contract",
                field="contract_address",
            )
        await local.check_chain()
        answer = await local.reader.view(grant_calls.standings(local.contract, local.owner))
        policy = record.session.policy
        assert record.wallet_address is not None
        predecessor = await self._predecessor(record)
        if predecessor == NOTHING and policy.budget is not None:
            # What was spent before counts on chain, too.
            policy = replace(policy, budget=max(policy.budget - record.session.usage.committed, 0))
        grant = granted(
            policy,
            local.asset,
            owner=local.owner,
            key=record.wallet_address,
            escrow="0x" + "0" * 40,
            payees=payees_of(payees_on_chain(record)),
            epoch=grant_calls.number(answer) >> 1,
            salt=secrets.token_bytes(32),
            predecessor=predecessor,
        )
        signature, revocation = signed_by(local.signer, local.domain, grant)
        kept = await local.store.add_grant(
            SignedGrant(
                id=grant_id(grant.owner, grant_hash(grant)),
                chain_id=local.chain.chain_id,
                contract=local.contract,
                session_id=record.session.id,
                owner_id=local.owner_id,
                grant=grant,
                signature=signature,
                revocation=revocation,
                made_at=local.clock.now(),
            ),
            BY_OWNER,
        )
        if isinstance(kept, Refused):
            # Another process signed one meanwhile, or ended the session.
            raced = await self.of(record)
            if raced is None:
                raise refused_error(kept)
            return raced
        return kept

    async def _predecessor(self, record: SessionRecord) -> bytes:
        """The struct hash of the grant of the session whose place this one took; NOTHING for a new one."""
        one = await self._kept.predecessor(record)
        before = None if one is None else await self.of(one)
        return NOTHING if before is None or before.revoked_at is not None else grant_hash(before.grant)


def payees_on_chain(record: SessionRecord) -> frozenset[str] | None:
    """Whom the grant of a session may pay by the contract; None for anyone. See `payees_with`."""
    assert record.wallet_address is not None
    return payees_with(record.session.policy, record.wallet_address)


def payees_with(policy: Policy, key: str) -> frozenset[str] | None:
    """Whom a policy allows, and the session's own key where the policy names payments over HTTP among its operations.

    Those are paid from the key's address, so what they take has to be brought there first. The gate looks at the payee
    of each of them; the contract then knows the key alone.
    """
    payees, operations = policy.allowed_payees, policy.allowed_operations
    if payees is None or operations is None or OPERATION not in operations:
        return payees
    return payees | {key.lower()}
