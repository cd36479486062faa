"""What is elsewhere: the platform, its clock, the chain behind it, the contracts on it, and who we are there."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from valetkey.cli.complaint import Complaint
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.cli.rpc import DevRpc
from valetkey.core.errors import ChainUnavailable, InvalidInput, ValetkeyError
from valetkey.core.money import format_units
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.config import base_url_of, checked_url
from valetkey.sdk.errors import ScopeMissing, Unauthenticated
from valetkey.wire.errors import Exit, exit_code_of

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.network import NetworkView

PATIENCE_SECONDS = 10.0
SKEW_WARNED, SKEW_MAX = 5, 60
"""Seconds between two clocks: what is told, and what ends sessions, registrations and signatures before their time."""

HEAD_OLD = 600
ETH_DECIMALS, USDC_DECIMALS = 18, 6


class Remote:
    """The checks of one run; what one of them learns the next one uses."""

    def __init__(self, place: "Place", now: Callable[[], float] = time.time) -> None:
        self._place = place
        self._now = now
        self._network: NetworkView | None = None

    def platform(self) -> Checks:
        """Whether it answers, is ready, and has our time."""
        url = self._place.configured.text("base_url")
        if url is None:
            yield Check("platform", SKIP, "no base URL", "--base-url, or set VALETKEY_BASE_URL")
            return
        try:
            base = base_url_of(url)
            answer = httpx.get(f"{base}/readyz", timeout=PATIENCE_SECONDS, trust_env=False)
        except InvalidInput as problem:
            yield Check("platform", FAIL, str(problem), "correct the base URL", Exit.INPUT)
            return
        except httpx.HTTPError as problem:
            todo = "is it running, and is the base URL right? valetkey serve, or valetkey dev"
            yield Check(
                "platform", FAIL, f"no answer from {base} ({type(problem).__name__})", todo, Exit.ENVIRONMENT
            )
            return
        if answer.status_code == 200:
            yield Check("platform", OK, f"{base} is ready")
        else:
            yield Check(
                "platform",
                FAIL,
                f"{base} answered {answer.status_code}: {_failing(answer)}",
                "its operator's log says why",
                Exit.ENVIRONMENT,
            )
        yield self._clock("clock of the platform", answer.headers.get("Date"))
        try:
            self._network = self._place.network()
        except ValetkeyError as problem:
            yield Check("network", FAIL, str(problem), "is this a Valetkey platform?", exit_code_of(problem))
            return
        yield Check("network", OK, f"{self._network.network}, chain {self._network.chain_id}")

    def _clock(self, name: str, date: str | None) -> Check:
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, TypeError):
            return Check(name, SKIP, "it tells no date")
        return self._skew(name, self._now() - theirs)

    def _skew(self, name: str, seconds: float) -> Check:
        told = f"ours is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}"
        if abs(seconds) > SKEW_MAX:
            return Check(name, FAIL, told, "set this machine's clock (NTP)", Exit.ENVIRONMENT)
        if abs(seconds) > SKEW_WARNED:
            return Check(name, WARN, told, "set this machine's clock (NTP)")
        return Check(name, OK, "the same as ours")

    def chain(self) -> Checks:
        """The node, the number of its chain, its head's time, and the code at the contracts' addresses."""
        url = self._place.configured.text("rpc_url") or (self._network and self._network.rpc_url)
        if not url:
            yield Check("chain", SKIP, "no node is named", "--rpc-url, or set VALETKEY_RPC_URL")
            return
        try:
            checked_url(url, "the RPC URL")
        except InvalidInput as problem:
            yield Check("chain", FAIL, str(problem), "correct the RPC URL", Exit.INPUT)
            return
        node = DevRpc(url)
        try:
            yield from self._looked_at(node)
        except ChainUnavailable:
            # Its URL may hold a key and is not told.
            yield Check("chain", FAIL, "the node does not answer", "is the RPC URL right?", Exit.ENVIRONMENT)
        finally:
            node.close()

    def _looked_at(self, node: DevRpc) -> Checks:
        chain_id, head = node.chain_id(), node.call("eth_getBlockByNumber", "latest", False)
        network = self._network
        if network is not None and chain_id != network.chain_id:
            todo = "name a node of the platform's chain with --rpc-url"
            seen = f"the node is of chain {chain_id}, the platform of {network.chain_id}"
            yield Check("chain id", FAIL, seen, todo, Exit.INPUT)
            return
        yield Check("chain id", OK, str(chain_id))
        age = self._now() - int(head["timestamp"], 16)
        told = f"block {int(head['number'], 16)}, {max(0, age):.0f} s old"
        if age < -SKEW_MAX:
            seen = f"the newest block is {-age:.0f} s in the future"
            yield Check("chain's head", FAIL, seen, "set this machine's clock (NTP)", Exit.ENVIRONMENT)
        elif age > HEAD_OLD and not (network is not None and network.test_mode):
            yield Check("chain's head", WARN, told, "the node may be behind: try another one")
        else:
            yield Check("chain's head", OK, told)
        if network is None:
            return
        contracts = network.contracts
        for name in ("escrow", "score", "usdc", "allowance"):
            address = getattr(contracts, name)
            if address is None:
                yield Check(f"contract {name}", SKIP, "the platform has none here")
            elif node.has_code(address):
                yield Check(f"contract {name}", OK, address)
            else:
                todo = "valetkey contracts deploy, or another node"
                yield Check(f"contract {name}", FAIL, f"no code at {address}", todo, Exit.PROOF)
        yield from self._balances(node, network)

    def _balances(self, node: DevRpc, network: "NetworkView") -> Checks:
        if network.relayer is not None:
            yield _gas("relayer's gas", network.relayer, node.wei(network.relayer), "its operator refills it")
        try:
            key = self._place.secret("owner_key")
            wallet = None if key is None else PrivateKey.from_hex(key.reveal()).address
        except (Complaint, InvalidInput) as problem:
            yield Check("wallet", FAIL, str(problem), "correct the file of the key", Exit.INPUT)
            return
        if wallet is None:
            yield Check("wallet", SKIP, "no private key", "--key-file, to look at the owner's wallet")
            return
        yield _gas("wallet's gas", wallet, node.wei(wallet), f"send some ETH to {wallet}")
        if not node.has_code(network.contracts.usdc):
            return
        units = node.units(network.contracts.usdc, wallet)
        seen = f"{format_units(units, USDC_DECIMALS)} USDC"
        yield Check(
            "wallet's USDC", OK if units else WARN, seen, "" if units else f"send some USDC to {wallet}"
        )

    def credentials(self) -> Checks:
        """The API key and the bundle: whether the platform knows them, and what they may."""
        for name, title, look in (("api_key", "API key", self._api_key), ("bundle", "session", self._bundle)):
            try:
                there = self._place.secret(name) is not None
            except Complaint as problem:
                yield Check(title, FAIL, str(problem), problem.hint or "correct its file", problem.exit_code)
                continue
            if not there:
                yield Check(title, SKIP, f"no {title} is at hand")
            elif self._network is None:
                yield Check(title, SKIP, "there is no platform to ask")
            else:
                yield self._asked(title, look)

    def _asked(self, title: str, look: Callable[[], Check]) -> Check:
        try:
            return look()
        except Unauthenticated as problem:
            return Check(title, FAIL, str(problem), "get another one from the owner", Exit.CREDENTIAL)
        except ValetkeyError as problem:
            todo = "the platform says no more than this"
            return Check(title, FAIL, str(problem), todo, exit_code_of(problem))

    def _api_key(self) -> Check:
        owner = self._place.owner()
        may = [name for name, call in _READS.items() if _may(owner, call)]
        if not may:
            return Check(
                "API key", WARN, "valid, and may read nothing", "valetkey agent keys create --scope read"
            )
        return Check("API key", OK, f"valid, may read {', '.join(may)}")

    def _bundle(self) -> Check:
        view = self._place.holder().session
        if view is None:
            return Check("session", WARN, "the bundle has no token", "it is of another platform's seller")
        seen = f"{view.session_id} is {view.status}, {view.remaining_usdc or 'unlimited'} USDC left"
        if view.status == "active":
            return Check("session", OK, seen)
        return Check("session", WARN, seen, "ask its owner: session resume, extend, or another one")


_READS: dict[str, Callable[[Any], object]] = {
    "sessions": lambda owner: owner.list_sessions(limit=1),
    "spends": lambda owner: owner.list_spends(limit=1),
    "keys": lambda owner: owner.api_keys(),
}


def _may(owner: Any, call: Callable[[Any], object]) -> bool:
    try:
        call(owner)
    except ScopeMissing:
        return False
    return True


def _gas(name: str, address: str, wei: int, todo: str) -> Check:
    seen = f"{format_units(wei, ETH_DECIMALS)} ETH at {address}"
    return Check(name, OK if wei else WARN, seen, "" if wei else todo)


def _failing(answer: httpx.Response) -> str:
    try:
        return ", ".join(answer.json()["details"]["failing"])
    except (ValueError, KeyError, TypeError):
        return "it is not ready"
