"""Sessions on Solana are carried from one file to another of the same owner, with their figures and their end."""

from dataclasses import replace

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code, refuse
from valetkey.core.spend import HoldState
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.errors import InvalidKey
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import SpendQuery
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.keeping import Kept, id_of
from valetkey.sdk.manager.keys import hash_of
from valetkey.sdk.manager.local import BY_OWNER
from valetkey.sdk.manager.marks import Brought, Marks, Opened, Presigned
from valetkey.sdk.manager.on_solana import OnSolana
from valetkey.sdk.manager.watching import Watching
from valetkey.wire.session_file import (
    DelegationFile,
    delegation_file,
    figures_in,
    policy_in,
    read_delegation_file,
)

PAGE = 1_000


class Bringing:
    """What exports and imports sessions on Solana."""

    def __init__(self, local: OnSolana, kept: Kept, marks: Marks, watching: Watching) -> None:
        self._local = local
        self._kept = kept
        self._marks = marks
        self._watching = watching

    async def export(self, record: SessionRecord) -> bytes:
        """JSON. Nothing may be held."""
        local, session = self._local, record.session
        presigned = await self._marks.get(session.id, Presigned)
        return delegation_file(
            local.chain.chain_id,
            local.asset.address,
            local.owner,
            self._kept.key(record).secret().hex(),
            session,
            label=record.label,
            delegate=record.delegate,
            sole=record.sole,
            presigned=None if presigned is None else presigned.payment,
            counted=await self._counted(session.id),
        )

    async def bring(self, content: bytearray) -> SessionRecord:
        """The session of what was exported, with what was spent by its figures and by the chain."""
        local = self._local
        told = read_delegation_file(content)
        key = self._checked(told)
        await local.delegations.check()
        await local.ensure_owner()
        (state,) = await local.delegations.states([key.address])
        is_over = told.revoked or policy_in(told).expires_at <= local.clock.now()
        if not state.exists and not is_over:
            # Anybody can write such a file, with a key of their own: the next payment would open an account for it.
            raise refused_error(
                refuse(
                    Code.GRANT_MISMATCH,
                    "owner",
                    "the owner opened no account for this session: make a new one",
                )
            )
        record = await self._known(told, key)
        session_id = record.session.id
        await self._marks.keep(session_id, Brought(told.counted))
        if state.exists:
            await self._marks.keep(session_id, Opened(state.slot))
        if told.presigned is not None:
            await self._marks.keep(session_id, Presigned(told.presigned))
        await self._watching.look(record)
        if told.revoked:
            await local.store.revoke_session(session_id, by=BY_OWNER)
        after = await local.store.session(session_id)
        assert after is not None, "sessions are never deleted"
        return after

    async def _known(self, told: DelegationFile, key: SigningKey) -> SessionRecord:
        local, name = self._local, hash_of(key)
        known = await local.store.session(id_of(name))
        if known is None:
            usage, pace = figures_in(told)
            new = self._kept.new_record(key, policy_in(told), told.label, told.delegate)
            session = replace(new.session, usage=usage, pace=pace)
            return await self._kept.add(key, replace(new, session=session, sole=told.sole))
        if local.keystore.get(name) is None:
            local.keystore.put(name, key.secret())
        return known

    def _checked(self, told: DelegationFile) -> SigningKey:
        """The key of an exported session, which is this owner's, of this cluster and token."""
        local = self._local
        if (told.chain_id, told.mint) != (local.chain.chain_id, local.asset.address):
            raise InvalidInput(
                f"this session is one of chain {told.chain_id}, about {told.mint}",
                code="wrong_chain",
                field="content",
            )
        if told.owner != local.owner:
            raise refused_error(refuse(Code.GRANT_MISMATCH, "owner", f"this session is one of {told.owner}"))
        try:
            return SigningKey(bytes.fromhex(told.key))
        except (InvalidKey, ValueError):
            pass
        raise InvalidInput("this is no exported session: its key is none", field="content")

    async def _counted(self, session_id: str) -> list[str]:
        """The signatures of everything that the figures count."""
        brought = await self._marks.get(session_id, Brought)
        found = [] if brought is None else list(brought.signatures)
        query = SpendQuery(self._local.owner_id, session_id, HoldState.CAPTURED, PAGE, 0)
        while True:
            page, _ = await self._local.store.spends(query)
            for one in page:
                if one.payment is not None and one.payment.reference is not None:
                    found.append(one.payment.reference)
                elif one.note is not None:
                    # What was seen on chain has its signature for a note.
                    found.append(one.note)
            if len(page) < PAGE:
                return found
            query = replace(query, offset=query.offset + PAGE)
