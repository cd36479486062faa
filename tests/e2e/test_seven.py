"""NO_OVERSPEND on every store: seven callers, each a process, ask at once for $20 of $100, of one or two platforms."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cluster import databases
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey

ADDRESS = "0x" + "11" * 20
NETWORKS = [
    {
        "network": "base-sepolia",
        "rpcUrl": "http://127.0.0.1:9",
        "escrow": ADDRESS,
        "score": ADDRESS,
        "usdc": ADDRESS,
    }
]
CALLER = """
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1], sys.stdin.readline().strip()
headers = {"X-API-Key": token, "Content-Type": "application/json"}
request = urllib.request.Request(url + "/api/v1/spends", json.dumps({"amount": 20}).encode(), headers)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(urllib.request.urlopen(request, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["code"])
"""


@contextmanager
def platform(database: str, **settings: str) -> Iterator[str]:
    """A platform in a process of its own: where it listens. `settings` are VALETKEY_* variables, without that."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    environ |= {
        "VALETKEY_DATABASE": database,
        "VALETKEY_NETWORKS": json.dumps(NETWORKS),
        "VALETKEY_MASTER_SECRET": "m" * 32,
        "VALETKEY_WEBHOOK_SECRET": "w" * 32,
        "VALETKEY_TEST_MODE": "1",
        **{f"VALETKEY_{name}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "valetkey", "serve", "--port", "0"],
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = json.loads(process.stderr.readline())["url"]
        while '"started"' not in (line := process.stderr.readline()):
            assert line, "the platform ended"
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


def database_of(store: str, folder: Path) -> tuple[str, int]:
    """What VALETKEY_DATABASE is for a store, and how many platforms share it."""
    if store == "memory":
        return ":memory:", 1
    return (str(folder / "valetkey.db") if store == "sqlite" else databases().fresh()), 2


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
def test_NO_OVERSPEND_five_of_seven_callers_pass(store: str, tmp_path: Path) -> None:
    database, platforms = database_of(store, tmp_path)
    with ExitStack() as stack:
        urls = [stack.enter_context(platform(database)) for _ in range(platforms)]
        http = stack.enter_context(httpx.Client(base_url=urls[0], timeout=30))
        owner = http.post("/api/v1/agents/register", json=registration(PrivateKey.generate())).json()
        headers = {"X-API-Key": owner["apiKey"]}
        made = http.post("/api/v1/agents/session", json={"budgetUsdc": 100, "expiry": 600}, headers=headers)
        token = made.json()["data"]["token"]
        callers = [
            subprocess.Popen(
                [sys.executable, "-c", CALLER, urls[number % platforms]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(7)
        ]
        for one in callers:
            assert one.stdin is not None
            assert one.stdout is not None
            one.stdin.write(f"{token}\n")
            one.stdin.flush()
            assert one.stdout.readline() == "ready\n"
        for one in callers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        answers = [one.communicate(timeout=60)[0].strip() for one in callers]
        assert sorted(answers) == ["201"] * 5 + ["403 budget_exceeded"] * 2
        seen = http.get("/api/v1/agents/session/self", headers={"X-API-Key": token}).json()["data"]
        assert (seen["heldUsdc"], seen["remainingUsdc"]) == ("100", "0")
