"""Delegates that make their own keys, on a live stack: from the code to a purchase, and over every interruption."""

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.integration.sdk.world import PRICE, Shop, World
from valetkey import AsyncBuyerAgent, BuyerAgent, InvalidInput, SellerAgent
from valetkey.cli.enroll import run_enroll
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import WrongSecret
from valetkey.sdk import proving
from valetkey.sdk._sync.enrolling import Enrollment
from valetkey.sdk.enrolled_session import EnrolledSession
from valetkey.sdk.errors import (
    EnrollmentExpired,
    EnrollmentForAnother,
    EnrollmentMismatch,
    EnrollmentNeeded,
    EnrollmentUsed,
    NotConfigured,
    NotFound,
    ProofReplayed,
    ProofStale,
    SessionRevoked,
    WaitedTooLong,
)
from valetkey.sdk.kept_enrollment import ROOM
from valetkey.wire.enrollment import KeySet

FAST = 0.05


@pytest.fixture
def owner(world: World) -> BuyerAgent:
    return world.owner()


def places(world: World, folder: Path | None = None) -> dict[str, Any]:
    return {"base_url": world.stack.base_url, "state_dir": folder or world.folder()}


def enrolled(
    world: World, owner: BuyerAgent, shop: Shop | None = None, **more: Any
) -> tuple[BuyerAgent, EnrolledSession]:
    """A delegate whose owner made a session for it."""
    enrollment = BuyerAgent.enroll("shopper", **places(world), **more)
    services = [] if shop is None else [shop.service_id]
    session = owner.create_session(50, 3_600, services, enrollment=enrollment.code)
    assert isinstance(session, EnrolledSession)
    delegate = enrollment.wait(interval=FAST)
    world.agents.append(delegate)
    return delegate, session


