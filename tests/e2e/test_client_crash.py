"""kill -9 in the middle of what a Client does: whoever asks again goes on, and nothing is paid or made twice."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.proxy import Proxy, nothing
from tests.e2e.test_crash import Killer
from tests.fixtures_stack import RunningStack
from tests.integration.sdk import amm
from tests.integration.sdk.clients import WORDS, Desk, new_desk
from tests.integration.sdk.world import World
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey

BEFORE, AFTER = "before", "after"
CHAIN = "eth_sendRawTransaction"


@pytest.fixture
def desk(stack: RunningStack, tmp_path: Path) -> Iterator[Desk]:
    world = World(stack, tmp_path, [])
    made = new_desk(world)
    yield made
    made.client.close()
    world.close()


def start(desk: Desk, **order: Any) -> "subprocess.Popen[str]":
    """A process with an order; what it knows besides is on the disk."""
    assert desk.owner.api_key is not None
    told = {
        "api_key": desk.owner.api_key.reveal(),
        "base_url": desk.world.stack.base_url,
        "rpc_url": desk.world.stack.rpc_url,
        "state_dir": str(desk.folder),
        "signer": desk.key.to_hex(),
        "passphrase": WORDS,
        **order,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    process.stdin = None
    return process


def answer_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    answer: dict[str, Any] = json.loads(told)
    return answer


def killed_at(desk: Desk, words: str, moment: str, nth: int, **order: Any) -> None:
    """Run an order, and kill it at the n-th request to platform or chain that holds these words."""
    killer = Killer(words, nth=nth)
    hooks = {moment: killer, (AFTER if moment == BEFORE else BEFORE): nothing}
    chain = words.startswith("eth_")
    target = desk.world.stack.rpc_url if chain else desk.world.stack.base_url
    with Proxy(target, **hooks) as proxy:
        process = start(desk, **{"rpc_url" if chain else "base_url": proxy.url}, **order)
        killer.aim(process.pid)
        process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, f"{words} {nth} was never asked for"


def moments(quick: set[tuple[Any, ...]], *places: tuple[Any, ...]) -> list[Any]:
    """Each place before and after; those that are not quick are for the slow tier."""
    every = [(*one, moment) for one in places for moment in (BEFORE, AFTER)]
    return [pytest.param(*one, marks=() if one in quick else pytest.mark.slow) for one in every]


@pytest.mark.parametrize(
    ("funding", "words", "nth", "moment"),
    moments(
        {("wallet", CHAIN, 1, BEFORE), ("wallet", CHAIN, 1, AFTER), ("grant", "/relay", 1, AFTER)},
        ("wallet", "/spends", 1),
        ("wallet", "/signed", 1),
        ("wallet", CHAIN, 1),
        ("wallet", "/capture", 1),
        ("grant", "/relay", 1),
        ("grant", "/relays/", 1),
    ),
)
def test_IDEMPOTENT_a_killed_transfer_is_paid_once(
    desk: Desk, funding: str, words: str, nth: int, moment: str
) -> None:
    session = desk.client.create_session(
        label="payer", spending_limit="50", valid_until=timedelta(hours=1), funding=funding
    )
    if funding == "wallet":
        desk.client.fund_session(session, "20")
    payee = PrivateKey.generate().address
    action = {"type": "transfer", "to": payee, "amount": "3.5", "token": "USDC"}
    order = {"do": "execute", "session": session.session_key_hash, "action": action, "key": "once"}
    killed_at(desk, words, moment, nth, **order)
    told = answer_of(start(desk, **order))
    assert told.get("amount") == "3.5", told
    assert told["tx_hash"]
    assert desk.world.stack.units(payee) == 3_500_000
    again = desk.client.execute(session, action, idempotency_key="once")
    assert (again.hold_id, again.tx_hash) == (told["hold"], told["tx_hash"])
    assert desk.world.stack.units(payee) == 3_500_000
    assert desk.client.get_session(session).remaining_limit == Decimal("46.5")


@pytest.mark.parametrize(
    ("funding", "words", "nth", "moment"),
    moments(
        {("wallet", CHAIN, 2, AFTER), ("grant", "/relay", 1, AFTER)},
        ("wallet", CHAIN, 1),
        ("wallet", CHAIN, 2),
        ("wallet", "/capture", 1),
        ("grant", "/relay", 1),
        ("grant", CHAIN, 1),
        ("grant", CHAIN, 2),
        ("grant", CHAIN, 3),
    ),
)
def test_IDEMPOTENT_a_killed_swap_goes_on_and_is_done_once(
    desk: Desk, funding: str, words: str, nth: int, moment: str
) -> None:
    market = amm.market(desk.world.stack)
    session = desk.client.create_session(
        label="swapper",
        spending_limit="100",
        valid_until=timedelta(hours=1),
        funding=funding,
        allowed_routers=[market.router.address],
    )
    if funding == "wallet":
        desk.client.fund_session(session, "50")
    action = {"type": "swap", "router": market.router.address, "amount_in": "20", "token_in": "USDC"}
    action |= {"token_out": market.weth.address, "min_out": "0.009"}
    expected = market.pool.ask("quote(uint256,address)", 20 * USDC, market.usdc.address)
    order = {"do": "execute", "session": session.session_key_hash, "action": action, "key": "once"}
    killed_at(desk, words, moment, nth, **order)
    told = answer_of(start(desk, **order))
    assert told.get("amount") == "20", told
    receiver = desk.key.address if funding == "grant" else session.wallet_address
    assert market.weth.has(receiver or "") == expected
    assert market.usdc.ask("allowance(address,address)", session.wallet_address, market.router.address) == 0
    assert desk.client.get_session(session).remaining_limit == Decimal(80)


@pytest.mark.parametrize(
    ("words", "moment"),
    moments(
        {("POST /api/v1/agents/session", AFTER)},
        ("POST /api/v1/agents/session",),
        ("/recovery",),
        ("/grant",),
        (CHAIN,),
    ),
)
def test_a_killed_creation_is_gone_on_with_and_made_once(desk: Desk, words: str, moment: str) -> None:
    rules = {"label": "treasury", "spending_limit": "50", "idempotency_key": "made once"}
    killed_at(desk, words, moment, 1, do="create", rules=rules)
    told = answer_of(start(desk, do="create", rules=rules))
    assert "session" in told, told
    (session,) = desk.client.list_sessions()
    assert session.session_key_hash == told["session"]
    paid = desk.client.execute(session, {"type": "transfer", "to": "0x" + "ab" * 20, "amount": "1"})
    assert paid.amount == Decimal(1)
