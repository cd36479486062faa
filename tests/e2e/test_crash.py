"""kill -9 in the middle of `fund_and_verify`, and the end of a session there: the purchase completes, once."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.market import Market, answer_of, open_market, start_delegate
from tests.e2e.processes import arguments, descendants, wait_until
from tests.e2e.proxy import Cut, Proxy, nothing
from tests.fixtures_stack import RunningStack, start_stack

PRICE, TOTAL, TOTAL_UNITS, BUDGET_UNITS = "10", "10.2", 10_200_000, 50_000_000


@pytest.fixture
def market(stack: RunningStack, tmp_path: Path) -> Iterator[Market]:
    opened = open_market(stack, tmp_path, price=PRICE, budget=50)
    yield opened
    opened.close()


def assert_paid_once(market: Market, locked_before: int) -> None:
    """The money left the session wallet once, is in the escrow, and is captured once."""
    wait_until(lambda: market.spent() == ("0", TOTAL), "the capture")
    assert market.stack.units(market.session.wallet_address) == BUDGET_UNITS - TOTAL_UNITS
    assert locked(market) == locked_before + TOTAL_UNITS


def locked(market: Market) -> int:
    """What escrow and treasury hold together, wherever the fee is at the moment."""
    treasury = market.stack.rpc.treasury(market.stack.contracts["escrow"])
    return market.stack.units(market.stack.contracts["escrow"]) + market.stack.units(treasury)


class Killer:
    """Kills a process at the n-th request that matches, before it is forwarded or before it is answered."""

    def __init__(self, words: str, *, nth: int = 1) -> None:
        self.words = words
        self.nth = nth
        self.bodies: list[bytes] = []
        self.pid: int | None = None
        self._ready = threading.Event()

    def aim(self, pid: int) -> None:
        self.pid = pid
        self._ready.set()

    def __call__(self, where: str, body: bytes) -> None:
        if self.words not in where and self.words.encode() not in body:
            return
        self.bodies.append(body)
        if len(self.bodies) == self.nth:
            assert self._ready.wait(30)
            assert self.pid is not None
            os.kill(self.pid, signal.SIGKILL)
            raise Cut


@pytest.mark.parametrize("moment", ["signed, not sent", "sent, not known"])
def test_UNKNOWN_STAYS_HELD_a_killed_delegate_finishes_in_a_new_process(market: Market, moment: str) -> None:
    """The first raw transaction is the approval, the second creates the escrow."""
    transaction = market.buy()
    before = locked(market)
    killer = Killer("eth_sendRawTransaction", nth=2)
    hooks = {"before": killer} if moment == "signed, not sent" else {"after": killer}
    with Proxy(market.stack.rpc_url, **hooks) as proxy:
        delegate = start_delegate(market.order(do="pay", transaction_id=transaction, rpc_url=proxy.url))
        killer.aim(delegate.pid)
        delegate.communicate(timeout=120)
    assert delegate.returncode == -signal.SIGKILL
    held, spent = market.spent()
    assert (held, spent) in {(TOTAL, "0"), ("0", TOTAL)}, "held until proof, or proven already"

    resent: list[bytes] = []

    def listen(_where: str, body: bytes) -> None:
        if b"eth_sendRawTransaction" in body:
            resent.append(body)

    with Proxy(market.stack.rpc_url, before=listen) as proxy:
        again = start_delegate(market.order(do="pay", transaction_id=transaction, rpc_url=proxy.url))
        assert answer_of(again)["status"] == "escrowed"
    assert_paid_once(market, before)
    signed = json.loads(killer.bodies[-1])["params"]
    assert all(json.loads(body)["params"] == signed for body in resent), "a retry sends the same bytes"


def test_UNKNOWN_STAYS_HELD_a_delegate_that_never_comes_back_is_settled_by_proof(market: Market) -> None:
    transaction = market.buy()
    before = locked(market)
    killer = Killer("eth_sendRawTransaction", nth=2)
    with Proxy(market.stack.rpc_url, after=killer) as proxy:
        delegate = start_delegate(market.order(do="pay", transaction_id=transaction, rpc_url=proxy.url))
        killer.aim(delegate.pid)
        delegate.communicate(timeout=120)
    assert delegate.returncode == -signal.SIGKILL
    assert_paid_once(market, before)
    assert market.owner.get_transaction(transaction).status == "escrowed"


def test_a_session_that_ends_between_escrow_and_fund_is_captured_all_the_same(
    stack: RunningStack, tmp_path: Path
) -> None:
    market = open_market(stack, tmp_path, price=PRICE, budget=50, expiry=20)
    transaction = market.buy()
    before = locked(market)

    def too_late(where: str, _body: bytes) -> None:
        if where.endswith("/fund"):
            time.sleep(max(0.0, market.session.expiry + 1 - time.time()))

    with Proxy(stack.base_url, before=too_late) as proxy:
        delegate = start_delegate(market.order(do="pay", transaction_id=transaction, base_url=proxy.url))
        told = answer_of(delegate)
    assert told.get("code") == "session_expired" or told.get("status") == "escrowed"
    assert_paid_once(market, before)
    assert market.owner.get_transaction(transaction).status == "escrowed"
    market.close()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before it reads the claim", "before its answer arrives"])
def test_NO_OVERSPEND_a_killed_platform_captures_once_after_it_is_back(tmp_path: Path, moment: str) -> None:
    options = ("--data", str(tmp_path / "data"), "--port", str(free_port()), "--rpc-port", str(free_port()))
    first = start_stack(*options)
    market = open_market(first, tmp_path, price=PRICE, budget=50)
    transaction = market.buy()
    before = locked(market)
    (platform,) = [p for p in descendants(first.process.pid) if b"serve" in arguments(p)]
    killer = Killer("/fund")
    killer.aim(platform)
    early = moment == "before it reads the claim"
    with Proxy(
        first.base_url, before=killer if early else nothing, after=nothing if early else killer
    ) as proxy:
        delegate = start_delegate(
            market.order(do="pay", transaction_id=transaction, base_url=proxy.url, rpc_url=first.rpc_url)
        )
        first.process.wait(60)
        assert "error" in answer_of(delegate)
    first.stop()

    second = start_stack(*options)
    try:
        assert (second.base_url, second.rpc_url) == (first.base_url, first.rpc_url)
        market.stack = second
        again = start_delegate(market.order(do="pay", transaction_id=transaction))
        assert answer_of(again)["status"] == "escrowed"
        assert_paid_once(market, before)
    finally:
        market.close()
        second.stop()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
