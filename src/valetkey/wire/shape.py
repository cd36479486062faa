"""What all JSON shapes share: camelCase names, and the fields that several of them use."""

from decimal import Decimal
from typing import Annotated

import msgspec

from valetkey.core.addresses import EVM_ADDRESS, SOLANA_ADDRESS
from valetkey.core.errors import InvalidAmount
from valetkey.core.money import CURRENCY_DECIMALS, parse_units

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""An identifier that a caller sends."""

END = r"$(?!\n)"
"""The end of a text in a pattern: Python's `$` alone also matches before a last line break."""

Hash = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}" + END)]
"""32 bytes in hex with 0x: a transaction hash, a criteria hash."""

Address = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}" + END)]
"""An EVM address; its checksum is looked at when it is used."""

AnyAddress = Annotated[str, msgspec.Meta(pattern=f"^({EVM_ADDRESS}|{SOLANA_ADDRESS})" + END)]
"""Whom or what a spend is about: an EVM address, or one of Solana, in which another case is another address."""

Currency = Annotated[str, msgspec.Meta(extra_json_schema={"enum": sorted(CURRENCY_DECIMALS)})]
"""One of the known currencies, to a reader of the schema; `check_currency` looks."""

PublicKeyHex = Annotated[str, msgspec.Meta(pattern="^0[23][0-9a-fA-F]{64}" + END)]
"""A compressed public key: 66 hex digits, no 0x."""

AnyPublicKeyHex = Annotated[str, msgspec.Meta(pattern="^(?:0[23][0-9a-fA-F]{64}|[0-9a-fA-F]{64})" + END)]
"""A compressed public key, 66 hex digits, or one of Ed25519, 64; no 0x."""

Payload = msgspec.Raw | msgspec.UnsetType
"""Any JSON value, kept as the bytes that were sent: key order and numbers count."""


class Request(msgspec.Struct, rename="camel", kw_only=True):
    """What a client sends. Members that the shape does not know are ignored."""


class View(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """What the platform answers. A member that is at its default (None, absent) is left out."""


def check_currency(currency: str) -> None:
    """Raise ValueError unless its decimals are known."""
    if currency not in CURRENCY_DECIMALS:
        raise ValueError(f"currency: one of {', '.join(sorted(CURRENCY_DECIMALS))}")


def check_amount(amount: Decimal | None, field: str, currency: str = "USDC") -> None:
    """Raise InvalidAmount unless the number is an exact amount of the currency; None passes.

    The message begins with the field, because a decoder that calls this knows only the object it is in.
    """
    if amount is None:
        return
    try:
        parse_units(amount, CURRENCY_DECIMALS[currency])
    except InvalidAmount as problem:
        raise InvalidAmount(f"{field}: {problem}", field=field) from None
