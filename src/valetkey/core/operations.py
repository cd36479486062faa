"""Names of what a session may do with its money, as policies list them and spends say them.

A contract, or a contract and one of its functions, is a part of the name: so the one rule about operations decides on
it, and nobody else. All of them fit the pattern of policy.py.
"""

import re

from valetkey.core.errors import InvalidInput

TRANSFER = "transfer"
"""Paying somebody."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
SELECTOR_BYTES = 4


def approve_operation(contract: str) -> str:
    """Letting a contract take so much. `contract` is an address in any case of its letters."""
    return f"approve.{_digits(contract)}"


def call_operation(contract: str, selector: bytes) -> str:
    """Calling one function of a contract; `selector` is its 4 bytes."""
    if len(selector) != SELECTOR_BYTES:
        raise InvalidInput("a selector has 4 bytes", field="function")
    return f"call.{selector.hex()}.{_digits(contract)}"


def swap_operation(router: str) -> str:
    """Swapping through a router."""
    return f"swap.{_digits(router)}"


def _digits(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise InvalidInput("an address is 0x and 40 hex digits", code="invalid_address")
    return address[2:].lower()