def test_from_the_code_to_a_purchase_out_of_the_owners_balance(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    delegate, session = enrolled(world, owner, shop)
    assert delegate.session is not None
    assert (delegate.session.session_id, delegate.session.proof) == (session.session_id, "required")
    assert delegate.session.label == "shopper"
    assert delegate.wallet_address == session.wallet_address
    assert owner.get_session(session.session_id).session_key_hash == session.session_key_hash
    checkout = delegate.purchase_encrypted(shop.service_id, {"text": "mine"}, max_total="10.2")
    assert delegate.fund_and_verify(checkout).status == "escrowed"
    assert shop.seller.decrypt_request_payload(shop.seller.get_transaction(checkout.id)).payload == {
        "text": "mine"
    }
    shop.seller.deliver(checkout.id, {"done": True})
    shop.seller.submit_delivery(checkout.id, {"done": True})
    assert delegate.confirm_and_release(checkout.id).status == "completed"
    assert owner.get_session(session.session_id).spent_usdc == f"{PRICE}.2"
    owner.revoke_session(session)
    with pytest.raises(SessionRevoked):
        delegate.purchase(shop.service_id)


def test_the_owner_holds_no_key_and_no_token(world: World, owner: BuyerAgent) -> None:
    _, session = enrolled(world, owner)
    assert not session.token
    for call in (session.serialize, session.attenuate, lambda: owner.keep_recovery(session)):
        with pytest.raises(NotConfigured, match="its delegate"):
            call()
    with pytest.raises(NotConfigured, match="its delegate"):
        owner.fund_session(session, amount=1)
    with pytest.raises(InvalidInput, match="grant"):
        owner.create_session(5, enrollment=BuyerAgent.enroll(**places(world)).code, funding="wallet")


def test_each_code_is_good_for_one_session(world: World, owner: BuyerAgent) -> None:
    enrollment = BuyerAgent.enroll(**places(world))
    with pytest.raises(WaitedTooLong):
        enrollment.wait(timeout=0, interval=FAST)
    typed = enrollment.code.replace("-", "").lower()
    owner.create_session(5, enrollment=typed)
    for other in (owner, world.owner()):
        with pytest.raises(EnrollmentUsed):
            other.create_session(5, enrollment=enrollment.code)
    with pytest.raises(NotFound):
        owner.create_session(5, enrollment="0000-0000-0000-0000")
    with pytest.raises(InvalidInput):
        owner.create_session(5, enrollment="no code")
    enrollment.close()


def test_a_delegate_may_name_its_only_owner(world: World, owner: BuyerAgent) -> None:
    enrollment = BuyerAgent.enroll(owner=owner.wallet_address, **places(world))
    with pytest.raises(EnrollmentForAnother):
        world.owner().create_session(5, enrollment=enrollment.code)
    owner.create_session(5, enrollment=enrollment.code)
    world.agents.append(enrollment.wait(interval=FAST))


def test_a_lying_platform_swaps_keys_and_the_owner_signs_nothing(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrollment, theirs = (BuyerAgent.enroll("shopper", **places(world)) for _ in range(2))
    get = owner._client.get

    def lying(path: str, kind: Any, query: Any = None) -> Any:
        return get(path.replace(enrollment.code, theirs.code), kind, query)

    monkeypatch.setattr(owner._client, "get", lying)
    with pytest.raises(EnrollmentMismatch, match="other keys"):
        owner.create_session(5, enrollment=enrollment.code)
    monkeypatch.undo()
    assert owner.list_sessions(label="shopper").total == 0

    def swapped(path: str, kind: Any, query: Any = None) -> Any:
        view = get(path, kind, query)
        return (
            _with(view, session_wallet=PrivateKey.generate().address) if "/agents/session/" in path else view
        )

    # One that is honest about the enrolment, and lies about the session: no grant is signed for its key.
    monkeypatch.setattr(owner._client, "get", swapped)
    with pytest.raises(EnrollmentMismatch):
        owner.create_session(5, enrollment=enrollment.code)
    monkeypatch.undo()
    (session,) = owner.sessions(label="shopper")
    assert owner.find_grant(session.session_id) is None
    for one in (enrollment, theirs):
        one.close()


def test_a_delegate_uses_no_session_that_is_not_its_own(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrollment = BuyerAgent.enroll(**places(world))
    owner.create_session(5, enrollment=enrollment.code)
    client = enrollment._agent._client
    get = client.get
    monkeypatch.setattr(client, "get", lambda *asked: _with(get(*asked), sealed_token="AgEC"))
    with pytest.raises(EnrollmentMismatch, match="somebody else"):
        enrollment.wait(interval=FAST)
    monkeypatch.setattr(client, "get", lambda *asked: _with(get(*asked), proof=None))
    with pytest.raises(EnrollmentMismatch, match="proves nothing"):
        enrollment.wait(interval=FAST)
    enrollment.close()


def test_it_goes_on_from_the_state_folder_wherever_it_was_interrupted(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world.folder()

    def died(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed before anything was sent")

    with monkeypatch.context() as patched:
        patched.setattr(Enrollment, "_register", died)
        with pytest.raises(RuntimeError):
            BuyerAgent.enroll("shopper", **places(world, folder))
    # Its keys are there, nobody was told of them, and the code was never printed.
    resumed = BuyerAgent.resume_enrollment(**places(world, folder))
    code = resumed.code
    resumed.close()
    session = owner.create_session(5, enrollment=code)
    resumed = BuyerAgent.resume_enrollment(code, **places(world, folder))
    with monkeypatch.context() as patched:
        patched.setattr(type(resumed._store), "keep", died)
        with pytest.raises(RuntimeError):
            resumed.wait(interval=FAST)
    resumed.close()
    for _ in range(2):
        # Once more by the platform's answer, and then by what is kept, without asking for it again.
        again = BuyerAgent.resume_enrollment(code, **places(world, folder)).wait(interval=FAST)
        assert again.session is not None
        assert again.session.session_id == session.session_id
        again.close()
    with pytest.raises(NotFound):
        BuyerAgent.resume_enrollment(code, **places(world))


def test_keys_at_rest_are_private_and_under_a_lock_ciphertext(world: World, owner: BuyerAgent) -> None:
    folder = world.folder()
    plain = BuyerAgent.enroll(**places(world, folder))
    (file,) = (folder / ROOM).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (folder / ROOM).stat().st_mode & 0o077 == 0
    assert plain._kept.wallet in file.read_text()
    plain.close()
    locked = world.folder()
    lock = PassphraseLock(Secret("of these tests"), Argon2(memory_kib=64, iterations=1, lanes=1))
    enrollment = BuyerAgent.enroll("shopper", lock=lock, **places(world, locked))
    (file,) = (locked / ROOM).iterdir()
    for secret in (enrollment._kept.wallet[2:], enrollment._kept.e2e[2:], enrollment._kept.proof):
        assert secret not in file.read_text()
        assert secret not in repr(enrollment) + repr(enrollment._kept)
    owner.create_session(5, enrollment=enrollment.code)
    delegate = enrollment.wait(interval=FAST)
    token = delegate.api_key
    assert token is not None
    assert token.reveal() not in file.read_text()
    delegate.close()
    with pytest.raises(NotConfigured):
        BuyerAgent.resume_enrollment(enrollment.code, **places(world, locked))
    with pytest.raises(WrongSecret):
        BuyerAgent.resume_enrollment(enrollment.code, lock="another one", **places(world, locked))
    again = BuyerAgent.resume_enrollment(enrollment.code, lock=lock, **places(world, locked))
    world.agents.append(again.wait(interval=FAST))


def test_rotation_needs_keys_of_the_delegates_own_again(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    _, session = enrolled(world, owner, shop)
    with pytest.raises(EnrollmentNeeded, match="enrol anew"):
        owner.rotate_session(session.session_id)
    enrollment = BuyerAgent.enroll(**places(world))
    rotated = owner.rotate_session(session.session_id, enrollment=enrollment.code, grace_seconds=0)
    assert isinstance(rotated, EnrolledSession)
    owner.grant_session(rotated)
    after = enrollment.wait(interval=FAST)
    world.agents.append(after)
    assert after.fund_and_verify(after.purchase(shop.service_id)).status == "escrowed"
    assert after.session is not None
    assert after.session.proof == "required"
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    for call in (lambda: after.attenuate(1), after.serialize, lambda: after.seal(recipient)):
        with pytest.raises(NotConfigured, match="enrolled"):
            call()


def test_a_clock_that_is_off_is_set_by_the_platforms_and_not_by_much(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate, _ = enrolled(world, owner)
    clock = proving.time.time

    class Off:
        seconds = -900

        @classmethod
        def time(cls) -> float:
            return clock() + cls.seconds

    monkeypatch.setattr(proving, "time", Off)
    assert delegate.list_transactions().total == 0
    # Kept for the requests that follow.
    assert delegate.list_transactions().total == 0
    Off.seconds = 2 * proving.CORRECTION_SECONDS_MAX
    with pytest.raises(ProofStale) as stale:
        delegate.list_transactions()
    assert abs(int(stale.value.limit or 0) - clock()) < 10


def test_every_try_has_a_signature_of_its_own(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate, _ = enrolled(world, owner)
    monkeypatch.setattr(proving.secrets, "token_urlsafe", lambda _: "the-same-nonce-each-time")
    assert delegate.list_transactions().total == 0
    with pytest.raises(ProofReplayed):
        delegate.list_transactions()


def test_an_enrolment_that_nobody_used_in_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    enrollment = BuyerAgent.enroll(**places(world))
    get = enrollment._agent._client.get
    monkeypatch.setattr(enrollment._agent._client, "get", lambda *asked: _with(get(*asked), status="expired"))
    with pytest.raises(EnrollmentExpired):
        enrollment.wait(interval=FAST)
    enrollment.close()


def test_async_delegates_wait_without_standing_in_the_way(world: World, owner: BuyerAgent) -> None:
    async def delegate() -> str:
        enrollment = await AsyncBuyerAgent.enroll(**places(world))
        made = threading.Thread(
            target=owner.create_session, args=(5,), kwargs={"enrollment": enrollment.code}
        )
        waits: list[None] = []

        def begin() -> None:
            if not waits:
                made.start()
            waits.append(None)

        async with await enrollment.wait(30, interval=FAST, on_wait=begin) as agent:
            made.join()
            assert waits
            assert agent.session is not None
            return agent.session.session_id

    assert owner.get_session(asyncio.run(delegate())).proof == "required"


def test_what_is_kept_is_read_as_one_code(world: World) -> None:
    folder = world.folder()
    first = BuyerAgent.enroll(**places(world, folder))
    other = BuyerAgent.enroll(**places(world, folder))
    with pytest.raises(InvalidInput, match="2 enrolments"):
        BuyerAgent.resume_enrollment(**places(world, folder))
    kept = json.loads((folder / ROOM / first.code).read_text())
    assert isinstance(replace(first._kept.keys, label="x"), KeySet)
    (folder / ROOM / other.code).write_text(json.dumps(kept))
    with pytest.raises(Exception, match="cannot be read"):
        BuyerAgent.resume_enrollment(other.code, **places(world, folder))
    first.close()
    other.close()


def _with(view: Any, **fields: Any) -> Any:
    """An answer of the platform with other members, as far as it has them."""
    for name, value in fields.items():
        if hasattr(view, name):
            setattr(view, name, value)
    return view


def test_the_command_prints_the_code_at_once_and_no_secret(
    world: World, owner: BuyerAgent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world.folder()
    monkeypatch.setenv("VALETKEY_BASE_URL", world.stack.base_url)
    with pytest.raises(WaitedTooLong):
        run_enroll("shopper", home=folder, timeout=0, as_json=True)
    told = json.loads(capsys.readouterr().out)
    session = owner.create_session(5, enrollment=told["code"])
    assert told["wallet"] == session.wallet_address
    assert run_enroll(resume=told["code"], home=folder, as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sorted(line) for line in lines] == [["code", "wallet"], ["expires_at", "session_id", "status"]]
    assert lines[1]["session_id"] == session.session_id
    assert run_enroll(resume=told["code"], home=folder) == 0
    text = capsys.readouterr().out
    assert text.startswith(told["code"])
    kept = json.loads((folder / ROOM / told["code"]).read_text())["plain"]
    for secret in (kept["wallet"], kept["e2e"], kept["proof"], kept["token"]):
        assert secret.removeprefix("0x") not in text + json.dumps(lines) + json.dumps(told)


def test_a_seller_may_have_a_delegate_with_keys_of_its_own(world: World) -> None:
    shop = world.shop()
    enrollment = SellerAgent.enroll("worker", **places(world))
    session = shop.seller.create_session(600, [shop.service_id], enrollment=enrollment.code)
    worker = enrollment.wait(interval=FAST)
    world.agents.append(worker)
    assert worker.session is not None
    assert (worker.session.role, worker.session.proof) == ("seller", "required")
    assert worker.session.session_id == session.session_id
    assert worker.list_transactions(role="seller").total == 0
