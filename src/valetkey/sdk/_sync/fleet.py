# Generated from src/valetkey/sdk/_async/fleet.py by scripts/generate_sync.py: edit that file instead.
"""What an owner does with the sessions that it has: look at them, stop them, let them live longer, end them."""

from collections.abc import Generator

from valetkey.core.errors import InvalidInput
from valetkey.sdk._sync.agent import Agent, segment
from valetkey.sdk.amounts import Amount, usdc_of
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire.agents import OwnerView
from valetkey.wire.sessions import (
    ExtendSessionRequest,
    FleetView,
    LabelPolicy,
    RefusalEntry,
    RefusalList,
    RevokedAll,
    SessionCounts,
    SessionPage,
    SessionTree,
    SessionView,
)

PAGE = 100


class Fleet(Agent):
    """The part of an owner that looks after its sessions."""

    def itself(self) -> OwnerView:
        """The owner itself: its wallet, what the key in use may do, and since when all its sessions are frozen."""
        return self._client.get("/agents/self", OwnerView)

    def sessions(self, *, label: str | None = None) -> list[SessionView]:
        """Every session of the owner, newest first, ended ones too; those with this label when one is given."""
        return [session for session in self.iter_sessions(label=label)]

    def list_sessions(
        self,
        *,
        status: str | None = None,
        role: str | None = None,
        label: str | None = None,
        delegate: str | None = None,
        parent: str | None = None,
        tree: str | None = None,
        chain: int | None = None,
        key_hash: str | None = None,
        label_contains: str | None = None,
        search: str | None = None,
        currency: str | None = None,
        attention: bool = False,
        sort: str = "newest",
        limit: int = 20,
        offset: int = 0,
    ) -> SessionPage:
        """One page of the owner's sessions, with their number in all.

        `status` is active, pending, exhausted, paused, expired or revoked; `role` buyer or seller; `parent` and
        `tree` are ids of sessions, `chain` is a chain that a session may spend on; `key_hash` is that of a session key
        (0x and 64 hex digits), which one session has at most; `search` looks into labels and delegates, and at how ids
        and wallets begin; `currency` is one that it has limits for; `attention` leaves those that need a look;
        `sort` is newest, oldest, expiry, label or remaining; `limit` is 100 at most. Raises InvalidInput.
        """
        query = {
            "status": status,
            "role": role,
            "label": label,
            "delegate": delegate,
            "parent": parent,
            "tree": tree,
            "chain": chain,
            "keyHash": key_hash,
            "labelContains": label_contains,
            "search": search,
            "currency": currency,
            "attention": "true" if attention else None,
            "sort": sort,
            "limit": limit,
            "offset": offset,
        }
        return self._client.get("/agents/sessions", SessionPage, query)

    def iter_sessions(
        self,
        *,
        status: str | None = None,
        role: str | None = None,
        label: str | None = None,
        delegate: str | None = None,
        parent: str | None = None,
        tree: str | None = None,
        chain: int | None = None,
        label_contains: str | None = None,
        search: str | None = None,
        currency: str | None = None,
        sort: str = "newest",
    ) -> Generator[SessionView]:
        """Every session that fits, page by page, each once; the filters are those of `list_sessions`."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = self.list_sessions(
                status=status,
                role=role,
                label=label,
                delegate=delegate,
                parent=parent,
                tree=tree,
                chain=chain,
                label_contains=label_contains,
                search=search,
                currency=currency,
                sort=sort,
                limit=PAGE,
                offset=offset,
            )
            for session in page.sessions:
                # A session that is made meanwhile moves the others on by one.
                if session.session_id not in seen:
                    seen.add(session.session_id)
                    yield session
            offset += len(page.sessions)
            if not page.sessions or offset >= page.total:
                return

    def session_counts(self) -> SessionCounts:
        """How many of the owner's sessions have each status now."""
        return self._client.get("/agents/sessions/counts", SessionCounts)

    def get_session(self, session_id: str) -> SessionView:
        """One session of the owner: its policy, what is held, spent and left. Raises NotFound."""
        return self._client.get(f"/agents/session/{segment(session_id)}", SessionView)

    def tree(self, session: SessionInfo | str) -> list[SessionView]:
        """A session and all that were made out of it, a parent before its children, each with what it spent.

        A delegate so looks at its own session, and at those that it made. Raises NotFound.
        """
        path = f"/agents/session/{segment(id_of(session))}/tree"
        return (self._client.get(path, SessionTree)).sessions

    def refusals(self, session: SessionInfo | str, *, limit: int = 20) -> list[RefusalEntry]:
        """What a session, and those made out of it, were refused lately, newest first; 100 at most.

        From the audit log, of its tree's newest 2,000 entries. A delegate so looks at its own session, and at those
        that it made. Raises NotFound.
        """
        path = f"/agents/session/{segment(id_of(session))}/refusals"
        return (self._client.get(path, RefusalList, {"limit": limit})).refusals

    def extend_session(
        self,
        session: SessionInfo | str,
        *,
        expiry: int | None = None,
        budget_usdc: Amount | None = None,
    ) -> SessionView:
        """Let a session live longer, spend more, or both; its keys and its token stay.

        `expiry` is seconds from now, no less than are left; `budget_usdc` is the new budget in all, no less than it
        was. Bundles that were handed out say the old end: `refresh_session` makes one for a delegate that starts
        after it. What waits for approval is asked anew. Raises InvalidInput, SessionExpired, SessionRevoked.
        """
        if expiry is None and budget_usdc is None:
            raise InvalidInput("an extension has a later end, a larger budget, or both")
        asked = ExtendSessionRequest(
            expiry=expiry, budget_usdc=None if budget_usdc is None else usdc_of(budget_usdc)
        )
        path = f"/agents/session/{segment(id_of(session))}/extend"
        return self._client.send("POST", path, SessionView, asked, repeat=True)

    def revoke_session(self, session: SessionInfo | str) -> SessionView:
        """End a session for ever. When this returns its token is dead everywhere; then reclaim its money.

        What was made out of it ends with it. A delegate may so end its own session, and those that it made.
        """
        path = f"/agents/session/{segment(id_of(session))}"
        return self._client.send("DELETE", path, SessionView, repeat=True)

    def pause_session(self, session: SessionInfo | str) -> SessionView:
        """Stop a session for a while: it buys nothing until `resume_session`. What was bought goes its way."""
        path = f"/agents/session/{segment(id_of(session))}/pause"
        return self._client.send("POST", path, SessionView, repeat=True)

    def resume_session(self, session: SessionInfo | str) -> SessionView:
        """Let a paused session go on."""
        path = f"/agents/session/{segment(id_of(session))}/resume"
        return self._client.send("POST", path, SessionView, repeat=True)

    def freeze(self) -> FleetView:
        """Stop every session of the owner at once, those that are made meanwhile too. When this returns, none buys."""
        return self._client.send("POST", "/agents/sessions/freeze", FleetView, repeat=True)

    def thaw(self) -> FleetView:
        """Let the owner's sessions go on; one that was paused by itself stays paused."""
        return self._client.send("POST", "/agents/sessions/thaw", FleetView, repeat=True)

    def unique_labels(self) -> bool:
        """Whether no two living sessions of the owner may have one label."""
        return (self._client.get("/agents/label-policy", LabelPolicy)).unique

    def set_unique_labels(self, unique: bool) -> None:
        """Whether no two living sessions of the owner may have one label, from now on; those that do stay.

        A session has its label until it ends or is revoked, also while it is paused or has spent all. A second one
        raises LabelTaken, whoever asks for it: this owner, or a delegate that makes a child. One that is rotated
        shares its label with the one that takes its place. `create_session(sole_label=True)` asks the same of one
        label alone.
        """
        asked = LabelPolicy(unique=unique)
        self._client.send("PUT", "/agents/label-policy", LabelPolicy, asked, repeat=True)

    def revoke_all_sessions(self) -> int:
        """Revoke every session of the owner for ever; how many this call revoked. Then reclaim their money."""
        answer = self._client.send("POST", "/agents/sessions/revoke", RevokedAll, repeat=True)
        return answer.revoked


def id_of(session: SessionInfo | str) -> str:
    """The id of a session that is named by its info or its id."""
    return session.session_id if isinstance(session, SessionInfo) else session
