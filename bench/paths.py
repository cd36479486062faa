"""Whole paths on the development stack: a checkout, a purchase, a payment over HTTP, a tool of MCP, a grant's payment.

The chain is embedded and makes a block for each transaction, so that what is seen beside its own time is ours.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm.exact import register_exact_evm_client

from bench.result import Result
from bench.servers import bare, load
from tests.e2e.market import Market, open_market
from tests.fixtures_stack import RunningStack, start_stack
from tests.fixtures_x402 import X402Lab
from tests.integration.mcp.serving import environment, over_stdio
from tests.x402.facilitator import OfficialFacilitator
from tests.x402.loopback import Loopback
from tests.x402.resources import Asset, OfficialSeller
from valetkey import AsyncBuyerAgent, BuyerAgent, Client
from valetkey.chains.evm._sync.wallet import EvmWallet
from valetkey.chains.evm.signer import LocalSigner
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.wire import calls

CONNECTIONS = 16
CAPTURED_SECONDS = 60


def results(rounds: int) -> list[Result]:
    """Every path, so many times."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        running = start_stack(log=folder / "dev.log")
        stack.callback(running.stop)
        market = open_market(running, folder, price="0.01", budget=900)
        stack.callback(market.close)
        chain = _transfer(running, rounds)
        return [
            _checkouts(market, folder, 20 * rounds),
            *_purchases(market, folder, rounds, chain),
            *_granted(running, folder, rounds, chain),
            *_x402(running, market, folder, rounds),
            *asyncio.run(_mcp(market, folder, 5 * rounds)),
        ]


def _transfer(running: RunningStack, rounds: int) -> float:
    """Milliseconds of one bare transfer: sign, send, wait for its block. What the chain itself costs."""
    key, token = running.wallet(USDC), running.contracts["usdc"]
    wallet = EvmWallet(running.rpc_url, running.chain_id, token, LocalSigner(key))

    def once() -> None:
        signed = wallet.sign(calls.transfer(token, "0x" + "22" * 20, 1))
        wallet.send(signed)
        assert wallet.wait(signed.tx_hash, 30).succeeded

    waits = _timed(once, rounds)
    wallet.close()
    return statistics.median(waits)


def _checkouts(market: Market, folder: Path, count: int) -> Result:
    """POST /api/v1/checkout: a price is worked out, held, and a transaction is made that waits for its payment."""
    port = int(market.stack.base_url.rpartition(":")[2])
    body = {"serviceId": market.service_id}
    token = market.session.token.reveal()
    order = {"host": "127.0.0.1", "path": "/api/v1/checkout", "body": body, "tokens": [token]}
    rates: dict[int, list[float]] = {}
    with bare(folder) as (floor, _), load() as flood:
        for _ in range(4):
            for one in (port, floor):
                told = flood(**order, port=one, count=count, connections=CONNECTIONS)
                assert told["statuses"] == {"201": count}, told["statuses"]
                rates.setdefault(one, []).append(count / told["seconds"])
    ours, theirs = (statistics.median(rates[one][1:]) for one in (port, floor))
    return Result("SQLite: checkouts over HTTP", ours, "1/s", theirs, note=f"{CONNECTIONS} connections")


def _purchases(market: Market, folder: Path, rounds: int, chain: float) -> list[Result]:
    agent = BuyerAgent(base_url=market.stack.base_url, state_dir=folder / "buyer")
    agent.init_with_session(market.bundle)
    # A session is funded with gas for a dozen purchases.
    market.stack.supply(market.session.wallet_address)
    before = market.stack.rpc.call("eth_getTransactionCount", market.session.wallet_address, "latest")
    waits = _timed(
        lambda: agent.fund_and_verify(agent.purchase_encrypted(market.service_id, {"n": 1})), rounds
    )
    after = market.stack.rpc.call("eth_getTransactionCount", market.session.wallet_address, "latest")
    agent.close()
    each = (int(after, 16) - int(before, 16)) / len(waits)
    note = f"{each:.1f} transactions each; the floor is as many bare transfers"
    return _both("a purchase: encrypted, checked out, paid into escrow, verified", waits, each * chain, note)


