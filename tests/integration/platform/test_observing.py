"""What an operator sees: lines of JSON that name a request and no secret, and metrics that move with what happens."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.searching import leaks
from tests.integration.platform.conftest import NOBODY, Start
from tests.integration.platform.onchain import Chain, eventually
from tests.integration.platform.serving import Server
from tests.integration.platform.test_proof import Deal
from valetkey.platform.observing.logs import Lines, OthersToJson, broken, make_log
from valetkey.platform.variables import SettingsError

ALWAYS = {"event", "level", "timestamp"}


def lines(text: str) -> list[dict[str, Any]]:
    """Every line of a log, each of which is an object of JSON with its time, level and event."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(one.keys() >= ALWAYS for one in found)
    return found


def platform_of(server: Server) -> Any:
    return server._uvicorn.config.app.state.platform  # type: ignore[union-attr]


def samples(server: Server) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    page = server.http.get("/metrics").text
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
    }


def test_a_whole_purchase_is_told_in_lines_and_numbers(
    start: Start, escrows: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    server = start(escrows, VALETKEY_RECONCILE_SECONDS="1", VALETKEY_WEBHOOK_SECONDS="1")
    deal = Deal(server, escrows)
    deal.funded()
    named = deal.session.ask("GET", "/agents/session/self", X_Request_Id="of-the_caller.1")
    assert named.headers["x-request-id"] == "of-the_caller.1"
    ill = deal.session.ask("GET", deal.path, X_Request_Id='forged","level":"error')
    made_up = ill.headers["x-request-id"]
    assert ill.json().get("requestId", made_up) == made_up
    assert len(made_up) == 16
    numbers, ends = samples(server), time.monotonic() + 30
    # Sessions are counted every so often.
    while not numbers["valetkey_sessions_living", ()] and time.monotonic() < ends:
        time.sleep(0.2)
        numbers = samples(server)
    server.stop()

    told = capfd.readouterr().err
    found = lines(told)
    requests = {one["request_id"]: one for one in found if one["event"] == "request"}
    mine = requests["of-the_caller.1"]
    assert (mine["method"], mine["status"], mine["level"]) == ("GET", 200, "info")
    assert (mine["route"], mine["owner"], mine["session"]) == (
        "/api/v1/agents/session/self",
        deal.owner.agent_id,
        deal.session.session_id,
    )
    assert 0 < mine["ms"] < 60_000
    assert requests[made_up]["route"] == "/api/v1/transactions/{id}"
    assert deal.id not in json.dumps(list(requests.values()))
    assert all("owner" not in one for one in requests.values() if one["route"] == "/api/v1/agents/register")
    secret = {
        "key": deal.owner.credential,
        "token": deal.session.credential,
        "seller": deal.seller.credential,
        "master": server.settings.master_secret.reveal(),
        "wallet": deal.session.key.to_hex(),
    }
    assert leaks(secret, [("the log", told.encode())]) == []

    def value(name: str, **labels: str) -> float:
        return numbers[name, tuple(sorted(labels.items()))]

    assert value("valetkey_spend_decisions_total", decision="allowed") == 1
    assert value("valetkey_allowed_units_total", currency="USDC", network="base-sepolia") == 2_550_000
    assert value("valetkey_gate_seconds_count") == 1
    assert value("valetkey_database_write_seconds_count") >= 5
    assert value("valetkey_chain_call_seconds_count", network="base-sepolia", method="eth_chainId") == 1
    assert value("valetkey_chain_up", network="base-sepolia") == 1
    assert value("valetkey_chain_head", network="base-sepolia") > 0
    assert value("valetkey_queue_length", queue="webhooks") == 0
    assert value("valetkey_sessions_living") >= 1
    assert value("valetkey_http_requests_open") == 1, "the scrape itself"
    assert value("valetkey_database_waiting") == 0
    assert value("valetkey_database_memory_bytes") > 2**16
    assert value("valetkey_streams_open", kind="events") == 0
    assert value("process_resident_memory_bytes") > 2**20
    assert {
        dict(labels)["task"] for name, labels in numbers if name.startswith("valetkey_background_round_")
    } >= {
        "measuring",
        "reconciler",
        "unknowns",
        "lapsing",
        "claims",
        "alerts",
        "anchoring",
        "webhooks",
    }
    shown = json.dumps([[name, labels] for name, labels in numbers])
    for one in (deal.id, deal.owner.agent_id, deal.session.session_id, deal.session.key.address):
        assert one not in shown


def test_what_nobody_expected_is_told_with_its_place_and_none_of_its_words(
    start: Start, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    owner = server.register()
    secret = "abba_" + "s3cr3t" * 6

    async def broken_overview(*_: Any) -> None:
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"the key {secret}") from error

    monkeypatch.setattr(platform_of(server).store, "overview", broken_overview)
    answer = owner.ask("GET", "/overview", X_Request_Id="broken-1")
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "broken-1")
    assert answer.json()["requestId"] == "broken-1"
    assert samples(server)["valetkey_bugs_total", ()] == 1
    server.stop()
    told = capfd.readouterr().err
    bug, request = (one for one in lines(told) if one.get("request_id") == "broken-1")
    assert (bug["event"], bug["level"], request["level"]) == ("bug", "error", "warning")
    assert bug["where"].startswith("ValueError at test_observing.py:")
    trace = "\n".join(bug["traceback"])
    assert "valetkey/platform/serving.py:" in trace
    assert "from KeyError" in trace
    assert trace.count("test_observing.py:") == 2
    assert "s3cr3t" not in told


