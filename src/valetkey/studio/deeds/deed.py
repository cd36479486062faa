"""One thing that is done to a session, or is about to be, and how far it came. No secret is ever in it."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from valetkey.sdk.config import home_of
from valetkey.sdk.state import StateFolder
from valetkey.studio.owners import Owner
from valetkey.studio.wizard.kept_drafts import name_of

ROOM = "studio-deeds"
ROTATE, NARROW, FUND, RECLAIM, GRANT = "rotate", "narrow", "fund", "reclaim", "grant"
KEPT_SECONDS = 30 * 86_400
"""So long what is over is told of."""


class Deed(msgspec.Struct, kw_only=True):
    """One of them. `owner` is a digest of whose it is; `key` the idempotency key of what it asks for.

    `fields` are texts as they were typed, several of one name as lines. `fixed_at`: unix seconds from which times are
    counted, once it began. `outcome`: the session that came of it. `done`, `asked`: see stepping.py. `is_over`: nothing
    is left to be done, or to be shown.
    """

    id: str
    owner: str
    kind: str
    session_id: str
    key: str
    made_at: int
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    fixed_at: int | None = None
    outcome: str = ""
    done: dict[str, str] = msgspec.field(default_factory=dict)
    asked: dict[str, str] = msgspec.field(default_factory=dict)
    is_over: bool = False

    @classmethod
    def new(cls, owner: str, kind: str, session_id: str) -> "Deed":
        """One that nobody began."""
        return cls(
            id=secrets.token_urlsafe(12),
            owner=owner,
            kind=kind,
            session_id=session_id,
            key=f"studio-{secrets.token_hex(16)}",
            made_at=int(time.time()),
        )

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def lines(self, name: str) -> list[str]:
        """The lines of a field that say something."""
        return [one.strip() for one in self.fields.get(name, "").splitlines() if one.strip()]

    @property
    def is_begun(self) -> bool:
        """Whether it began: what it says is not changed any more."""
        return self.fixed_at is not None

    def reopen(self) -> None:
        """After a beginning of which nothing came: it may be changed, and is another one."""
        self.fixed_at, self.outcome, self.done, self.asked = None, "", {}, {}
        self.key = f"studio-{secrets.token_hex(16)}"


class KeptDeeds:
    """In the state folder: of each kind and session one, so that a second window and a second click find the same.

    Every method raises StateUnusable.
    """

    def __init__(self, state_dir: Path | None) -> None:
        self._state = StateFolder(home_of(state_dir))

    @property
    def folder(self) -> StateFolder:
        """Where all of it is."""
        return self._state

    def last(self, owner: Owner, kind: str, session_id: str) -> Deed | None:
        """The one that was begun, or thought of, last."""
        return self._read(_slot(name_of(owner), kind, session_id))

    def open(self, owner: Owner, kind: str, session_id: str) -> Deed:
        """The one that is to be done, or goes on; a new one where the last is over."""
        found = self.last(owner, kind, session_id)
        if found is None or found.is_over:
            found = Deed.new(name_of(owner), kind, session_id)
            self.keep(found)
        return found

    def keep(self, deed: Deed) -> None:
        """Durable when this returns."""
        self._state.write(ROOM, _slot(deed.owner, deed.kind, deed.session_id), msgspec.json.encode(deed))

    def sweep(self, now: int) -> None:
        """Forget what is long over. What was begun and is not over stays."""
        for name in self._state.names(ROOM):
            deed = self._read(name)
            if deed is None or ((deed.is_over or not deed.is_begun) and now - deed.made_at > KEPT_SECONDS):
                self._state.remove(ROOM, name)

    def _read(self, name: str) -> Deed | None:
        kept = self._state.read(ROOM, name)
        try:
            return None if kept is None else msgspec.json.decode(kept, type=Deed)
        except msgspec.MsgspecError:
            return None

    @contextmanager
    def alone(self, deed: Deed) -> Iterator[bool]:
        """Whether nobody else, in this process or another, does it meanwhile."""
        lock = self._state.try_lock(f"deed-{_slot(deed.owner, deed.kind, deed.session_id)}")
        try:
            yield lock is not None
        finally:
            if lock is not None:
                self._state.unlock(lock)


def place_of(deed: Deed) -> str:
    """The address of one that began."""
    return f"/sessions/{deed.session_id}/{deed.kind}/{deed.id}"


def _slot(owner: str, kind: str, session_id: str) -> str:
    return hashlib.sha256(f"{owner}\n{kind}\n{session_id}".encode("utf-8", "replace")).hexdigest()
