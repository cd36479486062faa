"""Starting a platform for tests, and talking to it as a client does: over HTTP alone."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from valetkey.crypto.keys import PrivateKey
from valetkey.platform.app import Opener, create_app, open_stores
from valetkey.platform.settings import Settings
from valetkey.wire.registration import sign_registration
from valetkey.wire.timestamps import iso_timestamp

_NUMBERS = itertools.count(1)


@dataclass
class Server:
    """A running platform."""

    base_url: str
    settings: Settings
    http: httpx.Client
    _uvicorn: uvicorn.Server
    _thread: threading.Thread

    def end(self) -> None:
        """Stop as a signal would."""
        self._uvicorn.should_exit = True

    def stop(self) -> None:
        """Stop as a signal would, and wait."""
        if self.http.is_closed:
            return
        self.http.close()
        self.end()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def register(self, name: str | None = None, key: PrivateKey | None = None) -> "Agent":
        """A new agent with a wallet of its own."""
        key = key or PrivateKey.generate()
        answer = self.http.post("/api/v1/agents/register", json=registration(key, name))
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return Agent(self, body["apiKey"], agent_id=body["agentId"], key=key)


@dataclass
class Agent:
    """A caller: an owner, or a session of one."""

    server: Server
    credential: str
    agent_id: str
    key: PrivateKey
    session_id: str = ""
    key_id: str = ""
    answers: list[httpx.Response] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request with this caller's credential."""
        sent = {"X-API-Key": self.credential, **{k.replace("_", "-"): v for k, v in headers.items()}}
        url = path if path.startswith("/api/") else f"/api/v1{path}"
        answer = self.server.http.request(
            method, url, headers=sent, **({} if body is None else {"json": body})
        )
        assert answer.headers["content-type"] in ("application/json", "application/jsonl")
        return answer

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The `data` of a success."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def session(self, **changes: Any) -> "Agent":
        """A session of this owner, with a wallet and an encryption key of its own."""
        key = PrivateKey.generate()
        asked = {
            "budgetUsdc": 50,
            "expiry": 3_600,
            "allowedServiceIds": [],
            "sessionWallet": key.address,
            "e2ePublicKey": key.public_key_compressed.hex(),
            **changes,
        }
        made = self.data("POST", "/agents/session", asked)
        return Agent(self.server, made["token"], self.agent_id, key, made["sessionId"])

    def key_for(self, *scopes: str, seconds: int | None = None) -> "Agent":
        """This owner with another key, which has these scopes and lives for so long."""
        asked: dict[str, Any] = {"name": f"key {next(_NUMBERS)}", "scopes": list(map(str, scopes))}
        if seconds is not None:
            asked["expiresAt"] = iso_timestamp(int(time.time()) + seconds)
        made = self.data("POST", "/agents/keys", asked)
        return Agent(self.server, made["apiKey"], self.agent_id, self.key, key_id=made["key"]["id"])

    def offer(self, **changes: Any) -> Any:
        """A service of this seller."""
        asked = {
            "title": f"Summaries {next(_NUMBERS)}",
            "description": "One paragraph",
            "category": "summarization",
            "price": 2.5,
            "priceUnit": "per_document",
            **changes,
        }
        return self.data("POST", "/services", asked)

    def buy(self, service: Any, **changes: Any) -> httpx.Response:
        """A checkout."""
        headers = {"Idempotency_Key": changes.pop("key")} if "key" in changes else {}
        return self.ask(
            "POST", "/checkout", {"serviceId": service["id"], "paymentMethod": "crypto", **changes}, **headers
        )


def registration(key: PrivateKey, name: str | None = None, timestamp: int | None = None) -> dict[str, Any]:
    """The body of a registration."""
    message, signature = sign_registration(key, timestamp or int(time.time()))
    return {
        "walletAddress": key.address,
        "message": message,
        "signature": signature,
        "agentName": name or f"agent {next(_NUMBERS)} of {key.address}",
    }


def serve(settings: Settings, opener: Opener = open_stores) -> Server:
    """Start a platform on a free port and wait until it answers."""
    config = uvicorn.Config(
        create_app(settings, opener),
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        lifespan="on",
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not running.started:
        assert thread.is_alive(), "the platform did not start"
        assert time.monotonic() < deadline, "the platform did not start in time"
        time.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    return Server(base_url, settings, httpx.Client(base_url=base_url, timeout=30), running, thread)
