"""Theft from a delegate that made its own keys: copies of wire, logs, environment, arguments, database open nothing."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.attacks.conftest import Rows
from tests.attacks.enrolled import API, RULES, Enrolled, Listener, Recorded, code_of
from tests.attacks.wire import exchange
from tests.e2e.processes import wait_until
from tests.e2e.searching import files, leaks
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_growing import body_of, narrowed, register
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.signatures import sign_message
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Access, Endpoint
from valetkey.wire.attenuation import sign
from valetkey.wire.message_signature import WINDOW_SECONDS, sign_request

SPEND = {"amount": 1}
REPLAYED, INVALID, REQUIRED = (401, "proof_replayed"), (401, "proof_invalid"), (401, "proof_required")


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def delegate(server: Server, owner: Agent) -> Enrolled:
    """A delegate whose session is made."""
    return Enrolled(server).enroll().with_session(owner)


def spent(owner: Agent, session_id: str) -> tuple[str, str, int]:
    view = owner.data("GET", f"/agents/session/{session_id}")
    return view["heldUsdc"], view["spentUsdc"], view["spends"]


class Running:
    """A delegate in a process of its own, which talks to a listener."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server, self.home = server, home
        self.listener = Listener(server.base_url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        environment |= {"VALETKEY_BASE_URL": self.listener.url, "VALETKEY_HOME": str(home)}
        self.log = home.with_suffix(".log")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.delegate_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            env=environment,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        told = self.process.stdout.readline().strip()
        assert told, self.log.read_text()
        return told

    def again(self) -> str:
        """Let it ask once more."""
        assert self.process.stdin is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return self.line()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.listener.close()


@pytest.fixture
def running(start: Start, tmp_path: Path) -> Iterator[Running]:
    one = Running(start(VALETKEY_REGISTRATION_USDC="0"), tmp_path / "home")
    yield one
    one.close()


def sent_again(server: Server, one: Recorded, **changes: Any) -> httpx.Response:
    """A recorded request straight to the platform, with something about it changed."""
    headers = {name: value for name, value in {**one.headers, **changes.pop("headers", {})}.items() if value}
    asked = {"method": one.method, "path": one.path, "body": one.body, **changes}
    return server.http.request(asked["method"], asked["path"], content=asked["body"], headers=headers)


def test_a_thief_with_a_copy_of_everything_can_do_nothing(
    running: Running, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    """SECRETS_STAY_SECRET: between two processes, with a listener who sees through TLS."""
    server, owner = running.server, running.server.register()
    code = running.line()
    made = owner.data("POST", f"/enrollments/{code}/session", RULES)
    assert "token" not in made
    assert running.line() == "working"
    session_id = made["sessionId"]
    before = spent(owner, session_id)
    wire = list(running.listener.seen)
    (token,) = {one.headers["x-api-key"] for one in wire if "x-api-key" in one.headers}

    # What there is to steal: none of the keys, and the token on the wire alone.
    kept = msgspec.json.decode((running.home / "enrollments" / code).read_bytes())["plain"]
    assert kept["token"] == token
    keys = {name: kept[name] for name in ("wallet", "e2e", "proof")}
    process = Path(f"/proc/{running.process.pid}")
    loot = [
        (f"{one.method} {one.path}", b"\n".join([str(one.headers).encode(), one.body, one.answer]))
        for one in wire
    ]
    at_rest = list(files(server.settings.database.parent))
    at_rest += [(name, (process / name).read_bytes()) for name in ("environ", "cmdline")]
    at_rest += [
        ("its log", running.log.read_bytes()),
        ("the platform's log", capfd.readouterr().err.encode()),
    ]
    assert leaks({"the code": code}, loot), "the search finds what is there"
    assert leaks({"the code": code}, at_rest), "the search finds what is there"
    assert leaks(keys, [*loot, *at_rest]) == []
    assert leaks({"token": token}, at_rest) == []
    assert leaks({"token": token}, [("answers", one.answer) for one in wire]) == []
    ((sealed, stored),) = rows(
        server, "SELECT e.sealed, c.hash FROM enrollments e JOIN credentials c ON c.session_id = e.session_id"
    )
    assert token.encode() not in sealed
    assert stored.hex() != token

    # Every request again, as it was.
    again = [(one, code_of(sent_again(server, one))) for one in wire]
    registered = [answer for one, answer in again if one.path == f"{API}/enrollments"]
    assert registered == [(201, "")], "which tells nothing that was not in it, and makes nothing"
    assert [answer for one, answer in again if one.path != f"{API}/enrollments"] == [REPLAYED] * (
        len(wire) - 1
    )

    # The token by itself, and under a key of the thief's.
    thief = Enrolled(server, token=token)
    for headers in ({"X-API-Key": token}, {"Authorization": f"Bearer {token}"}):
        assert code_of(server.http.get(f"{API}/agents/session/self", headers=headers)) == REQUIRED
        assert code_of(server.http.post(f"{API}/spends", json=SPEND, headers=headers)) == REQUIRED
    assert code_of(thief.ask("POST", "/spends", SPEND)) == INVALID
    assert code_of(thief.ask("GET", f"/enrollments/{code}")) == INVALID

    # A signature that was made for one request, on others.
    spend = next(one for one in wire if one.method == "POST" and one.path == f"{API}/spends")
    look = next(one for one in wire if one.method == "GET" and one.path.startswith(f"{API}/transactions"))
    body = spend.body.replace(b"0.5", b"9.5")
    assert body != spend.body
    digest = sign_request(SigningKey.generate(), "POST", "x", {}, body, created=0, nonce="n" * 16)[
        "Content-Digest"
    ]
    dated = spend.headers["signature-input"].replace("created=1", "created=2")
    fresh = re.sub('nonce="..', 'nonce="ab', spend.headers["signature-input"])
    for changes in (
        {"body": body},
        {"body": body, "headers": {"content-digest": digest}},
        {"body": b"", "headers": {"content-digest": ""}},
        {"path": f"{API}/spends/check"},
        {"path": f"{API}/spends?x=1"},
        {"method": "PUT", "path": f"{API}/agents/session/self"},
        {"headers": {"host": "elsewhere.example"}},
        {"headers": {"idempotency-key": "another key, to pay twice"}},
        {"headers": {"idempotency-key": ""}},
        {"headers": {"x-api-key": "", "authorization": f"Bearer {token}"}},
        {"headers": {"authorization": f"Bearer {token}"}},
        {"headers": {"signature": look.headers["signature"]}},
        {"headers": {"signature-input": look.headers["signature-input"]}},
        {"headers": {k: look.headers[k] for k in ("signature", "signature-input")}},
        {"headers": {"signature-input": dated}},
        {"headers": {"signature-input": fresh}},
    ):
        answer = code_of(sent_again(server, spend, **changes))
        assert answer == INVALID or (answer[0] in (404, 405)), changes
    assert spent(owner, session_id) == before
    assert running.again() == "0", "and the delegate goes on"


def test_a_second_owner_and_a_second_try_are_told_so(server: Server, owner: Agent) -> None:
    one = Enrolled(server).enroll()
    one.with_session(owner)
    for late in (owner, server.register()):
        answer = late.ask("POST", f"/enrollments/{one.code}/session", RULES)
        assert code_of(answer) == (409, "enrollment_used")
    for who, told in ((owner, one.session_id), (server.register(), None)):
        view = who.data("GET", f"/enrollments/{one.code}")
        assert "sealedToken" not in view
        assert (view["status"], view.get("sessionId")) == ("used", told)
    assert code_of(owner.session().ask("GET", f"/enrollments/{one.code}")) == (403, "owner_only")


def test_IDEMPOTENT_the_same_key_gets_the_same_session(server: Server, owner: Agent) -> None:
    one = Enrolled(server).enroll()
    path = f"/enrollments/{one.code}/session"
    first = owner.data("POST", path, RULES, Idempotency_Key=one.code)
    assert owner.data("POST", path, RULES, Idempotency_Key=one.code) == first
    other = owner.ask("POST", path, {**RULES, "budgetUsdc": 9}, Idempotency_Key=one.code)
    assert code_of(other) == (422, "idempotency_mismatch")


def test_nobody_enrols_keys_of_another(server: Server) -> None:
    victim, thief = Enrolled(server), Enrolled(server)
    mixed = [
        Enrolled(server, wallet=victim.wallet, e2e=thief.e2e, proof=thief.proof),
        Enrolled(server, wallet=thief.wallet, e2e=thief.e2e, proof=victim.proof),
    ]
    for one in mixed:
        asked = one.request()
        theirs = thief.request()
        for name in ("signature", "proofSignature"):
            answer = server.http.post(f"{API}/enrollments", json={**asked, name: theirs[name]})
            assert code_of(answer) == (400, "invalid_signature")
    for change in (
        lambda text: text.replace('"label":null', '"label":"mine"'),
        lambda text: text.replace('"owner":null', f'"owner":"{thief.keys.wallet}"'),
        lambda text: text + " ",
        lambda text: text.replace("v1", "v2"),
        lambda text: text.replace(",", ", "),
    ):
        asked = victim.request()
        answer = server.http.post(f"{API}/enrollments", json={**asked, "message": change(asked["message"])})
        assert answer.status_code == 400
    assert server.http.get(f"{API}/enrollments/{victim.code}").status_code == 404


def test_an_enrolment_is_over_after_its_time(start: Start) -> None:
    server = start(
        VALETKEY_REGISTRATION_USDC="0", VALETKEY_ENROLLMENT_SECONDS="1", VALETKEY_ENROLLMENTS_OPEN_MAX="2"
    )
    owner, one = server.register(), Enrolled(server).enroll()

    def status() -> str:
        found: str = one.ask("GET", f"/enrollments/{one.code}").json()["data"]["status"]
        return found

    wait_until(lambda: status() == "expired", "the end of an enrolment", 10)
    answer = owner.ask("POST", f"/enrollments/{one.code}/session", RULES)
    assert code_of(answer) == (409, "enrollment_expired")
    assert owner.data("GET", "/agents/sessions")["total"] == 0
    # There is room for so many at once.
    waiting = [Enrolled(server) for _ in range(4)]
    told = [server.http.post(f"{API}/enrollments", json=each.request()).status_code for each in waiting]
    assert told.count(503) >= 1
    assert set(told) == {201, 503}


def test_codes_are_not_guessed_and_a_stolen_token_uses_nothing_up(start: Start) -> None:
    server = start(
        VALETKEY_REGISTRATION_USDC="0",
        VALETKEY_RATE_LIMITS="1",
        VALETKEY_RATE_GUESS="6",
        VALETKEY_RATE_GENERAL="12",
        VALETKEY_RATE_ENROLL="3",
    )
    owner = server.register()
    delegate = Enrolled(server).enroll().with_session(owner)
    bare = {"X-API-Key": delegate.token}
    stolen = [code_of(server.http.get(f"{API}/agents/session/self", headers=bare)) for _ in range(30)]
    assert stolen[0] == REQUIRED
    assert stolen[-1] == (429, "rate_limited"), "by where it comes from"
    # Its session has as many requests as before; its own address is that of the thief here, and that is all they share.
    assert delegate.ask("GET", "/agents/session/self").status_code == 200
    guesses = [server.http.get(f"{API}/enrollments/{Enrolled(server).code}").status_code for _ in range(3)]
    assert guesses == [429] * 3
    more = [
        server.http.post(f"{API}/enrollments", json=Enrolled(server).request()).status_code for _ in range(3)
    ]
    assert more == [201, 201, 429]


def test_of_the_same_request_many_times_at_once_on_two_replicas_one_is_done(
    start: Start, server: Server, owner: Agent, delegate: Enrolled
) -> None:
    replica = start(VALETKEY_DATABASE=str(server.settings.database))
    before = spent(owner, delegate.session_id)
    request = delegate.signed("POST", "/spends", SPEND)
    host = request.headers["host"]

    def send(number: int) -> tuple[int, str]:
        to = server if number % 2 else replica
        return code_of(
            to.http.post(f"{API}/spends", content=request.content, headers={**request.headers, "host": host})
        )

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(send, range(16)))
    assert sorted(told) == [(201, ""), *[REPLAYED] * 15]
    assert spent(owner, delegate.session_id)[2] == before[2] + 1


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if one.access in (Access.CALLER, Access.OWNER, Access.OPEN)],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_the_proof_is_asked_for_at_every_door(delegate: Enrolled, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{id}", delegate.session_id).replace("{code}", delegate.code)
    for headers in ({"X-API-Key": delegate.token}, {"Authorization": f"Bearer {delegate.token}"}):
        answer = delegate.server.http.request(endpoint.method, path, headers=headers)
        # An owner's door says so first: no proof would open it.
        expected = (
            [REQUIRED] if endpoint.access is not Access.OWNER else [REQUIRED, (403, str(endpoint.owner_code))]
        )
        assert code_of(answer) in expected


def test_doors_that_know_the_caller_from_a_moment_ago_ask_all_the_same(delegate: Enrolled) -> None:
    for _ in range(3):
        assert delegate.ask("POST", "/spends/check", SPEND).status_code == 200
        bare = delegate.server.http.post(f"{API}/spends", json=SPEND, headers={"X-API-Key": delegate.token})
        assert code_of(bare) == REQUIRED


def _edit(of: str, before: str, after: str) -> Any:
    def change(headers: dict[str, str]) -> None:
        assert before in headers[of], (of, before, headers[of])
        headers[of] = headers[of].replace(before, after, 1)

    return change


def _put(of: str, value: str) -> Any:
    return lambda headers: headers.update({of: value})


def _twice(of: str) -> Any:
    return lambda headers: headers.update({of: f"{headers[of]}, {headers[of]}"})


INPUT = "signature-input"
MALFORMED: dict[str, Any] = {
    "no input": lambda headers: headers.pop(INPUT),
    "no signature": lambda headers: headers.pop("signature"),
    "another label": _edit(INPUT, "vk=", "sig1="),
    "two labels": lambda headers: headers.update(
        {INPUT: headers[INPUT] + ", " + headers[INPUT].replace("vk=", "b=")}
    ),
    "the same label twice": _twice(INPUT),
    "a blank more": _edit(INPUT, '("@method" ', '("@method"  '),
    "a blank around": _edit(INPUT, '("@method"', '( "@method"'),
    "a component twice": _edit(INPUT, '"@method"', '"@method" "@method"'),
    "a component less": _edit(INPUT, ' "content-digest"', ""),
    "no credential": _edit(INPUT, ' "x-api-key"', ""),
    "a component more": _edit(INPUT, '"@method"', '"@method" "host"'),
    "a component with a parameter": _edit(INPUT, '"@method"', '"@method";req'),
    "a component in upper case": _edit(INPUT, '"x-api-key"', '"X-API-Key"'),
    "a component without quotes": _edit(INPUT, '"@method"', "@method"),
    "no components": lambda headers: headers.update({INPUT: "vk=()" + headers[INPUT].partition(")")[2]}),
    "created as a string": _edit(INPUT, "created=", 'created="'),
    "created of another time": _edit(INPUT, "created=1", "created=2"),
    "created with a sign": _edit(INPUT, "created=", "created=-"),
    "created with a zero": _edit(INPUT, "created=", "created=0"),
    "created as a decimal": _edit(INPUT, ";nonce", ".0;nonce"),
    "created twice": _edit(INPUT, ";nonce", ";created=1;nonce"),
    "expires": _edit(INPUT, ";nonce", ";expires=99999999999;nonce"),
    "no nonce": _edit(INPUT, ";nonce=", ";once="),
    "a short nonce": lambda headers: headers.update(
        {
            INPUT: headers[INPUT].partition(";nonce=")[0]
            + ';nonce="x";keyid'
            + headers[INPUT].partition(";keyid")[2]
        }
    ),
    "another nonce": _edit(INPUT, 'nonce="n', 'nonce="m'),
    "another key": _edit(INPUT, 'keyid="', 'keyid="00'),
    "a key in upper case": lambda headers: headers.update(
        {
            INPUT: headers[INPUT].partition("keyid")[0]
            + headers[INPUT][headers[INPUT].index("keyid") :].upper()
        }
    ),
    "another algorithm": _edit(INPUT, "ed25519", "hmac-sha256"),
    "no algorithm": _edit(INPUT, ';alg="ed25519"', ""),
    "another tag": _edit(INPUT, 'tag="valetkey"', 'tag="web-bot-auth"'),
    "a parameter more": _edit(INPUT, ";alg", ";x;alg"),
    "very long": _edit(INPUT, ";alg", ";alg" + "=" * 2_000 + ";alg"),
    "no letters of ours": _put(INPUT, "\xff\xfe"),
    "empty": _put(INPUT, ""),
    "a signature of another label": _edit("signature", "vk=", "sig1="),
    "two signatures": _twice("signature"),
    "a signature that is no binary": _edit("signature", "vk=:", 'vk="'),
    "a short signature": _put("signature", "vk=:AAAA:"),
    "a signature of nothing": _put("signature", f"vk=:{base64.b64encode(bytes(64)).decode()}:"),
    "url-safe base64": _put("signature", "vk=:" + "-_" * 43 + "==:"),
    "spare bits": _edit("signature", "==:", "=:"),
    "a parameter of the signature": _edit("signature", "==:", "==:;x"),
    "a digest of another algorithm": _edit("content-digest", "sha-256", "sha-512"),
    "two digests": _twice("content-digest"),
    "a digest of another body": _put("content-digest", f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"),
    "no digest": lambda headers: headers.pop("content-digest"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_signature_of_another_form_is_none(delegate: Enrolled, owner: Agent, name: str) -> None:
    before = spent(owner, delegate.session_id)
    request = delegate.signed("POST", "/spends", SPEND)
    headers = dict(request.headers)
    MALFORMED[name](headers)
    sent = [(one.encode(), value.encode("latin-1")) for one, value in headers.items()]
    answer = delegate.server.http.request("POST", f"{API}/spends", content=request.content, headers=sent)
    assert code_of(answer) == INVALID
    assert answer.json()["details"]["rule"] == "proof"
    assert spent(owner, delegate.session_id) == before


def test_headers_that_come_twice_are_none(delegate: Enrolled) -> None:
    for name in ("signature", "signature-input", "content-digest", "idempotency-key"):
        request = delegate.signed("POST", "/spends/check", SPEND, Idempotency_Key="once")
        sent = [*request.headers.multi_items(), (name, request.headers[name])]
        answer = delegate.server.http.request(
            "POST", f"{API}/spends/check", content=request.content, headers=sent
        )
        assert code_of(answer) == INVALID, name
    # No client sends two hosts.
    request = delegate.signed("GET", "/agents/session/self")
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name != "connection"]
    head = [
        "GET /api/v1/agents/session/self HTTP/1.1",
        *lines,
        f"host: {request.headers['host']}",
        "connection: close",
    ]
    told = exchange(delegate.server.base_url, "\r\n".join([*head, "", ""]).encode())
    assert b" 401 " in told.splitlines()[0]
    assert b"proof_invalid" in told


def test_the_time_of_a_signature_is_now(delegate: Enrolled) -> None:
    now = _now()
    for away in (-WINDOW_SECONDS - 5, WINDOW_SECONDS + 5):
        answer = delegate.ask("GET", "/agents/session/self", created=now + away)
        assert code_of(answer) == (401, "proof_stale")
        details = answer.json()["details"]
        assert abs(int(details["limit"]) - now) < 5, "the platform tells its time"
        assert details["asked"] == str(now + away)
    for away in (-WINDOW_SECONDS + 5, WINDOW_SECONDS - 5):
        assert delegate.ask("GET", "/agents/session/self", created=now + away).status_code == 200


def test_a_platform_behind_a_proxy_says_what_its_address_is(start: Start) -> None:
    server = start(
        VALETKEY_REGISTRATION_USDC="0", VALETKEY_PUBLIC_URLS="https://pay.example.com,https://in.example/vk/"
    )
    owner, one = server.register(), Enrolled(server).enroll()
    owner.data("POST", f"/enrollments/{one.code}/session", RULES)
    path = f"/enrollments/{one.code}"
    answer = one.ask("GET", path)
    assert code_of(answer) == INVALID
    assert "https://pay.example.com or https://in.example/vk" in answer.json()["details"]["hint"]
    for number, origin in enumerate(server.settings.public_urls):
        proof = sign_request(
            one.proof, "GET", f"{origin}{API}{path}", {}, None, created=_now(), nonce=f"{number:020d}"
        )
        assert server.http.get(f"{API}{path}", headers=proof).status_code == 200


def test_REVOKED_IS_DEAD_with_a_proof_as_well(server: Server, owner: Agent) -> None:
    one = Enrolled(server).enroll().with_session(owner)
    assert one.ask("POST", "/spends", SPEND).status_code == 201
    owner.data("DELETE", f"/agents/session/{one.session_id}")
    assert code_of(one.ask("POST", "/spends", SPEND)) == (401, "session_revoked")


def test_NARROW_ONLY_nothing_bearer_is_made_out_of_it(
    server: Server, owner: Agent, delegate: Enrolled
) -> None:
    """What is made of its session without a proof key is refused, and what has one proves itself by that."""
    parent = Agent(server, delegate.token, owner.agent_id, delegate.wallet, delegate.session_id)
    bearer, plain, told = narrowed(parent)
    answer = register(server, plain)
    assert code_of(answer) == (403, "not_narrower")
    assert answer.json()["details"]["rule"] == "proof"
    assert bearer.ask("GET", "/agents/session/self").status_code == 401

    key = SigningKey.generate()
    proving = replace(told, proof_key=key.public_key)
    assert proving.child_id != told.child_id
    made = register(server, body_of(sign(proving, delegate.wallet)))
    assert made.status_code == 201, made.text
    assert made.json()["data"]["sessions"][-1]["proof"] == "required"
    child = Enrolled(
        server, wallet=bearer.key, proof=key, token=bearer.credential, session_id=proving.child_id
    )
    assert code_of(bearer.ask("GET", "/agents/session/self")) == REQUIRED
    assert code_of(child.ask("GET", "/agents/session/self", key=delegate.proof)) == INVALID, (
        "not the parent's"
    )
    assert child.ask("GET", "/agents/session/self").json()["data"]["sessionId"] == proving.child_id
    # And so on below it.
    below, narrowing, _ = narrowed(Agent(server, "", owner.agent_id, bearer.key, proving.child_id))
    assert code_of(register(server, narrowing)) == (403, "not_narrower")
    assert below.ask("GET", "/agents/session/self").status_code == 401
    for wrong in ("00", "zz" * 32, "AB" * 32, 1, None):
        text = proving.message.replace(f'"{key.public_key.hex()}"', json.dumps(wrong))
        signature = "0x" + sign_message(delegate.wallet, text.encode()).hex()
        answer = register(server, {"message": text, "signature": signature})
        assert code_of(answer) == (400, "attenuation_malformed"), wrong


def test_a_rotation_makes_nothing_bearer_either(server: Server, owner: Agent) -> None:
    one = Enrolled(server).enroll().with_session(owner)
    plain = owner.ask("POST", f"/agents/session/{one.session_id}/rotate", {})
    assert code_of(plain) == (409, "enrollment_needed")
    assert "token" not in plain.text
    assert one.ask("GET", "/agents/session/self").status_code == 200
    after = Enrolled(server).enroll()
    path = f"/enrollments/{after.code}/rotation"
    made = owner.data("POST", path, {"sessionId": one.session_id, "graceSeconds": 0})
    assert "token" not in made
    view = owner.data("GET", f"/agents/session/{made['sessionId']}")
    assert (view["proof"], view["sessionWallet"]) == ("required", after.keys.wallet)
    stranger = server.register()
    fresh = Enrolled(server).enroll()
    theirs = stranger.ask("POST", f"/enrollments/{fresh.code}/rotation", {"sessionId": one.session_id})
    assert code_of(theirs) == (404, "not_found")


def _now() -> int:
    return int(time.time())
