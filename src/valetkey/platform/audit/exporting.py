"""Writing an owner's audit log as a file that others can check: page by page, so that its length costs no memory."""

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from valetkey.core.audit import Head
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.sealing import derive_key
from valetkey.platform.settings import Settings
from valetkey.ports.auditing import HEADS_MAX, AuditStore
from valetkey.wire.audit_file import (
    CSV_HEADER,
    FORMAT_VERSION,
    End,
    EntryLine,
    Format,
    HeadLine,
    Start,
    end_message,
    head_message,
    write_line,
)

PURPOSE = "audit heads v1"

PAGE = 200
"""Entries that are read at once; between two pages nothing of the store is held."""

RECHECK_SECONDS = 1.0
"""How often the credential is looked up again while an export goes on."""


def audit_key(settings: Settings) -> SigningKey:
    """The key that signs heads. It comes from the settings and is never in the database."""
    return SigningKey(derive_key(settings.master_secret.reveal().encode(), PURPOSE))


class Export:
    """One export: the owner's chain first, so that whoever reads it knows the anchors, then the trees by id.

    `tree` is the only chain that is exported, None for all. What is written meanwhile is left out: each chain goes to
    its head of the moment it was begun.
    """

    def __init__(
        self,
        store: AuditStore,
        key: SigningKey,
        start: Start,
        form: Format,
        recheck: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._key = key
        self._start = start
        self._form = form
        self._recheck = recheck
        self._heads = hashlib.sha256()
        self._chains = 0
        self._entries = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The file. Raises Unauthenticated when the credential is taken back meanwhile."""
        yield (CSV_HEADER if self._form == "csv" else b"") + write_line(self._start, self._form)
        checked_at = time.monotonic()
        async for head in self._all_heads():
            after = 0
            while after < head.seq:
                if time.monotonic() - checked_at >= RECHECK_SECONDS:
                    await self._recheck()
                    checked_at = time.monotonic()
                page, after = await self._page(head, after)
                yield page
            yield self._head(head)
        yield self._end()

    async def _all_heads(self) -> AsyncIterator[Head]:
        owner = self._start.owner
        for head in await self._store.heads(owner, chain_id=self._start.tree or owner):
            yield head
        if self._start.tree is not None:
            return
        after = ""
        while heads := await self._store.heads(owner, after=after, limit=HEADS_MAX):
            for head in heads:
                if head.chain_id != owner:
                    yield head
            after = heads[-1].chain_id

    async def _page(self, head: Head, after: int) -> tuple[bytes, int]:
        found = await self._store.audit(self._start.owner, head.chain_id, after, min(PAGE, head.seq - after))
        assert found, "AUDIT_IS_COMPLETE: a chain has every entry up to its head"
        self._entries += len(found)
        lines = [
            EntryLine(
                chain=entry.chain_id,
                seq=entry.seq,
                at=entry.at,
                kind=str(entry.kind),
                session=entry.session_id,
                body=entry.body,
                hash=hashed.hex(),
            )
            for entry, hashed in found
        ]
        return b"".join(write_line(line, self._form) for line in lines), found[-1][0].seq

    def _head(self, head: Head) -> bytes:
        signature = self._key.sign(head_message(self._start, head))
        self._heads.update(signature)
        self._chains += 1
        line = HeadLine(chain=head.chain_id, seq=head.seq, hash=head.hash.hex(), signature=signature.hex())
        return write_line(line, self._form)

    def _end(self) -> bytes:
        heads = self._heads.hexdigest()
        signature = self._key.sign(end_message(self._start, self._chains, self._entries, heads))
        line = End(chains=self._chains, entries=self._entries, heads=heads, signature=signature.hex())
        return write_line(line, self._form)


def start_of(owner_id: str, tree: str | None, now: int, key: SigningKey) -> Start:
    """The first line of an export at `now`, unix seconds."""
    return Start(version=FORMAT_VERSION, owner=owner_id, tree=tree, at=now, key=key.public_key.hex())