def test_background_work_has_a_round_and_a_task(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    server = start()
    owner = server.register()
    owner.data("PUT", "/agents/webhook", {"url": "http://127.0.0.1:1/hook"})
    owner.session(budgetUsdc=1).data("POST", "/spends", {"amount": 1})
    said: list[dict[str, Any]] = []

    def tried() -> bool:
        said.extend(lines(capfd.readouterr().err))
        return any(one["event"] == "webhook" for one in said)

    eventually(tried, True)
    (first, *_) = (one for one in said if one["event"] == "webhook")
    assert (first["task"], first["outcome"], len(first["round"])) == ("webhooks", "retry", 8)
    assert samples(server)["valetkey_webhook_seconds_count", ()] >= 1
    server.stop()


def test_a_node_that_is_gone_and_a_limit_that_is_hit_are_counted(start: Start) -> None:
    server = start(VALETKEY_RATE_LIMITS="1", VALETKEY_RATE_SEARCH="1", VALETKEY_RECONCILE_SECONDS="1")
    owner = server.register()
    assert [owner.ask("GET", "/services").status_code for _ in range(2)] == [200, 429]

    def seen() -> tuple[float | None, float | None]:
        found = samples(server)
        return (
            found.get(("valetkey_chain_up", (("network", "base-sepolia"),))),
            found.get(("valetkey_rate_limited_total", (("limit", "search"),))),
        )

    eventually(seen, (0.0, 1.0))
    failure = (("failure", "ChainUnavailable"), ("network", "base-sepolia"))
    assert samples(server)["valetkey_chain_failures_total", failure] >= 1
    server.stop()


def test_the_level_of_the_log_is_a_setting(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    server = start(VALETKEY_LOG_LEVEL="warning")
    server.register().ask("GET", "/agents/score")
    server.http.get("/api/v1/network")
    server.stop()
    found = [one for one in lines(capfd.readouterr().err) if one["event"] != "background_waits"]
    assert [(one["event"], one["status"], one["level"]) for one in found] == [("request", 503, "warning")]
    silent = start(VALETKEY_LOG_LEVEL="error")
    silent.register().ask("GET", "/agents/score")
    silent.stop()
    assert capfd.readouterr().err == ""
    with pytest.raises(SettingsError, match="VALETKEY_LOG_LEVEL is one of debug, info, warning, error"):
        start(VALETKEY_LOG_LEVEL="loud")


def test_every_line_of_a_process_is_json(tmp_path: Path) -> None:
    """uvicorn's own, those of its start and its end, and those about what is no HTTP."""
    network = {
        "network": "base-sepolia",
        "rpcUrl": NOBODY,
        "usdc": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    environ |= {
        "VALETKEY_DATABASE": str(tmp_path / "valetkey.db"),
        "VALETKEY_NETWORKS": json.dumps([network]),
        "VALETKEY_MASTER_SECRET": "m" * 32,
        "VALETKEY_WEBHOOK_SECRET": "w" * 32,
    }
    command = [sys.executable, "-m", "valetkey", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    while '"started"' not in (line := process.stderr.readline()):
        assert line, "it ended"
        first += line
    port = int(json.loads(first.splitlines()[0])["url"].rpartition(":")[2])
    for sent in (
        b"this is no HTTP\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall(sent)
            while wire.recv(4_096):
                pass
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=20)
    found = lines(first + line + rest)
    assert found[0]["event"] == "listening"
    said = [one["message"] for one in found if one["event"] == "library"]
    assert any("Started server process" in one for one in said), found
    assert any("Shutting down" in one for one in said)
    assert any(one.get("route") == "/healthz" for one in found)


def test_libraries_are_told_by_their_pattern_and_exceptions_by_their_place() -> None:
    class Kept:
        text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            return

    kept = Kept()
    handler = OthersToJson(make_log(Lines(kept)))  # type: ignore[arg-type]  # all that it needs of a stream
    for name in ("aiohttp.client", "uvicorn.error"):
        logger = logging.Logger(name)
        logger.addHandler(handler)
        try:
            raise ValueError("of https://node.example/s3cr3t")
        except ValueError:
            logger.exception("asked %s", "https://node.example/key")
    other, ours = lines(kept.text)
    assert (other["message"], other["logger"], other["level"]) == ("asked %s", "aiohttp.client", "error")
    assert ours["message"] == "asked https://node.example/key"
    assert "s3cr3t" not in kept.text
    assert other["where"].startswith("ValueError at test_observing.py")


def test_a_chain_of_exceptions_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert broken(first)["traceback"] == ["ValueError", "from ValueError"]
