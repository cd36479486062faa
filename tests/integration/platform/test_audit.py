"""The audit log over HTTP: exported in pages, in both formats, by its owner only; what is exported can be checked."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.cli.audit import run_verify
from valetkey.platform.audit import exporting
from valetkey.wire.audit_check import Report, check


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def exported(owner: Agent, query: str = "") -> httpx.Response:
    answer = owner.server.http.get(f"/api/v1/audit{query}", headers={"X-API-Key": owner.credential})
    assert answer.status_code == 200, answer.text
    return answer


def key_of(server: Server) -> bytes:
    return bytes.fromhex(server.http.get("/api/v1/audit/key").json()["data"]["publicKey"])


def checked(owner: Agent, query: str = "") -> Report:
    report = check(exported(owner, query).content.splitlines(keepends=True), key_of(owner.server))
    assert report.holds, report
    assert report.owner == owner.agent_id
    return report


def rows(server: Server, sql: str, *values: Any) -> list[Any]:
    db = apsw.Connection(str(server.settings.database))
    db.set_busy_timeout(30_000)
    try:
        return list(db.execute(sql, values))
    finally:
        db.close()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_AUDIT_IS_COMPLETE_every_yes_and_no_is_in_the_export(
    owner: Agent, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = owner.session(budgetUsdc=5, label='=HYPERLINK("http://x","y") é,;\u2028')
    spend = session.data("POST", "/spends", {"amount": 2})["spendId"]
    assert session.ask("POST", "/spends", {"amount": 4}).status_code == 403
    session.data("POST", f"/spends/{spend}/void")
    owner.data("POST", "/agents/sessions/freeze")
    report = checked(owner, f"?format={form}")
    own, tree = report.chains
    assert (tree.chain, tree.entries) == (session.session_id, 4)
    # The key and the freeze; perhaps the tree was anchored already.
    assert (own.chain, own.entries) == (owner.agent_id, 2 + report.anchors)
    answer = exported(owner, f"?format={form}")
    assert answer.headers["content-type"].startswith({"jsonl": "application/jsonl", "csv": "text/csv"}[form])
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    assert answer.headers["cache-control"] == "no-store"
    file = tmp_path / "audit"
    file.write_bytes(answer.content)
    assert run_verify(str(file), key_of(owner.server).hex(), as_json=False) == 0
    said = capsys.readouterr().out
    assert f"OK      {session.session_id}: 4 entries" in said
    for secret in (owner.credential, session.credential):
        assert secret not in answer.text


def test_AUDIT_IS_COMPLETE_trees_are_anchored_in_their_owner_s_chain(owner: Agent) -> None:
    session = owner.session()
    deadline = time.monotonic() + 20
    while checked(owner).anchors < 1:
        assert time.monotonic() < deadline, "nothing was anchored"
        time.sleep(0.1)
    session.data("POST", "/spends", {"amount": 1})
    while checked(owner).anchors < 2:
        assert time.monotonic() < deadline, "what went on was not anchored"
        time.sleep(0.1)
    lines = [json.loads(line) for line in exported(owner, f"?tree={owner.agent_id}").text.splitlines()]
    anchors = [json.loads(line["body"]) for line in lines if line.get("kind") == "anchor"]
    assert [(one["tree"], one["seq"]) for one in anchors] == [
        (session.session_id, 1),
        (session.session_id, 2),
    ]


def test_the_entries_say_what_happened(owner: Agent) -> None:
    session = owner.session(budgetUsdc=5)
    assert session.ask("POST", "/spends", {"amount": 6}).status_code == 403
    query = f"?tree={session.session_id}"
    lines = [json.loads(line) for line in exported(owner, query).text.splitlines()]
    assert [line["type"] for line in lines] == ["export", "entry", "entry", "head", "end"]
    refused = lines[2]
    assert (refused["kind"], refused["session"], refused["seq"]) == ("hold_refused", session.session_id, 2)
    assert json.loads(refused["body"])["codes"] == ["budget_exceeded"]


def test_an_owner_s_past_begins_with_its_key(owner: Agent) -> None:
    assert [(one.chain, one.entries) for one in checked(owner).chains] == [(owner.agent_id, 1)]
    told = json.loads(exported(owner).text.splitlines()[1])
    (key,) = owner.data("GET", "/agents/keys")["keys"]
    assert told["kind"] == "key_created"
    assert json.loads(told["body"])["key"] == key["id"]


def test_pages_of_entries_and_of_chains(owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [owner.session() for _ in range(4)]
    for session in sessions:
        for _ in range(4):
            session.data("POST", "/spends", {"amount": "0.01"})
    whole = exported(owner, f"?tree={sessions[2].session_id}").text.splitlines()[1:-1]
    for page in (1, 2, 3, 5):
        monkeypatch.setattr(exporting, "PAGE", page)
        monkeypatch.setattr(exporting, "HEADS_MAX", page)
        report = checked(owner)
        trees = [one.entries for one in report.chains if one.chain != owner.agent_id]
        assert trees == [5] * 4
        # All but the signatures, which are those of another second.
        again = exported(owner, f"?tree={sessions[2].session_id}").text.splitlines()[1:-1]
        parts = [line.partition(',"signature"')[0] for line in again]
        assert parts == [line.partition(',"signature"')[0] for line in whole]


def test_one_tree_alone_by_its_id_or_by_any_session(owner: Agent, server: Server) -> None:
    one, other = owner.session(), owner.session()
    for query in (f"?tree={one.session_id}", f"?session={one.session_id}"):
        assert [found.chain for found in checked(owner, query).chains] == [one.session_id]
    assert checked(owner, f"?tree={one.session_id}&session={one.session_id}").tree == one.session_id
    stranger = server.register()
    for who, query in [
        (stranger, f"?tree={one.session_id}"),
        (stranger, f"?session={one.session_id}"),
        (stranger, f"?tree={owner.agent_id}"),
        (owner, "?tree=ses_nothing"),
        (owner, "?session=ses_nothing"),
        (owner, f"?session={one.session_id}&tree={other.session_id}"),
    ]:
        assert who.ask("GET", f"/audit{query}").status_code == 404, query
    assert owner.ask("GET", "/audit?format=xml").status_code == 400
    assert [one.chain for one in checked(stranger).chains] == [stranger.agent_id]


def test_only_the_owner_exports(owner: Agent) -> None:
    session = owner.session()
    assert session.ask("GET", "/audit").json()["code"] == "owner_only"
    assert owner.server.http.get("/api/v1/audit").status_code == 401


def test_the_key_stays_the_same_and_is_anothers_for_another_secret(
    server: Server, start: Callable[..., Server]
) -> None:
    other = start(VALETKEY_MASTER_SECRET="another-master-secret-of-these-tests")
    assert key_of(server) == key_of(server) != key_of(other)
    owner = other.register()
    owner.session()
    lines = exported(owner).content.splitlines(keepends=True)
    assert not check(lines, key_of(server)).holds
    assert check(lines, key_of(other)).holds


def test_AUDIT_IS_COMPLETE_a_database_that_was_changed_does_not_verify(start: Callable[..., Server]) -> None:
    server = start()
    owner = server.register()
    session = owner.session()
    session.data("POST", "/spends", {"amount": 3})
    session.data("POST", "/spends", {"amount": 4})
    checked(owner)
    changed = "UPDATE audit SET body = replace(body, '3000000', '1000000') WHERE chain_id = ? AND number = 2"
    rows(server, changed, session.session_id)
    report = check(exported(owner).content.splitlines(keepends=True), key_of(server))
    (broken,) = [one for one in report.chains if one.chain == session.session_id]
    assert broken.flaw is not None
    assert broken.flaw.reason.startswith("edited")


def test_what_is_written_meanwhile_does_not_break_an_export(
    owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    sessions = [owner.session(budgetUsdc=None) for _ in range(3)]
    ended = threading.Event()

    def write(session: Agent) -> None:
        with httpx.Client(base_url=owner.server.base_url, timeout=30) as http:
            while not ended.is_set():
                headers = {"X-API-Key": session.credential}
                answer = http.post("/api/v1/spends", json={"amount": "0.01"}, headers=headers)
                assert answer.status_code == 201, answer.text

    threads = [threading.Thread(target=write, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    try:
        counts = [checked(owner).entries]
        deadline = time.monotonic() + 30
        while counts[-1] < 150:
            assert time.monotonic() < deadline
            counts.append(checked(owner).entries)
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)
    assert counts == sorted(counts)
    assert len(counts) > 2


def long_log(owner: Agent, entries: int) -> str:
    """A session whose log is longer than what a connection holds; nobody checks its hashes here."""
    session = owner.session()
    rows(
        owner.server,
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO audit (owner_id, chain_id, number, at, kind, session_id, body, hash)"
        " SELECT owner_id, chain_id, i, at, 'hold_refused', session_id, body, hash"
        " FROM n, (SELECT * FROM audit WHERE chain_id = ? AND number = 1)",
        entries,
        session.session_id,
    )
    rows(owner.server, "UPDATE chains SET number = ? WHERE id = ?", entries, session.session_id)
    return session.session_id


def test_a_reader_that_does_not_read_costs_a_place_and_no_memory(start: Callable[..., Server]) -> None:
    server = start()
    owner = server.register()
    long_log(owner, 60_000)
    headers = {"X-API-Key": owner.credential}
    with httpx.Client(base_url=server.base_url, timeout=30) as http:
        with http.stream("GET", "/api/v1/audit", headers=headers) as one:
            with http.stream("GET", "/api/v1/audit", headers=headers) as other:
                assert (one.status_code, other.status_code) == (200, 200)
                third = owner.ask("GET", "/audit")
                assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
                assert int(third.headers["retry-after"]) > 0
                # Others have places of their own, and the database is free.
                checked(server.register())
                owner.session()
        # Whoever leaves gives the place back.
        deadline = time.monotonic() + 10
        while (answer := http.get("/api/v1/audit?tree=ses_none", headers=headers)).status_code == 429:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert answer.status_code == 404


def test_REVOKED_IS_DEAD_an_export_ends_with_its_key(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "RECHECK_SECONDS", 0.0)
    server = start()
    owner = server.register()
    long_log(owner, 60_000)
    with server.http.stream("GET", "/api/v1/audit", headers={"X-API-Key": owner.credential}) as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        (key,) = owner.data("GET", "/agents/keys")["keys"]
        owner.data("DELETE", f"/agents/keys/{key['id']}")
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in pieces:
                pass
