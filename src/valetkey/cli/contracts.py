"""`valetkey contracts`: put the contracts on a chain, and check that they are what they should be."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from valetkey.cli.complaint import Complaint
from valetkey.cli.waiting import Waiting, unsaid
from valetkey.core.money import format_units
from valetkey.crypto.keys import PrivateKey, checksum_address, is_address
from valetkey.wire.errors import Exit

T = TypeVar("T")

ETH_DECIMALS = 18


class PublicChain(Protocol):
    """What public_chain.py knows of chains, and nobody else here; see chains/evm/public.py."""

    async def survey(self) -> Any: ...

    async def carry_out(self, found: Any, said: Callable[[str], None]) -> None: ...

    async def verify(self, addresses: dict[str, str | None]) -> Any: ...


def key_of(file: Path | None, variable: str) -> PrivateKey:
    """A private key from a file, or from a variable of the environment; never from an argument, which others see."""
    text = os.environ.get(variable, "")
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise Complaint(f"the key file {file} cannot be read", Exit.INPUT) from None
    if not text.strip():
        raise Complaint(f"a private key is needed: --key-file, or {variable}", Exit.INPUT)
    return PrivateKey.from_hex(text.strip())


def address_of(text: str, what: str) -> str:
    """An address, EIP-55. Raises Complaint for one that is none, or whose checksum is wrong."""
    if not is_address(text):
        raise Complaint(f"{what} is no address, or its checksum is wrong", Exit.INPUT)
    return checksum_address(text)


def run_deploy(
    chain: Callable[[Callable[[PublicChain], Awaitable[T]]], Awaitable[T]],
    config: Path | None,
    entry: Callable[[Any], dict[str, Any]],
    *,
    dry_run: bool,
    as_json: bool,
    waiting: Waiting = unsaid,
) -> int:
    """Deploy what is missing, or tell what would be; 0 when nothing is missing in the end."""

    async def work(public: PublicChain) -> tuple[Any, Any]:
        with waiting("reading the chain"):
            before = await public.survey()
        if config is not None:
            # Whatever is wrong with it is said before anything is paid for.
            _with_entry(config, entry(before))
            if not dry_run:
                _write(_half_of(config), "")
                _half_of(config).unlink()
        if not as_json:
            _show(before)
        if dry_run or before.is_done:
            return before, before
        await public.carry_out(before, lambda text: None if as_json else print(f"sending {text} ..."))
        with waiting("reading the chain"):
            return before, await public.survey()

    before, after = asyncio.run(_with(chain, work))
    if config is not None and not dry_run:
        keep_entry(config, entry(after))
    if as_json:
        print(json.dumps(_data(after, dry_run=dry_run)), flush=True)
    else:
        _end(before, after, dry_run=dry_run)
    return Exit.OK if after.is_done or dry_run else Exit.CONFLICT


def run_verify(
    chain: Callable[[Callable[[PublicChain], Awaitable[T]]], Awaitable[T]],
    addresses: dict[str, str | None],
    *,
    as_json: bool,
    waiting: Waiting = unsaid,
) -> int:
    """Check the contracts; 0 when everything holds."""
    with waiting("reading the chain"):
        checks = asyncio.run(_with(chain, lambda public: public.verify(addresses)))
    holds = all(one.holds for one in checks)
    if as_json:
        data = [{"what": c.what, "expected": c.expected, "found": c.found, "holds": c.holds} for c in checks]
        print(json.dumps({"ok": holds, "checks": data}), flush=True)
        return Exit.OK if holds else Exit.PROOF
    for one in checks:
        mark = "ok  " if one.holds else "WRONG"
        told = one.found if one.holds else f"{one.found}, expected {one.expected}"
        print(f"{mark:<6} {one.what:<26} {told}")
    print("everything holds" if holds else "something is not as it must be")
    return Exit.OK if holds else Exit.PROOF


async def _with(chain: Any, work: Any) -> Any:
    return await chain(work)


def read_entry(
    config: Path, chain_id: int, chain_id_of: Callable[[dict[str, Any]], int | None]
) -> dict[str, Any]:
    """A chain's entry of a configuration. Raises Complaint when there is none."""
    for one in _entries(config):
        if chain_id_of(one) == chain_id:
            return one
    raise Complaint(f"{config} has no entry for chain {chain_id}", Exit.NOT_FOUND)


def keep_entry(config: Path, entry: dict[str, Any]) -> None:
    """Write a chain's entry into the configuration of VALETKEY_NETWORKS_FILE, whole or not at all; others stay."""
    text = json.dumps(_with_entry(config, entry), indent=2) + "\n"
    half = _half_of(config)
    _write(half, text)
    try:
        half.replace(config)
    except OSError as error:
        raise Complaint(f"cannot write {config}: {error.strerror}", Exit.ENVIRONMENT) from None


def _half_of(config: Path) -> Path:
    """What is written first, and then takes its place."""
    return config.with_name(config.name + ".new")


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Complaint(f"cannot write {path}: {error.strerror}", Exit.ENVIRONMENT) from None


def _with_entry(config: Path, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The configuration with this entry, which keeps what else was said of its network."""
    known = _entries(config) if config.exists() else []
    before = next((one for one in known if one.get("network") == entry["network"]), {})
    return [*(one for one in known if one.get("network") != entry["network"]), before | entry]


def _entries(config: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Complaint(f"{config} cannot be read as JSON", Exit.INPUT) from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Complaint(f"{config} is no list of networks", Exit.INPUT)
    return found


def _data(found: Any, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "done": found.is_done,
        "chain_id": found.chain_id,
        "deployer": found.deployer,
        "balance_wei": str(found.balance),
        "gas": found.gas,
        "cost_wei": str(found.cost),
        "roles": {
            "owner": found.roles.owner,
            "treasury": found.roles.treasury,
            "resolver": found.roles.resolver,
            "tokens": list(found.roles.tokens),
        },
        "contracts": {one.name: {"address": one.address, "there": one.is_there} for one in found.pieces},
        "settings": [
            {"call": one.text, "to": one.to, "data": "0x" + one.data.hex(), "done": one.is_done}
            for one in found.settings
        ],
    }


def _show(found: Any) -> None:
    roles = found.roles
    print(f"chain {found.chain_id}, deployer {found.deployer}, {_eth(found.balance)} ETH\n")
    for name, value in (
        ("owner", roles.owner),
        ("treasury", roles.treasury),
        ("resolver", roles.resolver),
        ("tokens", ", ".join(roles.tokens)),
    ):
        print(f"  {name:<18} {value}")
    print()
    for one in found.pieces:
        state = "is there" if one.is_there else f"missing, about {one.gas} gas"
        print(f"  {one.name:<18} {one.address}  {state}")
    for one in found.settings:
        print(f"  {'is so' if one.is_done else 'to be called':<18} {one.text}")
    if not found.has_proxy:
        print("  the deterministic deployment proxy is missing and is brought first")
    print(f"\n  in all about {found.gas} gas, {_eth(found.cost)} ETH\n")


def _end(before: Any, after: Any, *, dry_run: bool) -> None:
    if before.is_done:
        print("everything is there: nothing was sent")
    elif dry_run:
        print("dry run: nothing was sent")
    elif after.is_done:
        print("everything is there")
    left = [one for one in after.settings if not one.is_done]
    if left and not dry_run:
        print(f"the owner {after.roles.owner} has to send:")
        for one in left:
            print(f"  to {one.to}  data 0x{one.data.hex()}  ({one.text})")


def _eth(wei: int) -> str:
    return format_units(wei, ETH_DECIMALS)
