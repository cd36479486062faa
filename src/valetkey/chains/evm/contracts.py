"""The compiled contracts as they are shipped: ABI, creation code, storage layout. Made by `make contracts`."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from valetkey.crypto.keys import keccak256

Name = Literal["Escrow", "Score", "SessionAllowance", "TestUSDC"]


def abi(name: Name) -> list[dict[str, Any]]:
    """The contract's ABI (Solidity's JSON)."""
    found: list[dict[str, Any]] = _artifact(name)["abi"]
    return found


def bytecode(name: Name) -> bytes:
    """The code that creates the contract; the constructor's arguments come after it."""
    return bytes.fromhex(_artifact(name)["bytecode"].removeprefix("0x"))


def runtime_code(name: Name) -> bytes:
    """The contract's code as it is on a chain; ours have no immutables, so that it is the same everywhere."""
    return bytes.fromhex(_artifact(name)["runtime_bytecode"].removeprefix("0x"))


@cache
def event_topic(name: Name, event: str) -> bytes:
    """The first topic of an event's logs: keccak256 of its signature, 32 bytes."""
    (entry,) = (one for one in abi(name) if one["type"] == "event" and one["name"] == event)
    types = ",".join(field["type"] for field in entry["inputs"])
    return keccak256(f"{event}({types})".encode("ascii"))


def constructor_types(name: Name) -> tuple[str, ...]:
    """The types of the constructor's arguments, in order."""
    entries = [one for one in abi(name) if one["type"] == "constructor"]
    return tuple(field["type"] for entry in entries for field in entry["inputs"])


@cache
def _artifact(name: Name) -> dict[str, Any]:
    text = (files(__package__) / "artifacts" / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
