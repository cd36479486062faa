"""`valetkey freeze`: stop every session of an owner, by the platform or, with --direct, without it."""

from typing import TYPE_CHECKING

from valetkey.cli.told import Told
from valetkey.sdk.stopped import Stopped
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.cli.place import Place

OFFLINE = "http://127.0.0.1:9"
"""Nobody is asked: an agent has a base URL all the same."""


def directly(place: "Place", *, thaw: bool) -> Told:
    """Freeze on the chain itself, and sweep; or thaw. 0 when everything was done."""
    from valetkey import BuyerAgent

    key = place.needed("owner_key")
    with BuyerAgent(
        base_url=OFFLINE, rpc_url=place.configured.text("rpc_url"), state_dir=place.configured.folder()
    ) as owner:
        owner.init_eoa_wallet(key)
        if thaw:
            with place.waiting("thawing"):
                tx_hash = owner.thaw_directly()
            return Told({"thawed": tx_hash}, f"grants go on: {tx_hash}" if tx_hash else "none was frozen")
        with place.waiting("freezing grants and sweeping wallets"):
            done = owner.stop_directly()
    data = {
        "frozen": done.frozen,
        "also_frozen": list(done.also_frozen),
        "problem": done.problem,
        "swept": [
            {"session_id": one.session_id, "tx_hash": one.tx_hash, "problem": one.problem}
            for one in done.swept
        ],
    }
    return Told(data, _told(done), exit_code=Exit.OK if done.is_whole else Exit.ENVIRONMENT)


def by_platform(place: "Place", *, thaw: bool) -> Told:
    """Freeze or thaw by the platform, with the owner's API key."""
    owner = place.owner()
    fleet = owner.thaw() if thaw else owner.freeze()
    state = "frozen" if fleet.frozen else "not frozen"
    return Told({"frozen": fleet.frozen, "frozen_at": fleet.frozen_at}, f"every session is {state}")


def _told(done: Stopped) -> str:
    grants = (
        f"frozen by {', '.join([done.frozen, *done.also_frozen])}" if done.frozen else "nothing to freeze"
    )
    lines = [f"grants: {'NOT FROZEN, ' + done.problem if done.problem else grants}"]
    for one in done.swept:
        what = one.problem or (f"swept by {one.tx_hash}" if one.tx_hash else "nothing in its wallet")
        lines.append(f"{one.session_id}: {what}")
    return "\n".join(lines)
