"""The sync twins are what the script makes of the async sources, with the same methods and signatures."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from valetkey import (
    AsyncBuyerAgent,
    AsyncClient,
    AsyncSellerAgent,
    AsyncSessionKeyManager,
    BuyerAgent,
    Client,
    SellerAgent,
    SessionKeyManager,
)
from valetkey.chains.evm._async.wallet import AsyncEvmWallet
from valetkey.chains.evm._sync.wallet import EvmWallet
from valetkey.sdk._async.connection import AsyncConnection
from valetkey.sdk._async.desk import AsyncDesk
from valetkey.sdk._sync.connection import Connection
from valetkey.sdk._sync.desk import Desk

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "generate_sync.py"

TWINS: list[tuple[type, type]] = [
    (AsyncBuyerAgent, BuyerAgent),
    (AsyncSellerAgent, SellerAgent),
    (AsyncClient, Client),
    (AsyncConnection, Connection),
    (AsyncDesk, Desk),
    (AsyncEvmWallet, EvmWallet),
    (AsyncSessionKeyManager, SessionKeyManager),
]


def test_the_committed_twins_are_those_of_the_sources() -> None:
    ran = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def public(kind: type) -> dict[str, object]:
    return {
        name: inspect.getattr_static(kind, name)
        for name in dir(kind)
        if not name.startswith("_") or name in {"__init__"}
    }


def spelled(function: object) -> str:
    """A signature as a user of the sync side reads it."""
    text = str(inspect.signature(function)).replace("_async", "_sync").replace("Async", "")  # type: ignore[arg-type]
    return text.replace("collections.abc.Awaitable[None]", "None")


@pytest.mark.parametrize(("of_async", "of_sync"), TWINS, ids=lambda kind: kind.__name__)
def test_both_have_the_same_methods(of_async: type, of_sync: type) -> None:
    ours, theirs = public(of_async), public(of_sync)
    assert ours.keys() == theirs.keys()
    for name, member in ours.items():
        assert type(theirs[name]) is type(member), name
        if callable(getattr(of_async, name)):
            one, other = getattr(of_async, name), getattr(of_sync, name)
            assert spelled(one) == spelled(other), name
            assert (one.__doc__ or "").replace("Async", "") == (other.__doc__ or ""), name


@pytest.mark.parametrize(("of_async", "of_sync"), TWINS, ids=lambda kind: kind.__name__)
def test_the_sync_side_awaits_nothing(of_async: type, of_sync: type) -> None:
    for name, member in public(of_sync).items():
        assert not inspect.iscoroutinefunction(member), name
        assert not inspect.isasyncgenfunction(member), name
    assert any(inspect.iscoroutinefunction(member) for member in public(of_async).values())


def test_agents_are_context_managers_on_both_sides() -> None:
    assert {"__aenter__", "__aexit__"} <= set(dir(AsyncBuyerAgent))
    assert {"__enter__", "__exit__"} <= set(dir(BuyerAgent))
    assert not {"__aenter__", "__aexit__"} & set(dir(BuyerAgent))


def test_no_async_word_is_left_in_the_twins() -> None:
    for folder in ("src/valetkey/sdk/_sync", "src/valetkey/chains/evm/_sync"):
        for path in (ROOT / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            code = text.partition("\n")[2] if text.startswith("# Generated") else ""
            for word in ("async ", "await ", "_async", "asyncio", "Awaitable", "aclose"):
                assert word not in code, f"{path.name}: {word}"
