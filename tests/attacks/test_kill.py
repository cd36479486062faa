"""kill -9 of a platform under load: what was acknowledged is there, sums fit, retries answer the same."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from tests.attacks.killing import Killed
from tests.attacks.receivers import Receiver
from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey

CALLERS = 12


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path)
    yield made
    made.kill()


def call(of: Killed, credential: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The `data` of a success."""
    answer = httpx.request(
        method,
        f"{of.base_url}/api/v1{path}",
        headers={"X-API-Key": credential, **headers},
        json=body,
        timeout=30,
    )
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["data"]


def register(of: Killed) -> str:
    answer = httpx.post(f"{of.base_url}/api/v1/agents/register", json=registration(PrivateKey.generate()))
    return str(answer.json()["apiKey"])


def offered(of: Killed, seller: str) -> str:
    service = {"title": "t", "description": "d", "category": "other", "price": 1, "priceUnit": "flat"}
    return str(call(of, seller, "POST", "/services", service)["id"])


def read(of: Killed, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    db = apsw.Connection(str(of.database))
    db.set_busy_timeout(30_000)
    try:
        return list(db.execute(sql, values))
    finally:
        db.close()


def test_NO_OVERSPEND_IDEMPOTENT_a_platform_that_is_killed_under_load(platform: Killed) -> None:
    owner, seller = register(platform), register(platform)
    service = offered(platform, seller)
    asked = {"budgetUsdc": 400, "expiry": 3_600}
    token = str(call(platform, owner, "POST", "/agents/session", asked)["token"])
    revoked = call(platform, owner, "POST", "/agents/session", asked)
    acknowledged: dict[str, str] = {}
    unanswered: list[str] = []
    lives = threading.Event()
    lives.set()
    ended = threading.Event()

    def caller(number: int) -> None:
        count = 0
        with httpx.Client(base_url=platform.base_url, timeout=30) as http:
            while not ended.is_set():
                count += 1
                key = f"{number}-{count}"
                headers = {"X-API-Key": token, "Idempotency-Key": key}
                try:
                    answer = http.post("/api/v1/checkout", json={"serviceId": service}, headers=headers)
                except httpx.HTTPError:
                    unanswered.append(key)
                    lives.wait(60)
                    continue
                if answer.status_code == 201:
                    acknowledged[key] = answer.text

    with ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(caller, number) for number in range(CALLERS)]
        for round_number in range(2):
            time.sleep(0.4)
            if round_number == 1:
                call(platform, owner, "DELETE", f"/agents/session/{revoked['sessionId']}")
            lives.clear()
            platform.kill()
            platform.start()
            lives.set()
        time.sleep(0.3)
        ended.set()
        for one in running:
            one.result()
    assert len(acknowledged) > 20
    assert unanswered
    # Whatever was acknowledged is answered the same again, whatever was not is answered now, once.
    again = {}
    with httpx.Client(base_url=platform.base_url, timeout=30) as http:
        for key in [*acknowledged, *unanswered]:
            headers = {"X-API-Key": token, "Idempotency-Key": key}
            again[key] = http.post("/api/v1/checkout", json={"serviceId": service}, headers=headers)
            assert again[key].status_code in (201, 403)
    for key, text in acknowledged.items():
        assert again[key].text == text
    made = [answer.json()["data"]["transactionId"] for answer in again.values() if answer.status_code == 201]
    assert len(set(made)) == len(made)
    view = call(platform, token, "GET", "/agents/session/self")
    kept = read(platform, "SELECT count(*) FROM transactions")[0][0]
    assert kept == len(made)
    assert round(float(view["heldUsdc"]) * 10**6) == kept * 1_020_000 <= 400_000_000
    assert read(platform, "PRAGMA integrity_check") == [("ok",)]
    headers = {"X-API-Key": revoked["token"]}
    dead = httpx.get(f"{platform.base_url}/api/v1/agents/session/self", headers=headers)
    assert (dead.status_code, dead.json()["code"]) == (401, "session_revoked")
    assert "Traceback" not in platform.log.read_text()


def test_a_webhook_is_told_again_by_a_sender_that_died_before_it_wrote_it_down(platform: Killed) -> None:
    """The receiver has it and the platform does not know: the same bytes come again, and then it is over."""
    died = threading.Event()

    def die() -> None:
        if not died.is_set():
            platform.kill()
            died.set()

    receiver = Receiver(before=die)
    owner, seller = register(platform), register(platform)
    order = {"serviceId": offered(platform, seller), "callbackUrl": receiver.url}
    made = call(platform, owner, "POST", "/checkout", order)["transactionId"]
    read(platform, "UPDATE transactions SET status = 'escrowed', payment_status = 'paid' WHERE id = ?", made)
    call(platform, seller, "POST", f"/transactions/{made}/deliver", {"responsePayload": {"a": 1.0}})
    assert died.wait(30)
    # The lease of the dead sender is waited for in earnest; here time is short.
    assert read(platform, "SELECT state, attempts FROM events") == [("waiting", 1)]
    read(platform, "UPDATE events SET due_at = 0")
    platform.start()
    eventually(lambda: read(platform, "SELECT state, attempts FROM events"), [("sent", 2)])
    receiver.close()
    assert len(receiver.bodies) == 2
    assert receiver.bodies[0] == receiver.bodies[1]
    assert json.loads(receiver.bodies[0])["transactionId"] == made
