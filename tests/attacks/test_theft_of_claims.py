"""One-time claims between processes: a thief with all but the link, with the link first, with the link second."""

import base64

import httpx
import pytest

from tests.attacks.handing import Scene, nothing_leaks, platform, scene
from tests.attacks.killing import Killed
from tests.attacks.thieving import Wire
from valetkey.sdk.errors import AlreadyClaimed, NotFound
from valetkey.wire.bundle import BundleError
from valetkey.wire.claim_link import ClaimKey, read_link

__all__ = ["platform", "scene"]


def test_SECRETS_STAY_SECRET_a_thief_with_wire_database_and_logs_has_nothing(
    scene: Scene, platform: Killed
) -> None:
    session = scene.owner.create_session(budget_usdc=10)
    link = scene.owner.claim_link(session)
    key = read_link(link)
    secrets = {
        "the link's key": key.key.hex(),
        "the link": link.reveal().partition("#")[2],
    }
    nothing_leaks(scene, session, {**secrets, "what opens it": key.access.hex()})
    # All that a thief can try with the id, which is no secret.
    thief = scene.holder("thief")
    for fragment in ("A" * 43, ""):
        tried = thief.ask("claim", link=f"{platform.base_url}/claim/{link.claim_id}#{fragment}")
        assert tried["error"] in ("NotFound", "ClaimLinkError")
    assert scene.owner.claim_status(link).status == "unclaimed"
    delegate = scene.holder("delegate")
    assert delegate.ask("claim", link=link.reveal())["session"] == session.session_id
    assert delegate.ask("spend", amount=2)["spend"]
    # Now `access` was on the wire. It opens nothing, and whoever shows it as another claimant is an alarm.
    nothing_leaks(scene, session, secrets)
    assert scene.told("claim.opened")["claimedFrom"] == "127.0.0.1"
    status = scene.owner.claim_status(link)
    assert (status.status, status.claimed_from) == ("claimed", "127.0.0.1")
    assert session.token.reveal() not in repr(link) + str(link)
    assert scene.kinds(session)[:3] == ["session_created", "claim_made", "claim_opened"]


def test_a_thief_who_is_first_is_found_out_by_the_delegate(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=10, per_spend_usdc=4)
    link = scene.owner.claim_link(session)
    thief, delegate = scene.holder("thief"), scene.holder("delegate")
    assert thief.ask("claim", link=link.reveal())["session"] == session.session_id
    stolen = thief.ask("spend", amount=4)["spend"]
    assert thief.ask("spend", amount=5)["code"] == "per_spend_exceeded"
    loud = delegate.ask("claim", link=link.reveal())
    assert (loud["error"], loud["code"]) == ("AlreadyClaimed", "already_claimed")
    assert link.reveal()[-20:] not in loud["text"]
    # The session is dead when that is answered, on the spot.
    assert thief.ask("spend", amount=1)["error"] == "SessionRevoked"
    alarm = scene.told("claim.intercepted")
    assert (alarm["claimId"], alarm["sessionId"], alarm["session"]) == (
        link.claim_id,
        session.session_id,
        "revoked",
    )
    assert alarm["interceptedAt"] >= alarm["claimedAt"]
    assert scene.owner.claim_status(link).status == "intercepted"
    # What was lost meanwhile is what the policy allowed, and is known.
    (spend,) = scene.owner.list_spends(session=session.session_id).spends
    assert (spend.spend_id, spend.amount) == (stolen, "4")
    assert [one for one in scene.kinds(session) if one.startswith("claim") or one == "revoked"] == [
        "claim_made",
        "claim_opened",
        "claim_intercepted",
        "revoked",
    ]
    assert thief.ask("claim", link=link.reveal())["code"] == "already_claimed"
    assert len([body for body in scene.hook.bodies if b"claim.intercepted" in body]) == 1


def test_a_thief_who_is_second_gets_nothing_and_rings(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=10)
    link = session.claim_link(on_interception="pause")
    delegate, thief = scene.holder("delegate"), scene.holder("thief")
    assert delegate.ask("claim", link=link.reveal())["session"] == session.session_id
    assert thief.ask("claim", link=link.reveal())["error"] == "AlreadyClaimed"
    assert thief.ask("spend", amount=1)["error"] in ("NotConfigured", "Unauthenticated")
    assert scene.told("claim.intercepted")["session"] == "paused"
    assert delegate.ask("spend", amount=1)["code"] == "session_paused"
    # The owner looked, and it was a colleague.
    scene.owner.resume_session(session.session_id)
    assert delegate.ask("spend", amount=1)["spend"]


def test_a_thief_who_copied_the_claimants_request_gets_ciphertext_again_and_nothing_else(
    scene: Scene, platform: Killed
) -> None:
    """Replayed from the wire, byte for byte: it is the first claimant's own answer, which only the link opens."""
    session = scene.owner.create_session(budget_usdc=10)
    link = scene.owner.claim_link(session)
    tapped = Wire(platform.port)
    delegate = scene.holder("delegate", tapped.url)
    assert delegate.ask("claim", link=link.reveal())["session"] == session.session_id
    recorded = bytes(tapped.seen)
    start = recorded.index(b"POST /api/v1/claims/")
    head, _, rest = recorded[start:].partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    path = head.split(b" ")[1].decode()
    answer = httpx.post(
        platform.base_url + path, content=rest[:length], headers={"Content-Type": "application/json"}
    )
    data = answer.json()["data"]
    sealed = base64.b64decode(data["ciphertext"])
    assert b"abba_session" not in sealed
    # With all that was on the wire, and without the link.
    with pytest.raises(BundleError):
        ClaimKey(link.claim_id, read_link(link).access).open(sealed, data["sessionId"], data["expiresAt"])
    assert scene.owner.claim_status(link).status == "claimed"
    nothing_leaks(scene, session)
    tapped.close()


def test_a_late_claim_never_works_and_the_session_is_dead(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=10)
    link = scene.owner.claim_link(session, expires_in=2)
    scene.comes(session, "revoked")
    late = scene.holder("delegate").ask("claim", link=link.reveal())
    assert (late["error"], late["code"]) == ("ClaimExpired", "claim_expired")
    assert scene.told("claim.expired")["session"] == "revoked"
    assert scene.owner.claim_status(link).status == "expired"


def test_an_owner_takes_a_link_back_and_gives_another(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=10)
    first, second = scene.owner.claim_link(session), scene.owner.claim_link(session)
    delegate = scene.holder("delegate")
    assert delegate.ask("claim", link=first.reveal())["error"] == "ClaimCancelled"
    assert scene.owner.cancel_claim(second.claim_id).status == "cancelled"
    third = scene.owner.claim_link(session)
    assert delegate.ask("claim", link=third.reveal())["session"] == session.session_id
    with pytest.raises(AlreadyClaimed):
        scene.owner.cancel_claim(third)
    with pytest.raises(NotFound):
        scene.owner.claim_status("clm_" + "0" * 25)
    child = session.attenuate(1, expiry=600)
    fourth = scene.owner.claim_link(child)
    assert scene.holder("sub-agent").ask("claim", link=fourth.reveal())["session"] == child.session_id