def _granted(running: RunningStack, folder: Path, rounds: int, chain: float) -> list[Result]:
    """A session that pays out of the owner's balance by a grant: its key signs, the relayer sends."""
    key = running.wallet(1_000 * USDC)
    owner = BuyerAgent.register(
        key.to_hex(), f"paths-{os.urandom(4).hex()}", base_url=running.base_url, state_dir=folder / "granting"
    )
    assert owner.api_key is not None
    with Client(
        owner.api_key.reveal(),
        chain="baseSepolia",
        rpc_url=running.rpc_url,
        base_url=running.base_url,
        state_dir=folder / "client",
        signer=key,
        passphrase="a passphrase of the bench",
    ) as client:
        session = client.create_session(label="paths", spending_limit="900", valid_until=timedelta(hours=1))
        action = {"type": "transfer", "to": "0x" + "33" * 20, "amount": "0.01", "token": "USDC"}
        done = []
        waits = _timed(lambda: done.append(client.execute(session, action)), rounds)
        ends = time.monotonic() + CAPTURED_SECONDS
        while client.owner.get_spend(done[-1].hold_id).state != "captured" and time.monotonic() < ends:
            time.sleep(0.05)
        assert client.owner.get_spend(done[-1].hold_id).state == "captured"
    owner.close()
    return _both("a payment out of a grant: held, signed, relayed, in a block", waits, chain, "")


def _x402(running: RunningStack, market: Market, folder: Path, rounds: int) -> list[Result]:
    facilitator = OfficialFacilitator(running.rpc_url, running.wallet(), running.chain_id)
    with Loopback(facilitator.app) as served:
        lab = X402Lab(running, facilitator, served.url, Asset(running.contracts["usdc"]))
        seller = lab.sell()
        ours = asyncio.run(_paid_by_session(market, seller, folder, rounds))
        key = running.wallet(100 * USDC)
        theirs = asyncio.run(_paid_by_key(key, seller, rounds))
        seller.stop()
    note = "the floor is the official client with a key in memory and no limits"
    return _both("x402: a request that is paid for", ours, statistics.median(theirs), note)


async def _paid_by_session(market: Market, seller: OfficialSeller, folder: Path, rounds: int) -> list[float]:
    session = market.owner.create_session(budget_usdc=50, expiry=3_600)
    market.stack.supply(session.wallet_address, 50 * USDC)
    async with AsyncBuyerAgent(base_url=market.stack.base_url, state_dir=folder / "x402") as agent:
        await agent.init_with_session(session.serialize())
        async with agent.http(timeout=60) as http:
            return await _timed_async(lambda: http.get(f"{seller.url}/weather"), rounds)


async def _paid_by_key(key: PrivateKey, seller: OfficialSeller, rounds: int) -> list[float]:
    client = register_exact_evm_client(x402Client(), Account.from_key(key.to_hex()))
    async with x402HttpxClient(client, timeout=60, trust_env=False) as http:
        return await _timed_async(lambda: http.get(f"{seller.url}/weather"), rounds)


async def _mcp(market: Market, folder: Path, rounds: int) -> list[Result]:
    session = market.owner.create_session(budget_usdc=50, expiry=3_600)
    env = environment(market.stack.base_url, folder / "mcp", VALETKEY_SESSION=session.serialize())
    waits = []
    for program in (("-m", "valetkey.mcp"), ("-m", "bench.bare_mcp")):
        async with over_stdio(env, program=program, log=folder / "mcp.log") as caller:

            async def ask(client: Any = caller.client) -> None:
                told = await client.call_tool("check_session_inventory", {})
                assert not told.is_error

            waits.append(await _timed_async(ask, rounds))
    note = "the floor is a server of the official package with a constant answer"
    return _both("MCP over stdio: check_session_inventory", waits[0], statistics.median(waits[1]), note)


def _both(name: str, waits: list[float], floor: float, note: str) -> list[Result]:
    late = statistics.quantiles(waits, n=20)[-1]
    return [
        Result(f"{name}, p50", statistics.median(waits), "ms", floor, note=note),
        Result(f"{name}, p95", late, "ms"),
    ]


def _timed(once: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each; the first is not counted."""
    once()
    waits = []
    for _ in range(rounds):
        began = time.perf_counter()
        once()
        waits.append((time.perf_counter() - began) * 1e3)
    return waits


async def _timed_async(once: Callable[[], Awaitable[Any]], rounds: int) -> list[float]:
    await once()
    waits = []
    for _ in range(rounds):
        began = time.perf_counter()
        await once()
        waits.append((time.perf_counter() - began) * 1e3)
    return waits
