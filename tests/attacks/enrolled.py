"""A delegate that made its own keys, as the wire sees it; and a listener who keeps a copy of everything."""

import base64
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

from tests.integration.platform.serving import Agent, Server
from valetkey.crypto.boxes import open_box
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.enrollment import KeySet, box_context, sign_enrollment
from valetkey.wire.message_signature import sign_request

API = "/api/v1"
RULES = {"budgetUsdc": 50, "expiry": 3_600, "allowedServiceIds": []}


@dataclass
class Enrolled:
    """Its keys, and once it has a session, its token."""

    server: Server
    wallet: PrivateKey = field(default_factory=PrivateKey.generate)
    e2e: PrivateKey = field(default_factory=PrivateKey.generate)
    proof: SigningKey = field(default_factory=SigningKey.generate)
    label: str | None = None
    owner: str | None = None
    token: str = ""
    session_id: str = ""
    nonces: int = 0

    @property
    def keys(self) -> KeySet:
        return KeySet(
            self.wallet.public_key_compressed,
            self.e2e.public_key_compressed,
            self.proof.public_key,
            self.label,
            self.owner,
        )

    @property
    def code(self) -> str:
        return self.keys.code

    def request(self) -> Any:
        """What registers it, as JSON."""
        signed = sign_enrollment(self.keys, self.wallet, self.proof)
        return {
            "message": signed.message,
            "signature": signed.signature,
            "proofSignature": signed.proof_signature,
        }

    def enroll(self) -> Self:
        answer = self.server.http.post(f"{API}/enrollments", json=self.request())
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["code"] == self.code
        return self

    def with_session(self, owner: Agent, **rules: Any) -> Self:
        """A session of this owner for its keys."""
        made = owner.data("POST", f"/enrollments/{self.code}/session", {**RULES, **rules})
        view = self.ask("GET", f"/enrollments/{self.code}").json()["data"]
        self.session_id = made["sessionId"]
        box = base64.b64decode(view["sealedToken"])
        self.token = open_box(self.e2e, box, box_context(self.code, self.session_id)).decode()
        return self

    def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: SigningKey | None = None,
        created: int | None = None,
        nonce: str | None = None,
        **headers: str,
    ) -> httpx.Request:
        """A request with its proof; anything about it may be another one's."""
        self.nonces += 1
        content = b"" if body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and "Authorization" not in sent:
            sent.setdefault("X-API-Key", self.token)
        if content:
            sent["Content-Type"] = "application/json"
        request = self.server.http.build_request(method, f"{API}{path}", content=content, headers=sent)
        request.headers.update(
            sign_request(
                key or self.proof,
                method,
                str(request.url),
                sent,
                content,
                created=int(time.time()) if created is None else created,
                nonce=nonce or f"nonce-{self.nonces:016d}",
            )
        )
        return request

    def ask(self, method: str, path: str, body: Any = None, **changes: Any) -> httpx.Response:
        """One request with its proof."""
        return self.server.http.send(self.signed(method, path, body, **changes))


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of what was answered."""
    return answer.status_code, answer.json().get("code", "")


@dataclass
class Recorded:
    """One request as it went by, byte for byte."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer: bytes = b""


Moment = Callable[[Recorded], None]
"""What is done at an exact moment: before a request arrives, or before its answer does."""


class Listener:
    """Stands between a delegate and its platform, passes everything on, and keeps a copy. It has broken the TLS."""

    def __init__(self, target: str) -> None:
        self.seen: list[Recorded] = []
        self.before: Moment = lambda _: None
        self.after: Moment = lambda _: None
        outer = self
        upstream = self._upstream = httpx.Client(base_url=target, timeout=60, trust_env=False)
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                # The host is what the delegate asked for: its signature is about it.
                headers = {
                    k.lower(): v
                    for k, v in self.headers.items()
                    if k.lower() not in ("connection", "content-length")
                }
                one = Recorded(self.command, self.path, headers, body)
                seen.append(one)
                outer.before(one)
                answer = upstream.request(self.command, self.path, content=body, headers=headers)
                one.answer = answer.content
                outer.after(one)
                with suppress(OSError):
                    # Whoever asked may be gone.
                    self.answer(answer)

            def answer(self, answer: httpx.Response) -> None:
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["content-type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the copy is enough."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.forward)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()
