"""Calls that pay: the key of each, made from what it says, and what is remembered of it, so that a retry pays nothing.

See docs/decisions/0021-a-call-of-a-tool-is-its-own-idempotency-key.md.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec

from valetkey.mcp.answers import Json, decimal
from valetkey.sdk.executions import bucket
from valetkey.sdk.state import StateFolder, StateUnusable
from valetkey.seam import async_sleep

ROOM = "mcp-calls"
LOCK_PAUSE_SECONDS = 0.05

BEGUN, DONE = "begun", "done"


class Kept(msgspec.Struct):
    """What is known of a call: `state` begun (it may have paid) or done, when it began, and what it was answered."""

    state: str
    at: str
    answer: dict[str, Any] = msgspec.field(default_factory=dict)


class Calls:
    """The calls of one session, or of one owner, in its state folder."""

    def __init__(self, folder: StateFolder, whose: str) -> None:
        self._folder = folder
        self._whose = whose

    def key(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """The idempotency key of a call: the same for every spelling of the same call, and for no other one."""
        told = json.dumps([self._whose, tool, _plain(arguments)], sort_keys=True, separators=(",", ":"))
        return f"mcp-{hashlib.sha256(told.encode('utf-8')).hexdigest()}"

    def read(self, key: str) -> Kept | None:
        """What is known of a call; None when nothing is. Raises StateUnusable."""
        found = self._folder.read(ROOM, key)
        if found is None:
            return None
        kept = None
        try:
            kept = msgspec.json.decode(found, type=Kept)
        except msgspec.MsgspecError:
            kept = None
        if kept is None:
            raise StateUnusable("what is kept of this call cannot be read")
        return kept

    def begin(self, key: str, at: str, answer: Json | None = None) -> None:
        """From here on the call may have paid, or made something; on the disk when this returns."""
        self._folder.write(ROOM, key, msgspec.json.encode(Kept(BEGUN, at, answer or {})))

    def done(self, key: str, at: str, answer: Json) -> None:
        """What the call was answered, for ever."""
        self._folder.write(ROOM, key, msgspec.json.encode(Kept(DONE, at, answer)))

    def forget(self, key: str) -> None:
        """Nothing was paid by it, and nothing can be any more."""
        self._folder.remove(ROOM, key)

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Nobody else makes this call meanwhile, in any process that shares the state folder."""
        while (lock := self._folder.try_lock(bucket(ROOM, key))) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._folder.unlock(lock)


AMOUNTS = frozenset({"amount", "approval_above", "budget", "max_amount", "max_total", "per_spend"})
ADDRESSES = frozenset({"to", "token"})
SAME: Mapping[str, Any] = {"again": 0, "encrypt": True, "method": "GET", "quantity": 1, "token": "USDC"}
"""What is meant where nothing is said: who says it says no more."""


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One spelling of every call: 1.50 is 1.5, an address has no case, and what is not said is not there."""
    told = {name: value for name, value in arguments.items() if value is not None}
    for name in AMOUNTS & told.keys():
        told[name] = decimal(Decimal(told[name]))
    for name in ADDRESSES & told.keys():
        # Of Solana's addresses, and of symbols, another case is another one.
        told[name] = told[name].lower() if told[name].startswith("0x") else told[name]
    return {name: value for name, value in told.items() if name not in SAME or value != SAME[name]}
