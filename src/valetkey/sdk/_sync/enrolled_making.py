# Generated from src/valetkey/sdk/_async/enrolled_making.py by scripts/generate_sync.py: edit that file instead.
"""An owner's sessions for keys that delegates made for themselves: looked at, checked against their code, and used."""

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import Policy
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.fleet import Fleet
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.enrolled_session import EnrolledSession, enrolled_info
from valetkey.sdk.errors import EnrollmentMismatch
from valetkey.wire.enrollment import (
    EnrolledRotationRequest,
    EnrolledSessionRequest,
    EnrollmentView,
    KeySet,
    code_of,
    parse_code,
    read_enrollment,
)
from valetkey.wire.enrollment import EnrolledSession as Made
from valetkey.wire.http import IDEMPOTENCY_HEADER


class EnrolledMaker(Fleet):
    """The part of an owner that makes sessions whose keys it never has."""

    def enrollment(self, code: str) -> KeySet:
        """The keys that a delegate enrolled, before a session is made for them: its wallet, and its label.

        They are those that the code was made of, whatever the platform says. Raises EnrollmentMismatch where it says
        others, NotFound, InvalidInput.
        """
        code = parse_code(code)
        view = self._client.get(f"/enrollments/{segment(code)}", EnrollmentView)
        problem = ""
        if code_of(view.message) != code:
            problem = "the platform names other keys than those of this code"
        else:
            try:
                return read_enrollment(
                    view.message, _bytes(view.signature.removeprefix("0x")), _bytes(view.proof_signature)
                )
            except InvalidInput as malformed:
                problem = f"the platform's answer is no enrolment: {malformed}"
        raise EnrollmentMismatch(f"{problem}: no session was made")

    def _enrolled_session(self, keys: KeySet, asked: EnrolledSessionRequest, key: str | None = None) -> Made:
        return self._send_enrolled(keys, "session", asked, key)

    def _enrolled_rotation(
        self, keys: KeySet, asked: EnrolledRotationRequest, key: str | None = None
    ) -> Made:
        return self._send_enrolled(keys, "rotation", asked, key)

    def _send_enrolled(self, keys: KeySet, what: str, asked: msgspec.Struct, key: str | None) -> Made:
        headers = {IDEMPOTENCY_HEADER: chosen_key(key)}
        path = f"/enrollments/{segment(keys.code)}/{what}"
        return self._client.send("POST", path, Made, asked, headers=headers, repeat=True)

    def _enrolled_info(self, session_id: str, keys: KeySet, policy: Policy) -> EnrolledSession:
        view = self.get_session(session_id)
        told = (view.session_wallet, view.e2e_public_key, view.proof)
        if told != (keys.wallet, keys.e2e.hex(), "required"):
            raise EnrollmentMismatch(
                "the platform made a session of other keys: revoke it, and trust it no more"
            )
        self.agent_id = view.agent_id
        self._settle_on(keys.wallet, view.network)
        return enrolled_info(session_id, view.agent_id, policy, keys, self)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
