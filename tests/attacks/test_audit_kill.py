"""kill -9 while the audit log is written, anchored, exported and followed: nothing is lost, broken or told twice."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.killing import Killed
from tests.attacks.test_kill import call, register
from valetkey.wire.audit_check import check

ROUNDS = 3


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path)
    yield made
    made.kill()


def exported(of: Killed, owner: str) -> bytes:
    return httpx.get(f"{of.base_url}/api/v1/audit", headers={"X-API-Key": owner}, timeout=30).content


def test_AUDIT_IS_COMPLETE_across_kills(platform: Killed) -> None:
    owner = register(platform)
    asked = {"budgetUsdc": None, "expiry": 3_600}
    tokens = [str(call(platform, owner, "POST", "/agents/session", asked)["token"]) for _ in range(3)]
    key = httpx.get(f"{platform.base_url}/api/v1/audit/key").json()["data"]["publicKey"]
    acknowledged: list[str] = []
    seen: list[Any] = []
    ended, writing = threading.Event(), threading.Event()
    writing.set()

    def write(token: str) -> None:
        with httpx.Client(base_url=platform.base_url, timeout=30) as http:
            while not ended.is_set():
                writing.wait(30)
                try:
                    headers = {"X-API-Key": token}
                    answer = http.post("/api/v1/spends", json={"amount": "0.01"}, headers=headers)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["data"]["spendId"])

    def follow() -> None:
        last = "0"
        while not (ended.is_set() and last == end):
            headers = {"X-API-Key": owner, "Last-Event-ID": last}
            try:
                with httpx.stream(
                    "GET", f"{platform.base_url}/api/v1/events", headers=headers, timeout=2
                ) as answer:
                    for line in answer.iter_lines():
                        if line.startswith("data: "):
                            seen.append(json.loads(line.removeprefix("data: ")))
                        elif not line and seen:
                            # The end of a message: what it told is kept, and is not asked for again.
                            last = seen[-1]["cursor"]
                        if ended.is_set() and last == end:
                            return
            except httpx.HTTPError:
                # A message that was cut off is not one.
                while seen and seen[-1]["cursor"] != last:
                    seen.pop()

    end = ""
    threads = [threading.Thread(target=write, args=(token,)) for token in tokens]
    follower = threading.Thread(target=follow)
    for thread in (*threads, follower):
        thread.start()
    for _ in range(ROUNDS):
        time.sleep(1.2)
        killer = threading.Timer(0.02, platform.kill)
        killer.start()
        try:
            while killer.is_alive():
                assert check(exported(platform, owner).splitlines(keepends=True), bytes.fromhex(key)).holds
        except httpx.HTTPError:
            # An export that is cut off is an error, and no shorter file.
            writing.clear()
        killer.join()
        writing.clear()
        platform.start()
        writing.set()
    time.sleep(0.5)
    ended.set()
    for thread in threads:
        thread.join(30)
    deadline = time.monotonic() + 20
    while True:
        report = check(exported(platform, owner).splitlines(keepends=True), bytes.fromhex(key))
        assert report.holds, report
        if report.anchors >= len(tokens):
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    page, cursor = [], "0"
    while True:
        found = call(platform, owner, "GET", f"/events?wait=0&cursor={cursor}")
        page += found["events"]
        if found["cursor"] == cursor:
            break
        cursor = found["cursor"]
    end = page[-1]["cursor"]
    follower.join(40)
    assert not follower.is_alive()
    placed = [one["facts"]["hold"] for one in page if one["kind"] == "hold_placed"]
    assert len(acknowledged) > 20
    # Whatever was acknowledged is in the log once, and the follower saw all of the log, once.
    assert set(acknowledged) <= set(placed)
    assert len(set(placed)) == len(placed)
    assert [one["cursor"] for one in seen] == [one["cursor"] for one in page]
    assert "Traceback" not in platform.log.read_text()
