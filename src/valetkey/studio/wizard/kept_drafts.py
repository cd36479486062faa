"""Drafts in the state folder: a refresh, another sitting and a studio that was killed find them as they were."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from valetkey.core.errors import ValetkeyError
from valetkey.sdk.config import home_of
from valetkey.sdk.state import StateFolder
from valetkey.studio.owners import Owner
from valetkey.studio.wizard.draft import Draft

ROOM = "studio-drafts"
DRAFTS_MAX = 200
"""So many are kept; the oldest goes first."""

KEPT_SECONDS = 30 * 86_400
_ID = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)


class NoDraft(ValetkeyError):
    """There is no such draft of this owner."""


class Drafts:
    """All drafts of this machine; an owner finds its own alone. Every method raises StateUnusable."""

    def __init__(self, state_dir: Path | None) -> None:
        self._state = StateFolder(home_of(state_dir))

    def new(self, owner: Owner, zone: str = "UTC") -> Draft:
        """A new one."""
        now = int(time.time())
        self._sweep(now)
        draft = Draft.new(name_of(owner), now, zone)
        self.keep(draft)
        return draft

    def keep(self, draft: Draft) -> None:
        """Durable when this returns."""
        self._state.write(ROOM, draft.id, msgspec.json.encode(draft))

    def find(self, draft_id: str, owner: Owner) -> Draft:
        """The draft of an id. Raises NoDraft, also for somebody else's."""
        kept = self._state.read(ROOM, draft_id) if _ID.fullmatch(draft_id) else None
        draft = None if kept is None else _read(kept)
        if draft is None or draft.owner != name_of(owner):
            raise NoDraft("there is no such draft: it was made by another owner, or is long over")
        return draft

    def refresh(self, draft: Draft, owner: Owner) -> None:
        """What another window, or the making, wrote of it meanwhile. Raises NoDraft."""
        kept = self.find(draft.id, owner)
        for name in Draft.__struct_fields__:
            setattr(draft, name, getattr(kept, name))

    @contextmanager
    def alone(self, draft: Draft) -> Iterator[bool]:
        """Whether nobody else, in this process or another, makes the session of a draft meanwhile."""
        lock = self._state.try_lock(f"draft-{draft.id}")
        try:
            yield lock is not None
        finally:
            if lock is not None:
                self._state.unlock(lock)

    def _sweep(self, now: int) -> None:
        found: list[tuple[bool, int, str]] = []
        for name in self._state.names(ROOM):
            kept = self._state.read(ROOM, name)
            draft = None if kept is None else _read(kept)
            # One whose session is made and not handed over goes last.
            is_needed = draft is not None and draft.is_begun and not draft.handed
            found.append((is_needed, 0 if draft is None else draft.made_at, name))
        found.sort(reverse=True)
        for place, (_, made_at, name) in enumerate(found):
            if place >= DRAFTS_MAX - 1 or now - made_at > KEPT_SECONDS:
                self._state.remove(ROOM, name)


def name_of(owner: Owner) -> str:
    """Whose a draft is: an owner by its wallet, whichever of its keys it signed in with."""
    return hashlib.sha256(f"{owner.wallet.lower()}\n".encode() if owner.wallet else owner.name).hexdigest()


def _read(kept: bytes) -> Draft | None:
    try:
        return msgspec.json.decode(kept, type=Draft)
    except msgspec.MsgspecError:
        return None
