"""`valetkey agent enroll`: make keys here, print the code for their owner, and wait for the session that it makes."""

import json
import sys
from pathlib import Path

from valetkey import BuyerAgent
from valetkey.cli.waiting import Waiting, unsaid
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit


def run_enroll(
    label: str | None = None,
    *,
    owner: str | None = None,
    resume: str | None = None,
    base_url: str | None = None,
    lock: Secret | None = None,
    home: Path | None = None,
    timeout: float | None = None,
    as_json: bool = False,
    waiting: Waiting = unsaid,
) -> int:
    """Enrol, or go on with the enrolment that `resume` names; 0 when the keys have their session.

    The platform is `base_url`, VALETKEY_BASE_URL unless given. Keys stay in the state folder (`home`, VALETKEY_HOME),
    under the passphrase `lock`, VALETKEY_PASSPHRASE unless given, where there is one; no key or token is printed. As
    JSON: a line with the code at once, and one with the session.
    `timeout` is seconds. Raises what `enroll` and `wait` raise: WaitedTooLong leaves the enrolment as it is, to be
    resumed by its code.
    """
    with waiting("enrolling"):
        if resume is not None:
            enrollment = BuyerAgent.resume_enrollment(resume, base_url=base_url, lock=lock, state_dir=home)
        else:
            enrollment = BuyerAgent.enroll(label, owner=owner, base_url=base_url, lock=lock, state_dir=home)
    with enrollment:
        _say(
            as_json,
            {"code": enrollment.code, "wallet": enrollment.wallet_address},
            f"{enrollment.code}\n\nGive this code to the owner, who makes a session for it. Waiting; to go on later,"
            " resume it by the code.",
        )
        with enrollment.wait(timeout) as delegate:
            session = delegate.session
            assert session is not None, "who has waited has a session"
            _say(
                as_json,
                {
                    "session_id": session.session_id,
                    "status": session.status,
                    "expires_at": session.expires_at,
                },
                f"{session.session_id} is {session.status} until {session.expires_at}",
            )
    return Exit.OK


def _say(as_json: bool, data: dict[str, str], text: str) -> None:
    print(json.dumps(data) if as_json else text, file=sys.stdout, flush=True)
