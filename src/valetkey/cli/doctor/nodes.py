"""The nodes of a platform's networks, the contracts behind them, and the accounts that pay for gas there."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from valetkey.cli.complaint import Complaint
from valetkey.cli.dev_rpc import DevRpc
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.core.errors import ChainUnavailable, ValetkeyError
from valetkey.core.money import format_units
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.platform.networks import NetworkSettings
    from valetkey.platform.settings import Settings

HEAD_OLD = 600
AHEAD_MAX = 60
"""Seconds that the newest block may be behind us, and ahead of us."""

GAS_OF_ONE = 300_000
"""What a relayed transaction takes, roughly."""

TRANSACTIONS_WARNED, TRANSACTIONS_MIN = 100, 10
"""For so many the relayer should have gas."""


def nodes(settings: "Settings", now: Callable[[], float] = time.time) -> Checks:
    """Each network that is served."""
    for network in settings.networks:
        if network.is_solana:
            yield Check(f"{network.name}: node", SKIP, "a cluster", "GET /readyz looks at it")
            continue
        node = DevRpc(network.rpc_url)
        try:
            yield from _network(node, network, settings, now)
        except ChainUnavailable:
            # Its URL may hold a key and is not told.
            todo = "correct its rpcUrl, or take another node"
            yield Check(f"{network.name}: node", FAIL, "does not answer", todo, Exit.ENVIRONMENT)
        finally:
            node.close()


def _network(
    node: DevRpc, network: "NetworkSettings", settings: "Settings", now: Callable[[], float]
) -> Checks:
    name, wanted = network.name, network.chain.chain_id
    met, head = node.chain_id(), node.call("eth_getBlockByNumber", "latest", False)
    if met != wanted:
        seen = f"is of chain {met}, and {name} is {wanted}"
        yield Check(f"{name}: node", FAIL, seen, "correct its rpcUrl", Exit.INPUT)
        return
    yield Check(f"{name}: node", OK, f"of chain {met}")
    age, number = now() - int(head["timestamp"], 16), int(head["number"], 16)
    if age > HEAD_OLD:
        todo = "the node is behind: take another one"
        yield Check(f"{name}: head", FAIL, f"block {number} is {age:.0f} s old", todo, Exit.ENVIRONMENT)
    elif age < -AHEAD_MAX:
        todo = "set this machine's clock (NTP)"
        yield Check(f"{name}: head", FAIL, f"{-age:.0f} s in the future", todo, Exit.ENVIRONMENT)
    else:
        yield Check(f"{name}: head", OK, f"block {number}, {max(0, age):.0f} s old")
    yield from _contracts(network)
    yield from _gas(node, network, settings)


def _contracts(network: "NetworkSettings") -> Checks:
    async def look(public: Any) -> Any:
        is_play = await public.is_test_token(network.usdc)
        if network.escrow is None:
            return is_play, []
        at = {one: getattr(network, one) for one in ("escrow", "score", "usdc", "allowance")}
        return is_play, await public.verify(at)

    name = network.name
    try:
        from valetkey.cli.public_chain import on_public_chain

        is_play, checks = asyncio.run(
            on_public_chain(network.rpc_url, PrivateKey.generate(), None, None, {}, look)
        )
    except (ValetkeyError, Complaint) as problem:
        yield Check(f"{name}: contracts", FAIL, str(problem), "valetkey contracts verify", Exit.PROOF)
        return
    if is_play:
        seen = f"{network.usdc} is TestUSDC, which anybody may mint"
        yield Check(f"{name}: USDC", FAIL, seen, "name the real token", Exit.PROOF)
    else:
        yield Check(f"{name}: USDC", OK, network.usdc)
    # A platform without grants needs no contract for them.
    wrong = [one for one in checks if not one.holds and (network.allowance or "Allowance" not in one.what)]
    for one in wrong:
        seen = f"{one.what} is {one.found}, and should be {one.expected}"
        yield Check(f"{name}: contracts", FAIL, seen, "valetkey contracts verify", Exit.PROOF)
    if checks and not wrong:
        yield Check(f"{name}: contracts", OK, "are ours, and know each other")
    elif not checks:
        yield Check(f"{name}: contracts", SKIP, "nothing is sold here", "valetkey contracts deploy")


def _gas(node: DevRpc, network: "NetworkSettings", settings: "Settings") -> Checks:
    name = network.name
    if network.allowance is None:
        return
    if settings.relayer_key is None:
        todo = "VALETKEY_RELAYER_KEY_FILE, if it shall pay the gas of grants"
        yield Check(f"{name}: relayer", WARN, "there are grants, and no relayer", todo)
        return
    address = PrivateKey.from_hex(settings.relayer_key.reveal()).address
    wei, price = node.wei(address), int(node.call("eth_gasPrice"), 16)
    count = wei // max(1, GAS_OF_ONE * price)
    seen = f"{address} has {format_units(wei, 18)} {network.chain.coin}, for about {count:,} transactions"
    todo = f"send it some {network.chain.coin}"
    if count < TRANSACTIONS_MIN:
        yield Check(f"{name}: relayer", FAIL, seen, todo, Exit.ENVIRONMENT)
    else:
        short = count < TRANSACTIONS_WARNED
        yield Check(f"{name}: relayer", WARN if short else OK, seen, todo if short else "")
