# Generated from src/valetkey/sdk/_async/kept_making.py by scripts/generate_sync.py: edit that file instead.
"""Making a session once: under an idempotency key its keys are kept before the platform is told of them.

Whoever is killed in between goes on: the same call under the same key has one answer, and its keys.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk._sync.enrolled_making import EnrolledMaker
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.errors import NotConfigured, PlatformAnswer, TryLater
from valetkey.sdk.executions import bucket
from valetkey.sdk.kept_making import KeptMaking, Makings
from valetkey.seam import sleep
from valetkey.wire.http import IDEMPOTENCY_HEADER, encode
from valetkey.wire.sessions import CreatedSession, CreateSessionRequest, RotateSessionRequest

LOCK_PAUSE_SECONDS = 0.05

Request = CreateSessionRequest | RotateSessionRequest


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What the platform answered, and the keys that it was never told."""

    made: CreatedSession
    wallet: PrivateKey
    e2e: PrivateKey


class KeptMaker(EnrolledMaker):
    """The part of an owner that makes keys, and has the platform make a session of them."""

    def forget_keys(self, idempotency_key: str) -> None:
        """Remove what `create_session` or `rotate_session` keeps under this key, once the session is kept elsewhere.

        The same call makes no second session afterwards: it is refused (`idempotency_mismatch`).
        """
        makings = self._makings()
        makings.forget(makings.name(idempotency_key))

    def _make_of(
        self, path: str, asked: Callable[[PrivateKey, PrivateKey], Request], key: str | None
    ) -> MadeWith:
        """Make keys, and a session of them; under an idempotency key those of before, if there are any."""
        if key is None:
            wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
            return MadeWith(self._make(path, asked(wallet, e2e)), wallet, e2e)
        key = chosen_key(key)
        makings = self._makings()
        name = makings.name(key)
        with self._making_alone(name):
            kept = makings.find(name)
            if kept is None:
                kept = KeptMaking.new(path)
                kept.asked = encode(asked(kept.wallet_key, kept.e2e_key)).decode("utf-8")
                makings.keep(name, kept)
            elif (kept.path, kept.asked) != (
                path,
                encode(asked(kept.wallet_key, kept.e2e_key)).decode("utf-8"),
            ):
                raise InvalidInput(
                    "this idempotency key made a session under other rules",
                    code="idempotency_mismatch",
                    field="idempotency_key",
                )
            problem: PlatformAnswer | None = None
            try:
                made = self._make(path, msgspec.Raw(kept.asked.encode("utf-8")), key)
            except PlatformAnswer as error:
                problem = error
            if problem is not None:
                if not isinstance(problem, TryLater) and self._is_unmade(kept):
                    makings.forget(name)
                raise problem
        return MadeWith(made, kept.wallet_key, kept.e2e_key)

    def _make(self, path: str, asked: Request | msgspec.Raw, key: str | None = None) -> CreatedSession:
        # The platform keeps the answer sealed under this key: one that was lost on the way is asked for again.
        headers = {IDEMPOTENCY_HEADER: chosen_key(key)}
        return self._client.send("POST", path, CreatedSession, asked, headers=headers, repeat=True)

    def _is_unmade(self, kept: KeptMaking) -> bool:
        """Whether there is no session of these keys, after the platform said no; one whose token is lost is ended."""
        try:
            for one in (self.list_sessions(key_hash=kept.key_hash, limit=1)).sessions:
                self.revoke_session(one.session_id)
        except ValetkeyError:
            # Nobody can say: the next call asks again.
            return False
        return True

    def _makings(self) -> Makings:
        if self.api_key is None:
            raise NotConfigured("this is for an owner: give it an API key, or register")
        return Makings(self._state, self.api_key)

    @contextmanager
    def _making_alone(self, name: str) -> Iterator[None]:
        while (lock := self._state.try_lock(bucket("making", name))) is None:
            sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._state.unlock(lock)
