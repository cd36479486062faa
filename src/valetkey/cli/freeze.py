"""`valetkey freeze`: stop every session of an owner, by the platform or, with --direct, without it."""

import json
from pathlib import Path

from valetkey import BuyerAgent
from valetkey.cli.audit_export import owner_of_environment
from valetkey.cli.contracts import key_of
from valetkey.sdk.stopped import Stopped
from valetkey.wire.errors import Exit

OFFLINE = "http://127.0.0.1:9"
"""Nobody is asked: an agent has a base URL all the same."""


def run_direct(
    key_file: Path | None, home: Path | None, rpc_url: str | None, *, thaw: bool, as_json: bool
) -> int:
    """Freeze on the chain itself, and sweep; or thaw. 0 when everything was done."""
    key = key_of(key_file, "VALETKEY_OWNER_KEY")
    with BuyerAgent(base_url=OFFLINE, rpc_url=rpc_url, state_dir=home) as owner:
        owner.init_eoa_wallet(key)
        if thaw:
            tx_hash = owner.thaw_directly()
            _say({"thawed": tx_hash}, f"grants go on: {tx_hash}" if tx_hash else "none was frozen", as_json)
            return Exit.OK
        done = owner.stop_directly()
    _say(
        {
            "frozen": done.frozen,
            "also_frozen": list(done.also_frozen),
            "problem": done.problem,
            "swept": [
                {"session_id": one.session_id, "tx_hash": one.tx_hash, "problem": one.problem}
                for one in done.swept
            ],
        },
        _told(done),
        as_json,
    )
    return Exit.OK if done.is_whole else Exit.ENVIRONMENT


def run_by_platform(*, thaw: bool, as_json: bool) -> int:
    """Freeze or thaw by the platform; the API key is read from VALETKEY_API_KEY."""
    with owner_of_environment() as owner:
        fleet = owner.thaw() if thaw else owner.freeze()
    state = "frozen" if fleet.frozen else "not frozen"
    _say({"frozen": fleet.frozen, "frozen_at": fleet.frozen_at}, f"every session is {state}", as_json)
    return Exit.OK


def _told(done: Stopped) -> str:
    grants = (
        f"frozen by {', '.join([done.frozen, *done.also_frozen])}" if done.frozen else "nothing to freeze"
    )
    lines = [f"grants: {'NOT FROZEN, ' + done.problem if done.problem else grants}"]
    for one in done.swept:
        what = one.problem or (f"swept by {one.tx_hash}" if one.tx_hash else "nothing in its wallet")
        lines.append(f"{one.session_id}: {what}")
    return "\n".join(lines)


def _say(data: dict[str, object], text: str, as_json: bool) -> None:
    print(json.dumps(data) if as_json else text, flush=True)
