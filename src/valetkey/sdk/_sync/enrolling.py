# Generated from src/valetkey/sdk/_async/enrolling.py by scripts/generate_sync.py: edit that file instead.
"""A delegate that makes its own keys: it registers the public ones, tells its owner a code, and waits."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from valetkey.core.errors import InvalidInput
from valetkey.crypto.boxes import open_box
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.crypto.secret import Secret
from valetkey.sdk import config
from valetkey.sdk._sync.agent import Agent, segment
from valetkey.sdk.amounts import usdc_of
from valetkey.sdk.errors import EnrollmentExpired, EnrollmentMismatch, NotFound, WaitedTooLong
from valetkey.sdk.kept_enrollment import KeptEnrollment, KeptEnrollments, lock_or_none
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.proving import Prover
from valetkey.sdk.state import StateFolder
from valetkey.seam import sleep
from valetkey.wire.bundle import Bundle
from valetkey.wire.enrollment import LABEL_CHARS_MAX, EnrollmentView, box_context
from valetkey.wire.sessions import SessionView

POLL_SECONDS = 2.0

A = TypeVar("A", bound=Agent)


class Enrollment(Generic[A]):
    """Keys that wait for their owner. Tell `code` to it, and `wait`.

    Everything that is needed to go on is in the state folder: after a crash, `resume_enrollment(code)` of the agent's
    class gives this again. Use it as a context manager, or call `close`, unless `wait` returns the agent.
    """

    def __init__(self, agent: A, kept: KeptEnrollment, store: KeptEnrollments) -> None:
        self._agent = agent
        self._kept = kept
        self._store = store
        self.code: str = kept.keys.code
        self.wallet_address: str = kept.keys.wallet

    def wait(
        self,
        timeout: float | None = None,
        *,
        interval: float = POLL_SECONDS,
        on_wait: Callable[[], None] | None = None,
    ) -> A:
        """The agent, as the delegate of the session that its owner made for it; close it when it is done.

        `timeout` and `interval` are seconds; `on_wait` is called before each pause. Raises WaitedTooLong,
        EnrollmentExpired, EnrollmentMismatch, SessionRevoked, SessionExpired.
        """
        agent, kept = self._agent, self._kept
        prover = Prover(kept.proof_key)
        agent._client.prover = prover
        began = time.monotonic()
        while not kept.token:
            view = self._look()
            if view.status == "used":
                self._open(view)
                break
            if view.status == "expired":
                raise EnrollmentExpired(
                    "no owner used this enrolment in time: enrol anew", code="enrollment_expired"
                )
            if timeout is not None and time.monotonic() - began >= timeout:
                raise WaitedTooLong(
                    "the owner has made no session for this enrolment yet: wait on, or resume it"
                )
            if on_wait is not None:
                on_wait()
            sleep(interval)
        agent._use(Secret(kept.token), prover)
        session = agent._client.get("/agents/session/self", SessionView)
        self._check(session)
        held = Bundle(
            token=Secret(kept.token),
            agent_id=session.agent_id,
            budget_usdc=None if session.budget_usdc is None else usdc_of(session.budget_usdc),
            expiry=session.expiry,
            wallet_private_key=kept.wallet_key,
            e2e_private_key=kept.e2e_key,
        )
        agent._become(held, prover=prover)
        return agent

    def close(self) -> None:
        """Stop waiting. The enrolment goes on until it ends."""
        self._agent.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code}>"

    def _register(self) -> None:
        if not self._kept.token:
            self._agent._client.send(
                "POST", "/enrollments", EnrollmentView, self._kept.request(), repeat=True
            )

    def _look(self) -> EnrollmentView:
        path = f"/enrollments/{segment(self.code)}"
        try:
            return self._agent._client.get(path, EnrollmentView)
        except NotFound:
            raise EnrollmentExpired("this enrolment is over: enrol anew", code="enrollment_expired") from None

    def _open(self, view: EnrollmentView) -> None:
        """Keep the token before it is used: it is told here alone."""
        opened = None
        try:
            box = base64.b64decode(view.sealed_token or "", validate=True)
            opened = open_box(self._kept.e2e_key, box, box_context(self.code, view.session_id or ""))
        except (DecryptionFailed, ValueError):
            opened = None
        if opened is None:
            raise EnrollmentMismatch(
                "the platform's answer is sealed for somebody else: this session is not used"
            )
        self._kept.token, self._kept.session_id = opened.decode("ascii", "replace"), view.session_id or ""
        self._store.keep(self._kept)

    def _check(self, session: SessionView) -> None:
        keys = self._kept.keys
        told = (session.session_wallet, session.e2e_public_key, session.proof)
        if told != (keys.wallet, keys.e2e.hex(), "required"):
            raise EnrollmentMismatch("the platform made a session of other keys, or one that proves nothing")
        if keys.owner is not None and session.owner_wallet.lower() != keys.owner.lower():
            raise EnrollmentMismatch("the session is another owner's than the one that this enrolment names")


class Enrolling(Agent):
    """The part of an agent that becomes a delegate with keys of its own."""

    @classmethod
    def enroll(
        cls,
        label: str | None = None,
        *,
        owner: str | None = None,
        lock: Lock | Secret | str | None = None,
        base_url: str | None = None,
        rpc_url: str | None = None,
        state_dir: Path | str | None = None,
    ) -> Enrollment[Self]:
        """Make keys, here and for good, and register the public ones. Tell the owner the `code` of what this returns.

        `label` is what this delegate calls itself, and its owner sees. `owner`: the wallet address of the only owner
        that it will work for; the code stands for it, too. `lock`: an age, keyring or passphrase lock, or a passphrase,
        that the keys are encrypted with in the state folder; VALETKEY_PASSPHRASE unless given, and without either the
        file is readable by this user alone. Raises InvalidInput, StateUnusable, and PlatformUnavailable where too many
        wait.
        """
        if label is not None and not (1 <= len(label) <= LABEL_CHARS_MAX and label.isprintable()):
            raise InvalidInput(f"a label has 1 to {LABEL_CHARS_MAX} printable characters", field="label")
        if owner is not None and not is_address(owner):
            raise InvalidInput("this is not an address, or its checksum is wrong", code="invalid_address")
        kept = KeptEnrollment.new(label, None if owner is None else checksum_address(owner))
        store = KeptEnrollments(StateFolder(config.home_of(state_dir)), lock_or_none(lock))
        agent = cls(base_url=base_url, rpc_url=rpc_url, state_dir=state_dir)
        return _begun(Enrollment(agent, kept, store), lambda: store.keep(kept))

    @classmethod
    def resume_enrollment(
        cls,
        code: str | None = None,
        *,
        lock: Lock | Secret | str | None = None,
        base_url: str | None = None,
        rpc_url: str | None = None,
        state_dir: Path | str | None = None,
    ) -> Enrollment[Self]:
        """Go on with an enrolment of this state folder, wherever it was interrupted; also after it has its session.

        `code` may be left out where there is but one. Raises NotFound, InvalidInput, WrongSecret, DamagedRecord.
        """
        store = KeptEnrollments(StateFolder(config.home_of(state_dir)), lock_or_none(lock))
        kept = store.find(code)
        agent = cls(base_url=base_url, rpc_url=rpc_url, state_dir=state_dir)
        return _begun(Enrollment(agent, kept, store), lambda: None)


def _begun(enrollment: Enrollment[A], keep: Callable[[], None]) -> Enrollment[A]:
    begun = False
    try:
        # Keys that nobody has any more must not be anybody's session.
        keep()
        enrollment._register()
        begun = True
    finally:
        if not begun:
            enrollment.close()
    return enrollment
