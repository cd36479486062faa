"""A session as its maker holds it: what to hand over, and how; and narrower ones made out of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, overload

from valetkey.core.policy import Policy
from valetkey.crypto.keys import session_key_hash as key_hash
from valetkey.crypto.secret import Secret
from valetkey.sdk.amounts import Amount
from valetkey.sdk.attenuating import Narrower, attenuated
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.limits import Windows
from valetkey.wire.bundle import Bundle
from valetkey.wire.child_bundle import Narrowings, serialize_child
from valetkey.wire.claims import OnInterception
from valetkey.wire.sealed_bundle import seal_bundle

CLAIM_SECONDS = 900
"""How long a link waits for its claimant unless told otherwise."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A new session. `serialize()` gives the bundle, which is all that a delegate needs and receives.

    `budget_usdc` is USDC, None = unlimited; `expiry` is unix seconds; `e2e_public_key` is 66 hex digits.
    `policy` is what is known here of its rules, for narrowing it; `narrowings` register a child session; `owner` is the
    agent that made it here.
    """

    session_id: str
    token: Secret
    agent_id: str
    budget_usdc: Decimal | None
    expiry: int
    wallet_address: str
    e2e_public_key: str
    bundle: Bundle = field(repr=False)
    policy: Policy | None = field(default=None, repr=False, compare=False)
    narrowings: Narrowings = field(default=(), repr=False, compare=False)
    owner: Any = field(default=None, repr=False, compare=False)

    @property
    def session_key_hash(self) -> str:
        """What identifies the session on a chain: keccak256 of its 65-byte public key, 0x and 64 hex digits."""
        return f"0x{key_hash(self.bundle.wallet_private_key.public_key).hex()}"

    def grant(self, *, approve: bool = True) -> Any:
        """Let the session pay out of its owner's own balance: `grant_session` of the owner that made it here.

        Gives what that gives: a GrantView, or, of an async agent, what is awaited for one. Raises NotConfigured for a
        session that was not made by an owner here; name it to `grant_session` then.
        """
        if self.owner is None:
            raise NotConfigured("no owner made this session here: call grant_session of its owner")
        return self.owner.grant_session(self, approve=approve)

    def http(self, **limits: Any) -> Any:
        """An HTTP client that pays (x402) as this session's delegate: see `BuyerAgent.http`. Close it.

        For a session that an owner made here; whoever holds a bundle calls `http` of an agent that was given it.
        Raises NotConfigured, InvalidInput, InvalidAmount.
        """
        if self.owner is None:
            raise NotConfigured(
                "no owner made this session here: call http of the agent that holds its bundle"
            )
        return self.owner.http_of(self, **limits)

    def serialize(self) -> str:
        """The bundle as text: `abba_session_bundle_...`. Treat it like a private key.

        Whoever reads it on the way, in a log or in a process's environment can spend what the session may, until
        somebody notices. `seal` and `claim_link` hand over the same and leak nothing.

        That of a child session carries what registers it after a dot; `bundle.serialize()` is it without, for clients
        that know the eight fields alone.
        """
        return serialize_child(self.bundle, self.narrowings)

    @overload
    def seal(
        self, recipient: str | Iterable[str] | None = None, *, passphrase: Secret | str | None = None
    ) -> str: ...
    @overload
    def seal(
        self,
        recipient: str | Iterable[str] | None = None,
        *,
        passphrase: Secret | str | None = None,
        armored: Literal[False],
    ) -> bytes: ...
    def seal(
        self,
        recipient: str | Iterable[str] | None = None,
        *,
        passphrase: Secret | str | None = None,
        armored: bool = True,
    ) -> str | bytes:
        """The bundle inside an age file: text, or bytes where it is not `armored`. `init_with_session` opens it.

        `recipient` is the delegate's age public key, age1..., or several: whoever has the identity of one of them opens
        it, and the usual age tool does, too. Or it is sealed under a passphrase, which takes a second (scrypt): whoever
        has the file may guess at it for ever, so let it be six random words or more, and send it another way. A
        session that was made out of another one carries what registers it. Raises InvalidInput.
        """
        secret = Secret(passphrase) if isinstance(passphrase, str) else passphrase
        sealed = seal_bundle(self.serialize(), recipient, secret, armored=armored)
        return sealed.decode("ascii") if armored else sealed

    def claim_link(
        self, *, expires_in: int = CLAIM_SECONDS, on_interception: OnInterception = "revoke"
    ) -> Any:
        """A link that gives the session to whoever opens it first: `claim_link` of the owner that made it here.

        Gives what that gives: a ClaimLink, or, of an async agent, what is awaited for one. Raises NotConfigured for a
        session that was not made by an owner here; name it to `claim_link` of its owner then.
        """
        if self.owner is None:
            raise NotConfigured("no owner made this session here: call claim_link of its owner")
        return self.owner.claim_link(self, expires_in=expires_in, on_interception=on_interception)

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
    ) -> "SessionInfo":
        """A narrower session made out of this one, by its key alone: no network is needed.

        None leaves a rule as it is here; amounts are USDC, `expiry` is seconds from now, `not_before` unix seconds,
        `without` the other currencies that the child has nothing of. Its holder registers it by first using it, and
        what it spends counts here too. Its wallet is empty, as that of every new session. Raises NotNarrower for
        what is known here to be wider; what is not known is refused at the first use.
        """
        wanted = Narrower(
            budget=budget_usdc,
            expiry=expiry,
            per_spend=per_spend_usdc,
            windows=windows,
            spends_max=spends_max,
            not_before=not_before,
            approval_above=approval_above_usdc,
            services=allowed_service_ids,
            assets=allowed_assets,
            chains=allowed_chains,
            payees=allowed_payees,
            operations=allowed_operations,
            without=without,
        )
        made = attenuated(self.session_id, self.bundle, self.policy, wanted, label)
        return info_of(made.session_id, made.bundle, made.policy, (*self.narrowings, made.narrowing))


def info_of(
    session_id: str, bundle: Bundle, policy: Policy | None = None, narrowings: Narrowings = ()
) -> SessionInfo:
    """The session of a bundle."""
    return SessionInfo(
        session_id=session_id,
        token=bundle.token,
        agent_id=bundle.agent_id,
        budget_usdc=bundle.budget_usdc,
        expiry=bundle.expiry,
        wallet_address=bundle.wallet_address,
        e2e_public_key=bundle.e2e_public_key,
        bundle=bundle,
        policy=policy,
        narrowings=narrowings,
    )
