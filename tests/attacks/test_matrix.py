"""The page of who may call what is what a real platform answers, and what it answers is what was meant."""

import zlib

import pytest

from tests.attacks.matrix.kinds import KINDS, NOTHING, SCOPED, SPELLED, Kind
from tests.attacks.matrix.page import PAGE, Cells, cells_of, named, read, render
from tests.attacks.matrix.playing import Player
from tests.attacks.matrix.served import ENVIRONMENT
from tests.integration.platform.conftest import Start
from valetkey.core.api_key import Scope, granted
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Access, Endpoint

EVERYBODYS = {"GET /services/{id}", "GET /agents/{id}/discovery-score", "GET /agents/{id}/public-key"}
"""What anybody may read of an id."""

SELLERS = {
    "GET /transactions/{id}",
    "POST /transactions/{id}/deliver",
    "POST /transactions/{id}/dispute/evidence",
}
"""What whoever is bought from may do with a purchase."""

CLOSED = (Access.CALLER, Access.OWNER)
PLACES = ("Bearer", "bearer", "twice the same")
"""Spellings that are the owner's key."""

KNOWN = [kind.name for kind in SPELLED if kind.name not in PLACES]
SESSIONS = ("session", "child", "sibling", "selling", "paused", "frozen", "proven", "seller's", "stranger's")
ONE_IN = 24


@pytest.fixture(scope="module")
def cells() -> Cells:
    """The committed page."""
    return read(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_every_endpoint_and_every_kind(cells: Cells) -> None:
    assert set(cells) == {(named(endpoint), kind.name) for endpoint in ENDPOINTS for kind in KINDS}
    assert set(cells.values()) == {"yes", "401", "403", "404"}


def picked(endpoint: Endpoint, kind: Kind) -> bool:
    """One cell in so many, the same ones every time, and others for another endpoint."""
    return zlib.crc32(f"{named(endpoint)} {kind.name}".encode()) % ONE_IN == 0


def test_some_of_the_page_is_what_the_platform_answers(start: Start, cells: Cells) -> None:
    player = Player(start(**ENVIRONMENT))
    asked = [(endpoint, kind) for endpoint in ENDPOINTS for kind in KINDS if picked(endpoint, kind)]
    told = cells_of(player.ask(endpoint, kind) for endpoint, kind in asked)
    assert len(told) > 100
    assert told == {cell: cells[cell] for cell in told}


@pytest.mark.slow
def test_the_page_is_what_the_platform_answers(start: Start) -> None:
    """Run `make matrix`, and look at what it changed."""
    seen = list(Player(start(**ENVIRONMENT)).play(ENDPOINTS))
    assert render(seen) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", NOTHING, ids=lambda kind: kind.name)
def test_what_is_nobody_s_opens_nothing(cells: Cells, kind: Kind) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.access in (*CLOSED, Access.OPERATOR):
            assert cells[named(endpoint), kind.name] == "401", endpoint.path
        elif endpoint.access is Access.PUBLIC:
            assert cells[named(endpoint), kind.name] == "yes", endpoint.path
        elif kind.name != "none":
            assert cells[named(endpoint), kind.name] == "401", "what is sent must be alive"


@pytest.mark.parametrize("name", KNOWN)
def test_a_key_is_a_key_only_as_it_is_spelled(cells: Cells, name: str) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.access in (*CLOSED, Access.OPERATOR):
            assert cells[named(endpoint), name] == "401", endpoint.path
        else:
            # Whoever sent nothing that counts, or something that is wrong.
            assert cells[named(endpoint), name] in (cells[named(endpoint), "none"], "401"), endpoint.path


@pytest.mark.parametrize("name", PLACES)
def test_where_a_key_may_be_it_is_the_owner_s(cells: Cells, name: str) -> None:
    assert all(cells[named(one), name] == cells[named(one), "owner"] for one in ENDPOINTS)


def test_a_key_that_a_wallet_signed_for_is_the_owner_s(cells: Cells) -> None:
    """It alone may be signed out, which the page tells as a `yes` in either case."""
    assert all(cells[named(one), "signed in"] == cells[named(one), "owner"] for one in ENDPOINTS)


@pytest.mark.parametrize("kind", SCOPED, ids=lambda kind: kind.name)
def test_a_key_does_what_its_scope_brings_and_nothing_else(cells: Cells, kind: Kind) -> None:
    brings = granted(frozenset({Scope(kind.name)}))
    for endpoint in ENDPOINTS:
        cell, owners = cells[named(endpoint), kind.name], cells[named(endpoint), "owner"]
        if endpoint.access in CLOSED and endpoint.scope not in brings:
            assert cell == "403", endpoint.path
        else:
            assert cell == owners, endpoint.path


@pytest.mark.parametrize("name", SESSIONS)
def test_no_session_is_its_owner(cells: Cells, name: str) -> None:
    assert all(cells[named(one), name] == "403" for one in ENDPOINTS if one.access is Access.OWNER)


@pytest.mark.parametrize(
    "name", ["stranger", "stranger's", "seller", "seller's", "child", "sibling", "selling"]
)
def test_what_is_another_s_is_not_there(cells: Cells, name: str) -> None:
    """A transaction is there for whoever sells, and says what is not for them to do."""
    for endpoint in ENDPOINTS:
        path = named(endpoint)
        if "{id}" not in path or path in EVERYBODYS or endpoint.access not in CLOSED:
            continue
        sells = name in ("seller", "seller's") and "/transactions/" in path
        if sells and path in SELLERS:
            assert cells[path, name] == "yes", path
        else:
            assert cells[path, name] in (("403", "404") if sells or name != "stranger" else ("404",)), path


@pytest.mark.parametrize("name", ["unproven", "replayed"])
def test_an_enrolled_session_is_nobody_without_a_proof_of_now(cells: Cells, name: str) -> None:
    """What is the owner's alone is refused before a proof is looked at."""
    for endpoint in ENDPOINTS:
        if endpoint.access is Access.CALLER or endpoint.path.endswith("/agents/sign-out"):
            assert cells[named(endpoint), name] == "401", endpoint.path
        elif endpoint.access is Access.OWNER:
            assert cells[named(endpoint), name] == "403", endpoint.path


def test_the_operator_decides_disputes_and_is_nobody_else(cells: Cells) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.access is Access.OPERATOR:
            insiders = {kind.name for kind in KINDS if cells[named(endpoint), kind.name] != "401"}
            assert insiders == {"operator"}, endpoint.path
        elif endpoint.access is not Access.PUBLIC:
            assert cells[named(endpoint), "operator"] == "401", endpoint.path


def test_a_session_that_is_stopped_does_not_spend(cells: Cells) -> None:
    for name in ("paused", "frozen"):
        for path in ("POST /spends", "POST /checkout"):
            assert (cells[path, "session"], cells[path, name]) == ("yes", "403")
