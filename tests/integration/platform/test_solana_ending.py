"""How sessions on Solana end: by the platform, with what owners signed in advance, in time, whatever stops it."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.fixtures_allotments import USDC, Session, World, restarted
from tests.fixtures_solana import wait_for
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Agent, Server
from tests.integration.solana.acting import use_nonce_up
from valetkey.chains.solana.errors import SessionClosed
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner

PATIENCE = 90
"""Seconds; how late an end is depends on the machine, and is printed."""


@pytest.fixture
def owner(port: Server) -> Agent:
    return port.register()


@pytest.fixture
def session(sea: World, owner: Agent) -> Session:
    made = sea.session(owner, sea.wallet())
    made.give()
    return made


def over(session: Session, status: str = "revoked") -> Any:
    wait_for(lambda: session.shown()["status"] == status, PATIENCE)
    return session.shown()


def lifted(session: Session) -> int:
    """How often something took the session's delegate away: successful transactions of its account but the first."""
    found = session.world.rpc(
        "getSignaturesForAddress", str(session.accounts.account), {"commitment": "confirmed"}
    )
    return sum(one["err"] is None for one in found) - 1


def test_a_revoked_session_is_revoked_on_chain(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.delegate() == session.key.address
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    shown = over(session)
    assert session.delegate() is None
    assert shown["revocationSignature"]
    assert shown["latenessSeconds"] >= 0
    with capsys.disabled():
        print(f"\nlateness after revoke: {shown['latenessSeconds']} s")
    with pytest.raises(SessionClosed):
        session.steal(1)
    assert session.world.rpc.units(str(session.accounts.account)) == 50 * USDC
    chain = session.owner.ask("GET", "/audit").text
    assert "allotment_given" in chain
    assert "allotment_revoked" in chain


def test_an_expired_session_is_revoked_on_chain_by_the_platform(
    sea: World, owner: Agent, port: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    late = []
    for _ in range(3):
        session = sea.session(owner, sea.wallet(), expiry=6)
        session.give()
        wait_for(lambda one=session: one.delegate() is None, PATIENCE)
        late.append(over(session)["latenessSeconds"])
    with capsys.disabled():
        print(f"\nlateness after expiry, by block time: {late} s")
    assert min(late) >= 0
    assert "valetkey_revocation_lateness_seconds_count" in port.http.get("/metrics").text


def test_what_was_stolen_before_the_end_is_debited_too(session: Session) -> None:
    session.steal(20 * USDC)
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    over(session)
    assert session.owner.data("GET", f"/agents/session/{session.id}")["remainingUsdc"] == "30"


def test_a_key_that_spent_all_of_it_ends_too(session: Session) -> None:
    session.steal(50 * USDC)
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    assert "revocationSignature" not in over(session)
    assert session.owner.data("GET", f"/agents/session/{session.id}")["remainingUsdc"] == "0"


def test_an_account_that_its_owner_closed_is_revoked(session: Session, sea: World) -> None:
    async def reclaim(node: SolanaNode) -> None:
        await SolanaOwner(node, session.wallet).reclaim(session.accounts)

    sea.act(reclaim)
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    shown = over(session)
    assert "revocationSignature" not in shown
    assert "latenessSeconds" not in shown


def test_a_dead_revocation_is_told_and_another_one_takes_its_place(session: Session, sea: World) -> None:
    async def cancel(node: SolanaNode) -> None:
        await use_nonce_up(node, session.wallet, session.accounts)

    sea.act(cancel)
    # Told while the session lives, in time for its owner to do something.
    over(session, "revocation_dead")
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    time.sleep(2)
    assert session.shown()["status"] == "revocation_dead"
    assert session.delegate() == session.key.address
    session.give()
    assert over(session)["revocationSignature"]
    assert session.delegate() is None


def test_one_given_after_the_end_is_submitted_at_once(sea: World, owner: Agent) -> None:
    session = sea.session(owner, sea.wallet())
    revocation = session.presigned()
    owner.data("DELETE", f"/agents/session/{session.id}")
    given = owner.data("POST", session.path, {"revocation": revocation})
    assert given["status"] == "revoking"
    over(session)
    assert session.delegate() is None


class Gate(ThreadingHTTPServer):
    """A node behind a door that can be shut, and that counts what is sent through it."""

    def __init__(self, rpc_url: str) -> None:
        self.rpc_url, self.is_shut, self.sent = rpc_url, False, 0
        super().__init__(("127.0.0.1", 0), Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Passing(BaseHTTPRequestHandler):
    """One request through it."""

    server: Gate

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.is_shut:
            self.send_response(503)
            self.end_headers()
            return
        self.server.sent += b"sendTransaction" in body
        answer = httpx.post(self.server.rpc_url, content=body, timeout=30, trust_env=False).content
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_it_goes_on_when_the_node_was_away_and_the_platform_died(sea: World, start: Start) -> None:
    gate = Gate(sea.rpc.rpc_url)
    first = start(VALETKEY_NETWORKS=sea.networks(gate.url))
    session = sea.session(first.register(), sea.wallet())
    session.give()
    gate.is_shut = True
    session.owner.data("DELETE", f"/agents/session/{session.id}")
    time.sleep(3)
    assert session.shown()["status"] == "revoking"
    first.stop()
    assert session.delegate() == session.key.address
    gate.is_shut = False
    second = restarted(start, first)
    session.owner.server = session.agent.server = second
    shown = over(session)
    assert session.delegate() is None
    assert shown["latenessSeconds"] >= 2
    second.stop()
    gate.shutdown()


def test_replicas_submit_it_once(sea: World, start: Start) -> None:
    gate = Gate(sea.rpc.rpc_url)
    first = start(VALETKEY_NETWORKS=sea.networks(gate.url))
    others = [restarted(start, first) for _ in range(2)]
    owner = first.register()
    sessions = [sea.session(owner, sea.wallet()) for _ in range(4)]
    for one in sessions:
        one.give()
    before, gate.sent = [lifted(one) for one in sessions], 0
    owner.data("POST", "/agents/sessions/revoke")
    for one in sessions:
        over(one)
    time.sleep(3)
    assert [lifted(one) for one in sessions] == [1 + one for one in before]
    assert gate.sent == len(sessions)
    told = [one.http.get("/metrics").text for one in (first, *others)]
    done = [
        line for text in told for line in text.splitlines() if line.startswith("valetkey_allotments_total")
    ]
    assert sum(float(one.split()[-1]) for one in done if 'outcome="revoked"' in one) == len(sessions)
    for server in (first, *others):
        server.stop()
    gate.shutdown()
