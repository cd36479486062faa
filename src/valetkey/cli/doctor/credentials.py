"""Who we are on the platform: an owner by its API key, the holder of a session; and what both may."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from valetkey.cli.complaint import Complaint
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.cli.held import session_at_hand
from valetkey.core.errors import ValetkeyError
from valetkey.ports.keystore import DamagedRecord, WrongSecret
from valetkey.sdk.errors import EnrollmentExpired, NotConfigured, ScopeMissing, TryLater, WaitedTooLong
from valetkey.wire.errors import exit_code_of

if TYPE_CHECKING:
    from valetkey.cli.place import Place


class Credentials:
    """The checks of one run."""

    def __init__(self, place: "Place", *, has_platform: bool) -> None:
        self._place = place
        self._has_platform = has_platform

    def checks(self) -> Checks:
        """The API key and the session: whether the platform knows them, and what they may."""
        yield self._credential("API key", self._has_api_key, self._api_key)
        yield self._credential("session", self._has_session, self._session)

    def _credential(self, title: str, there: Callable[[], bool], look: Callable[[], Check]) -> Check:
        try:
            if not there():
                return Check(title, SKIP, f"no {title} is at hand", _WHENCE[title])
            if not self._has_platform:
                return Check(title, SKIP, "there is no platform to ask", "see above")
            return look()
        except Complaint as problem:
            return Check(title, FAIL, str(problem), problem.hint or "correct its file", problem.exit_code)
        except ValetkeyError as problem:
            return Check(title, FAIL, str(problem), _todo(title, problem), exit_code_of(problem))

    def _has_api_key(self) -> bool:
        return self._place.secret("api_key") is not None

    def _has_session(self) -> bool:
        return session_at_hand(self._place.configured) is not None

    def _api_key(self) -> Check:
        owner = self._place.owner()
        may = [name for name, call in _READS.items() if _may(owner, call)]
        if not may:
            return Check(
                "API key", WARN, "valid, and may read nothing", "valetkey agent keys create --scope read"
            )
        return Check("API key", OK, f"valid, may read {', '.join(may)}")

    def _session(self) -> Check:
        view = self._place.holder().session
        if view is None:
            return Check("session", WARN, "the bundle has no token", "it is of another platform's seller")
        seen = f"{view.session_id} is {view.status}, {view.remaining_usdc or 'unlimited'} USDC left"
        if view.status == "active":
            return Check("session", OK, seen)
        return Check("session", WARN, seen, "ask its owner: session resume, extend, or another one")


_READS: dict[str, Callable[[Any], object]] = {
    "sessions": lambda owner: owner.list_sessions(limit=1),
    "spends": lambda owner: owner.list_spends(limit=1),
    "keys": lambda owner: owner.api_keys(),
}


def _may(owner: Any, call: Callable[[Any], object]) -> bool:
    try:
        call(owner)
    except ScopeMissing:
        return False
    return True


_WHENCE = {
    "API key": "for an owner: --api-key-file; valetkey agent register makes one",
    "session": "for a delegate: --bundle-file, or valetkey agent enroll",
}
"""What to do where a credential is not there; not everybody needs both."""


def _todo(title: str, problem: ValetkeyError) -> str:
    """What to do about a credential that does not open anything."""
    if isinstance(problem, WaitedTooLong):
        return "its owner makes the session: valetkey session create --enrollment CODE"
    if isinstance(problem, EnrollmentExpired):
        return "enrol anew: valetkey agent enroll"
    if isinstance(problem, WrongSecret | NotConfigured | DamagedRecord):
        return "--passphrase-file names the passphrase that these keys were kept under"
    if isinstance(problem, TryLater):
        return "look again: valetkey doctor"
    if title == "API key":
        return "another one of the wallet's: valetkey agent register"
    return "ask its owner for another one"
