"""Sessions are carried from one file to another of the same owner: key, rules, grant and what was spent, inside age."""

from dataclasses import replace

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.refusal import Refused
from valetkey.core.spend import SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.crypto.errors import InvalidKey
from valetkey.crypto.keys import PrivateKey
from valetkey.engine.granting import SPENT_BITS, SPENT_SHIFT, Expected, unfit, unsigned
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Spend
from valetkey.sdk.errors import NotFound, refused_error
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.grants import Grants, payees_with
from valetkey.sdk.manager.keeping import Kept, id_of
from valetkey.sdk.manager.keys import hash_of
from valetkey.sdk.manager.local import BY_CHAIN, BY_OWNER
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.rules import ZERO_ADDRESS
from valetkey.sdk.manager.standing import written_down
from valetkey.wire import grant_calls
from valetkey.wire.granting import grant_of, signature_bytes
from valetkey.wire.grants import grant_hash, grant_id
from valetkey.wire.session_file import (
    SessionFile,
    figures_in,
    policy_in,
    read_session_file,
    session_file,
)

IMPORTED = "imported"
"""The operation of money that the chain had counted and the exporting file had not."""


class Carrying:
    """The part of a manager that exports and imports."""

    def __init__(self, local: OnEvm, driver: Driver, kept: Kept, grants: Grants) -> None:
        self._local = local
        self._driver = driver
        self._kept_sessions = kept
        self._grants = grants

    async def export(self, record: SessionRecord) -> bytes:
        """JSON. Nothing may be held."""
        session = record.session
        signed = await self._grants.of(record)
        if signed is None:
            raise NotFound("this session never had a grant: make a new one", code="not_found", status=404)
        key = self._kept_sessions.key(record)
        return session_file(
            signed,
            key.secret().hex(),
            session.policy,
            session.usage,
            session.pace,
            label=record.label,
            delegate=record.delegate,
            sole=record.sole,
            created_at=session.created_at,
            revoked=session.revoked_at is not None,
        )

    async def bring(self, content: bytearray) -> SessionRecord:
        """The session of what was exported, with what was spent by its figures and by the chain."""
        told = read_session_file(content)
        key = _key(told)
        await self._local.check_chain()
        await self._local.ensure_owner()
        signed = await self._checked(told, key)
        # Nobody follows the chain meanwhile: what it tells is in the figures, or is told after them, and never both.
        async with self._driver.alone():
            await self._driver.round()
            record = await self._kept(told, key, signed)
        return await written_down(self._local, record, signed)

    async def _kept(self, told: SessionFile, key: PrivateKey, signed: SignedGrant) -> SessionRecord:
        local = self._local
        known = await local.store.session(id_of(hash_of(key)))
        if known is None:
            usage, pace = figures_in(told)
            new = self._kept_sessions.new_record(key, policy_in(told), told.label, told.delegate)
            session = replace(new.session, usage=usage, pace=pace)
            known = await self._kept_sessions.add(key, replace(new, session=session, sole=told.sole))
        elif local.keystore.get(hash_of(key)) is None:
            local.keystore.put(hash_of(key), key.secret())
        kept = await local.store.add_grant(signed, BY_OWNER)
        if isinstance(kept, Refused):
            raise refused_error(kept)
        await self._caught_up(known, kept)
        if told.revoked:
            await local.store.revoke_session(known.session.id, by=BY_OWNER)
        after = await local.store.session(known.session.id)
        assert after is not None, "sessions are never deleted"
        return after

    async def _caught_up(self, record: SessionRecord, signed: SignedGrant) -> None:
        """Debit what the chain counted and the file did not, up to the block that events are told from on."""
        local = self._local
        place = await local.store.followed(local.chain.chain_id, local.contract)
        call = grant_calls.words(local.contract, signed.id)
        answer = await local.reader.view(call, at_block=None if place is None else place.number)
        spent = (grant_calls.number(answer) >> SPENT_SHIFT & (1 << SPENT_BITS) - 1) * signed.grant.unit
        session = record.session
        # What lies at the key's own address was drawn and is not spent.
        assert record.wallet_address is not None
        spent -= await local.reader.token_balance(record.wallet_address)
        beyond = spent - session.usage.captured - session.usage.restored - session.usage.held
        if beyond <= 0:
            return
        hold_id = new_id(Kind.HOLD)
        request = SpendRequest(Money(beyond, local.asset), None, None, IMPORTED)
        await local.store.observe(Spend(session.id, hold_id, request, 0), by=BY_CHAIN)
        local.observer("unasked", hold_id)

    async def _checked(self, told: SessionFile, key: PrivateKey) -> SignedGrant:
        """The grant of an exported session, which is this owner's, of this chain and contract, and of its key."""
        local = self._local
        try:
            grant = grant_of(told.grant)
            signature, revocation = signature_bytes(told.signature), signature_bytes(told.revocation)
            policy = policy_in(told)
        except ValueError:
            raise InvalidInput("this is no exported session", field="content") from None
        if told.chain_id != local.chain.chain_id:
            raise InvalidInput(
                f"this session is one of chain {told.chain_id}", code="wrong_chain", field="content"
            )
        expected = Expected(
            owner=local.owner,
            key=key.address,
            asset=local.asset,
            escrow=ZERO_ADDRESS,
            contract=local.contract,
            policy=replace(policy, allowed_payees=payees_with(policy, key.address)),
        )
        problem = unfit(grant, told.contract, expected)
        problem = problem or await unsigned(local.reader, local.domain, grant, signature, revocation)
        if problem is not None:
            raise refused_error(problem)
        return SignedGrant(
            id=grant_id(grant.owner, grant_hash(grant)),
            chain_id=told.chain_id,
            contract=local.contract,
            session_id=id_of(hash_of(key)),
            owner_id=local.owner_id,
            grant=grant,
            signature=signature,
            revocation=revocation,
            made_at=local.clock.now(),
        )


def _key(told: SessionFile) -> PrivateKey:
    try:
        return PrivateKey.from_hex(told.key)
    except InvalidKey:
        raise InvalidInput("this is no exported session: its key is none", field="content") from None
