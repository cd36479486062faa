"""A session whose keys its delegate made for itself: what its owner holds of it, which is no key and no token."""

from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from valetkey.core.money import to_decimal
from valetkey.core.policy import Policy
from valetkey.crypto.keys import session_key_hash as key_hash
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire.bundle import Bundle
from valetkey.wire.enrollment import KeySet

_ITS_DELEGATE_S = "the keys of an enrolled session are its delegate's alone"


@dataclass(frozen=True, slots=True)
class EnrolledSession(SessionInfo):
    """A new session of an enrolment. There is nothing to hand over: its delegate gets its token from the platform.

    `code` is that of the enrolment; `keys` are the public keys that it stands for. It has no bundle, an empty token,
    and is named by its id or by this where an owner's calls name sessions.
    """

    code: str = ""
    keys: KeySet | None = field(default=None, repr=False)

    @property
    def session_key_hash(self) -> str:
        """What identifies the session on a chain: keccak256 of its 65-byte public key, 0x and 64 hex digits."""
        assert self.keys is not None
        return f"0x{key_hash(self.keys.session).hex()}"

    def serialize(self) -> str:
        """Raises NotConfigured: there is no bundle."""
        _refuse()

    def attenuate(self, *_: Any, **__: Any) -> NoReturn:
        """Raises NotConfigured: its delegate alone makes sessions out of it."""
        _refuse()


def enrolled_info(
    session_id: str, agent_id: str, policy: Policy, keys: KeySet, owner: Any
) -> EnrolledSession:
    """The session of an enrolment, as its owner holds it."""
    return EnrolledSession(
        session_id=session_id,
        token=Secret(""),
        agent_id=agent_id,
        budget_usdc=None if policy.budget is None else to_decimal(policy.budget, policy.decimals),
        expiry=policy.expires_at,
        wallet_address=keys.wallet,
        e2e_public_key=keys.e2e.hex(),
        # Whoever asks for it meets `check_has_keys` before.
        bundle=cast(Bundle, None),
        policy=policy,
        owner=owner,
        code=keys.code,
        keys=keys,
    )


def check_has_keys(session: object) -> None:
    """Raise NotConfigured for a session whose keys are not here."""
    if isinstance(session, EnrolledSession):
        _refuse()


def _refuse() -> NoReturn:
    raise NotConfigured(_ITS_DELEGATE_S)
