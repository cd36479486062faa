"""kill -9 between any two steps of a claim: nothing is lost, nothing is doubled, and what is late is dead."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.handing import Scene, nothing_leaks, platform, scene
from tests.attacks.killing import Killed
from tests.attacks.test_kill import read
from tests.attacks.thieving import ROOT
from tests.e2e.proxy import Cut, Proxy
from tests.fixtures_stack import RunningStack
from tests.integration.sdk.world import World, only
from valetkey.sdk.errors import NotFound

__all__ = ["platform", "scene"]

OPEN, MAKE = "/open", "POST /api/v1/claims"


def once(words: str, act: Callable[[], None]) -> Callable[[str, bytes], None]:
    """A hook that acts at the first matching request, and ends its connection there."""

    def first(count: int) -> None:
        if count == 1:
            act()
            raise Cut

    return only(words, first)


def claims(of: Killed, session_id: str) -> list[tuple[Any, ...]]:
    return read(of, "SELECT state, sealed IS NULL FROM claims WHERE session_id = ?", session_id)


def owner_that_dies(scene: Scene, label: str, *, uploaded: bool, expires_in: int) -> str:
    """Kill an owner's process at its upload, before it arrived or before it was answered; the session's id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.attacks.claiming_owner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )

    def die() -> None:
        process.kill()
        process.wait(20)

    hook = {"after" if uploaded else "before": once(MAKE, die)}
    with Proxy(scene.platform.base_url, **hook) as proxy:
        key = scene.owner.api_key
        assert key is not None
        order = {"base_url": proxy.url, "api_key": key.reveal(), "folder": str(scene.folder / label)}
        told, _ = process.communicate(
            json.dumps({**order, "label": label, "expires_in": expires_in}).encode()
        )
    assert told == b"", "it died before it had a link"
    (session,) = scene.owner.list_sessions(label=label).sessions
    return session.session_id


def test_an_owner_that_dies_before_the_upload_has_a_session_that_nobody_holds(scene: Scene) -> None:
    session_id = owner_that_dies(scene, "early", uploaded=False, expires_in=900)
    assert claims(scene.platform, session_id) == []
    assert scene.owner.revoke_session(session_id).status == "revoked"


def test_an_owner_that_dies_after_the_upload_has_a_session_that_ends_by_itself(scene: Scene) -> None:
    session_id = owner_that_dies(scene, "late", uploaded=True, expires_in=2)
    assert len(claims(scene.platform, session_id)) == 1
    deadline = time.monotonic() + 20
    while scene.owner.get_session(session_id).status != "revoked":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert claims(scene.platform, session_id) == [("expired", 1)]


def test_an_upload_whose_answer_was_lost_makes_one_claim(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=5)
    with Proxy(scene.platform.base_url, after=once(MAKE, lambda: None)) as proxy:
        scene.owner._client._http.base_url = proxy.url  # type: ignore[assignment]
        link = scene.owner.claim_link(session)
        scene.owner._client._http.base_url = scene.wire.url  # type: ignore[assignment]
    assert claims(scene.platform, session.session_id) == [("unclaimed", 0)]
    assert scene.holder("delegate").ask("claim", link=link.reveal())["session"] == session.session_id


def test_IDEMPOTENT_a_platform_that_dies_between_opening_and_answering(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=5)
    link = scene.owner.claim_link(session)

    def die() -> None:
        scene.platform.kill()
        scene.platform.start()

    with Proxy(scene.platform.base_url, after=once(OPEN, die)) as proxy:
        delegate = scene.holder("delegate", proxy.url)
        assert delegate.ask("claim", link=link.reveal())["session"] == session.session_id
        assert delegate.ask("spend", amount=1)["spend"]
    assert claims(scene.platform, session.session_id) == [("claimed", 0)]
    assert scene.kinds(session).count("claim_opened") == 1
    assert scene.told("claim.opened")["claimId"] == link.claim_id


@pytest.mark.parametrize("answered", [False, True])
def test_IDEMPOTENT_a_delegate_that_dies_before_it_has_what_it_claimed(scene: Scene, answered: bool) -> None:
    """With its state folder it is the same claimant, and without it somebody else."""
    session = scene.owner.create_session(budget_usdc=5)
    link = scene.owner.claim_link(session)
    started: list[Any] = []
    hook = {"after" if answered else "before": once(OPEN, lambda: started[0].kill())}
    with Proxy(scene.platform.base_url, **hook) as proxy:
        started.append(scene.holder("delegate", proxy.url))
        assert started[0].ask("claim", link=link.reveal()) == {}, "it died"
    assert claims(scene.platform, session.session_id) == [("claimed" if answered else "unclaimed", 0)]
    nothing_leaks(scene, session)
    for _ in range(2):
        assert scene.holder("delegate").ask("claim", link=link.reveal())["session"] == session.session_id
    assert scene.kinds(session).count("claim_opened") == 1
    other = scene.holder("without its folder").ask("claim", link=link.reveal())
    assert other["error"] == "AlreadyClaimed"


def test_an_end_that_came_while_the_platform_was_down_is_an_end(scene: Scene) -> None:
    session = scene.owner.create_session(budget_usdc=5)
    link = scene.owner.claim_link(session, expires_in=2)
    scene.platform.kill()
    time.sleep(2.5)
    scene.platform.start()
    # Whoever is first, the keeper or a late claimant: it is over.
    assert scene.holder("delegate").ask("claim", link=link.reveal())["code"] == "claim_expired"
    scene.comes(session, "revoked")
    assert scene.told("claim.expired")["claimId"] == link.claim_id
    with pytest.raises(NotFound):
        scene.owner.get_session("ses_" + "0" * 25)


@pytest.fixture
def world(stack: RunningStack, tmp_path: Path) -> Iterator[World]:
    made = World(stack, tmp_path, [])
    yield made
    made.close()


def test_OWNER_CAN_ALWAYS_RECLAIM_what_was_sent_to_a_session_that_nobody_claimed(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(budget_usdc=5)
    owner.fund_session(session, amount=3)
    owner.claim_link(session, expires_in=1)
    session_id = session.session_id
    del session
    deadline = time.monotonic() + 20
    while owner.get_session(session_id).status != "revoked":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    before = world.stack.units(owner.wallet_address)
    owner.reclaim_session(owner.wallet_address, session=session_id)
    assert world.stack.units(owner.wallet_address) - before == 3_000_000
