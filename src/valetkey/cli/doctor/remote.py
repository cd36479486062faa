"""What is elsewhere: the platform, its clock, the chain behind it, the contracts on it, and who we are there."""

import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx

from valetkey.cli.complaint import Complaint
from valetkey.cli.dev_rpc import DevRpc
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.core.errors import ChainUnavailable, InvalidInput, ValetkeyError
from valetkey.core.money import format_units
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.config import base_url_of, checked_url
from valetkey.sdk.errors import (
    NotFound,
)
from valetkey.wire.errors import Exit, exit_code_of

if TYPE_CHECKING:
    from valetkey.cli.place import Place
    from valetkey.wire.network import NetworkView

PATIENCE_SECONDS = 10.0
SKEW_WARNED, SKEW_MAX = 5, 60
"""Seconds between two clocks: what is told, and what ends sessions, registrations and signatures before their time."""

HIDDEN = (401, 403, 404)
"""What a proxy answers that keeps health inside."""

_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)
_VERSION = re.compile(_RELEASE.pattern + r"[0-9A-Za-z.+-]{0,40}", re.ASCII)

HEAD_OLD = 600
ETH_DECIMALS, USDC_DECIMALS = 18, 6


class Remote:
    """The checks of one run; what one of them learns the next one uses."""

    def __init__(self, place: "Place", now: Callable[[], float] = time.time) -> None:
        self._place = place
        self._now = now
        self.network: NetworkView | None = None

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
        network = self._network_told()
        yield self._ready(base, answer)
        yield self._clock("clock of the platform", answer.headers.get("Date"))
        yield network
        if self.network is not None:
            yield self._version()

    def _network_told(self) -> Check:
        try:
            self.network = self._place.network()
        except ValetkeyError as problem:
            todo = "correct the base URL: no Valetkey platform answers there"
            return Check("network", FAIL, str(problem), todo, exit_code_of(problem))
        return Check("network", OK, f"{self.network.network}, chain {self.network.chain_id}")

    def _ready(self, base: str, answer: httpx.Response) -> Check:
        if answer.status_code == 200:
            return Check("platform", OK, f"{base} is ready")
        if answer.status_code in HIDDEN and self.network is not None:
            return Check("platform", OK, f"{base} answers; it tells no stranger whether it is ready")
        seen = f"{base} answered {answer.status_code}: {_failing(answer)}"
        return Check("platform", FAIL, seen, "its operator's log says why", Exit.ENVIRONMENT)

    def _version(self) -> Check:
        ours = version("valetkey")
        try:
            theirs = self._place.newcomer().platform_version()
        except NotFound:
            seen = f"it tells no version, so it is older than valetkey {ours} here"
            return Check("platform's version", WARN, seen, "its operator updates it")
        except ValetkeyError as problem:
            return Check("platform's version", WARN, str(problem), "look again: valetkey doctor")
        if not _VERSION.fullmatch(theirs):
            # It is told, and a line to paste is made of it.
            return Check(
                "platform's version", WARN, "it tells no version that can be read", "ask its operator"
            )
        if theirs == ours:
            return Check("platform's version", OK, f"valetkey {theirs}, as here")
        if _numbers(theirs) > _numbers(ours):
            seen = f"valetkey {theirs}, newer than {ours} here"
            return Check("platform's version", WARN, seen, f"pip install 'valetkey=={theirs}'")
        seen = f"valetkey {theirs}, older than {ours} here"
        todo = "its operator updates it, or pip install the same here: what is newer is not known there"
        return Check("platform's version", WARN, seen, todo)

    def _clock(self, name: str, date: str | None) -> Check:
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, TypeError):
            return Check(name, SKIP, "it tells no date", "a proxy on the way takes the Date header out")
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
        url = self._place.configured.text("rpc_url") or (self.network and self.network.rpc_url)
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
            todo = "name another one with --rpc-url"
            yield Check("chain", FAIL, "the node does not answer", todo, Exit.ENVIRONMENT)
        finally:
            node.close()

    def _looked_at(self, node: DevRpc) -> Checks:
        chain_id, head = node.chain_id(), node.call("eth_getBlockByNumber", "latest", False)
        network = self.network
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
                yield Check(f"contract {name}", SKIP, "the platform has none here", _WITHOUT[name])
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


_WITHOUT = {
    "escrow": "nothing is sold here; its operator deploys it: valetkey contracts deploy",
    "score": "nothing is sold here; its operator deploys it: valetkey contracts deploy",
    "allowance": "sessions have no grants here; its operator deploys it: valetkey contracts deploy",
}


def _gas(name: str, address: str, wei: int, todo: str) -> Check:
    seen = f"{format_units(wei, ETH_DECIMALS)} ETH at {address}"
    return Check(name, OK if wei else WARN, seen, "" if wei else todo)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in _RELEASE.match(version)[0].split("."))  # type: ignore[index]  # it is a version


def _failing(answer: httpx.Response) -> str:
    try:
        return ", ".join(answer.json()["details"]["failing"])
    except (ValueError, KeyError, TypeError):
        return "it is not ready"
