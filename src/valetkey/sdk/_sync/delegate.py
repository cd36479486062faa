# Generated from src/valetkey/sdk/_async/delegate.py by scripts/generate_sync.py: edit that file instead.
"""What the holder of a session does with it, beside spending: make narrower ones out of it, and end it."""

from collections.abc import Iterable

from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.enrolling import Enrolling
from valetkey.sdk.amounts import Amount
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.limits import Windows, policy_of
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.wire.sessions import SessionView


class Delegate(Enrolling):
    """The part of an agent that holds a session."""

    def attenuate(
        self,
        budget_usdc: Amount | None = None,
        expiry: int | None = None,
        allowed_service_ids: Iterable[str] | None = None,
        *,
        label: str | None = None,
        per_spend_usdc: Amount | None = None,
        windows: Windows | None = None,
        spends_max: int | None = None,
        not_before: int | None = None,
        approval_above_usdc: Amount | None = None,
        allowed_assets: Iterable[str] | None = None,
        allowed_chains: Iterable[int] | None = None,
        allowed_payees: Iterable[str] | None = None,
        allowed_operations: Iterable[str] | None = None,
        without: Iterable[str] = (),
    ) -> SessionInfo:
        """Make a narrower session out of the one that is held, by its key alone: no network is needed.

        None leaves a rule as it is; amounts are USDC, `expiry` is seconds from now, `not_before` unix seconds,
        `without` the other currencies that the child has nothing of. Hand `serialize()` over: its holder registers
        it by first using it, and what it spends counts in every session above it. Its wallet is empty. A child makes
        children in turn (`SessionInfo.attenuate`). Raises NotNarrower, InvalidAmount, InvalidInput, NotConfigured.
        """
        if self.session is not None and self.session.proof is not None:
            raise NotConfigured(
                "a bundle is good for whoever has it, and nothing of that kind comes out of an enrolled session:"
                " its owner makes another session for whoever shall have less"
            )
        return self._held_session().attenuate(
            budget_usdc,
            expiry,
            allowed_service_ids,
            label=label,
            per_spend_usdc=per_spend_usdc,
            windows=windows,
            spends_max=spends_max,
            not_before=not_before,
            approval_above_usdc=approval_above_usdc,
            allowed_assets=allowed_assets,
            allowed_chains=allowed_chains,
            allowed_payees=allowed_payees,
            allowed_operations=allowed_operations,
            without=without,
        )

    def register_child(self, child: SessionInfo) -> SessionView:
        """Register a child session now, rather than at its first use; anybody may, and again does no harm.

        Only a delegate whose client knows the eight fields of a bundle alone needs it: hand it
        `child.bundle.serialize()`. Raises NotNarrower, TreeTooDeep, TreeFull, SessionRevoked, SessionExpired.
        """
        if not child.narrowings:
            raise NotConfigured("this session was not made out of another one")
        return (self._register_line(child.narrowings, child.bundle)).sessions[-1]

    def revoke_self(self) -> SessionView:
        """End the session that is held, and all that were made out of it, for ever. Its wallet can still be swept."""
        session_id = self._held_session().session_id
        return self._client.send("DELETE", f"/agents/session/{segment(session_id)}", SessionView, repeat=True)

    def _held_session(self) -> SessionInfo:
        view, held = self.session, self._held
        if view is None or held is None:
            raise NotConfigured("this is for the holder of a session: call init_with_session first")
        return info_of(view.session_id, held, policy_of(view, view.expiry))
