"""What a delegate's server holds: a bundle, plain or sealed, or keys that were enrolled. Read once, when it starts."""

from typing import Any, Protocol, TypeVar

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.mcp.answers import with_facts
from valetkey.mcp.plan import BUNDLE_PASSPHRASE_FILE, IDENTITY_FILE, Plan
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.seller import AsyncSellerAgent
from valetkey.sdk.errors import NotConfigured, WaitedTooLong
from valetkey.sdk.kept_enrollment import KeptEnrollments, lock_or_none
from valetkey.sdk.state import StateFolder
from valetkey.wire.bundle import Bundle, BundleError
from valetkey.wire.child_bundle import serialize_child
from valetkey.wire.sealed_bundle import BINARY, is_sealed, read_handed

A = TypeVar("A", AsyncBuyerAgent, AsyncSellerAgent)


class Held(Protocol):
    """A session's keys. `wallet` is its address, `secrets` what must never leave."""

    wallet: str
    secrets: list[Secret]

    async def become(self, kind: type[A], where: dict[str, Any]) -> A:
        """An agent that is the delegate of the session. Raises what the SDK raises; nothing is left open then."""


class HeldBundle:
    """A bundle that was handed over; a sealed one is opened here, and in memory alone."""

    def __init__(self, plan: Plan) -> None:
        handed, identity, passphrase = plan.bundle(), plan.identity(), plan.bundle_passphrase()
        text: str | bytes = handed.reveal()
        assert isinstance(text, str)
        if text.startswith(BINARY.decode("ascii")):
            text = text.encode("latin-1")
        if not is_sealed(text):
            # Secrets of the environment may be there for others; the one that is named here is for this bundle.
            identity = identity if plan.identity_file is not None else None
            passphrase = passphrase if plan.bundle_passphrase_file is not None else None
        problem: ValetkeyError | None = None
        try:
            # Also an expired one is read: what is secret in it stays so.
            bundle, narrowings = read_handed(text, None, identity=identity, passphrase=passphrase)
        except ValetkeyError as error:
            problem = error
        if problem is not None:
            raise NotConfigured(f"this is no bundle of a session: {problem}{_needs(problem)}")
        self._bundle = Secret(serialize_child(bundle, narrowings))
        self.wallet = bundle.wallet_address
        opening = [one for one in (identity, passphrase) if one is not None]
        self.secrets = [handed, self._bundle, *secrets_of(bundle), *opening]

    async def become(self, kind: type[A], where: dict[str, Any]) -> A:
        """As Held says."""
        agent, ready = kind(**where), False
        try:
            await agent.init_with_session(self._bundle)
            ready = True
        finally:
            if not ready:
                await agent.close()
        return agent


class HeldEnrollment:
    """Keys that were enrolled in the state folder, where the token of their session is, or comes at the first call.

    Every request is signed with the proof key.
    """

    def __init__(self, plan: Plan, code: str) -> None:
        self._lock = lock_or_none(plan.passphrase())
        kept = KeptEnrollments(StateFolder(plan.home()), self._lock).find(code)
        self.code = kept.keys.code
        self.wallet = kept.keys.wallet
        self.secrets = [Secret(one) for one in (kept.wallet, kept.e2e, kept.proof, kept.token) if one]

    async def become(self, kind: type[A], where: dict[str, Any]) -> A:
        """As Held says. Raises WaitedTooLong while no owner has made a session for these keys."""
        enrollment = await kind.resume_enrollment(self.code, lock=self._lock, **where)
        ready = False
        try:
            agent = await enrollment.wait(0)
            ready = True
        except WaitedTooLong as error:
            raise with_facts(error, hint=f"tell the owner this code: {self.code}", retryable=True) from None
        finally:
            if not ready:
                await enrollment.close()
        assert isinstance(agent, kind)
        if agent.api_key is not None:
            # It may be a moment old.
            self.secrets.append(agent.api_key)
        return agent


def held_by(plan: Plan) -> Held:
    """What a plan names. Raises NotConfigured, NotFound, WrongSecret, DamagedRecord."""
    code = plan.enrolled()
    return HeldBundle(plan) if code is None else HeldEnrollment(plan, code)


def secrets_of(bundle: Bundle) -> list[Secret]:
    """What is secret in a bundle."""
    keys = (bundle.wallet_private_key, bundle.e2e_private_key)
    return [bundle.token, *(Secret(one.to_hex()) for one in keys)]


def _needs(problem: ValetkeyError) -> str:
    if not isinstance(problem, BundleError) or problem.code != "bundle_sealed":
        return ""
    return f" ({IDENTITY_FILE}, or {BUNDLE_PASSPHRASE_FILE})"
