"""The members of actions, checked as they come in: accounts, amounts, tokens, ways of swaps, calldata."""

from decimal import Decimal
from typing import cast

from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import NATIVE, parse_units, to_decimal
from valetkey.crypto import base58
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.amounts import Amount, decimal_of
from valetkey.wire.abi import CALLDATA_BYTES_MAX

TOKEN_CHARS_MAX = 44
DECIMALS = (0, 6, 18)
PATH_MAX = 8


def account(address: object, field: str) -> str:
    """An address as EIP-55 spells it. Raises InvalidInput for nobody's, and for a checksum that is wrong."""
    if not isinstance(address, str) or not is_address(address):
        raise InvalidInput(
            f"{field} is not an address, or its checksum is wrong", code="invalid_address", field=field
        )
    if address.lower() == NATIVE:
        raise InvalidInput(
            f"{field} is the zero address, which is nobody's", code="invalid_address", field=field
        )
    return checksum_address(address)


def payee(given: object, field: str) -> str:
    """Who is paid, on an EVM chain as EIP-55 spells it, or on Solana. Which one is meant shows later."""
    return solana_account(given, field) if is_of_solana(given) else account(given, field)


def is_of_solana(given: object) -> bool:
    """Whether this is an address of Solana."""
    return isinstance(given, str) and not given.startswith("0x") and base58.is_solana_address(given)


def solana_account(given: object, field: str) -> str:
    """An address of Solana. Raises InvalidInput for one that is none, and for nobody's."""
    if not isinstance(given, str) or not is_of_solana(given) or not any(base58.decode(given)):
        raise InvalidInput(
            f"{field} is not an address of Solana, 32 bytes in base58", code="invalid_address", field=field
        )
    return given


def amount(given: object, field: str = "amount", *, least: int = 1) -> Decimal:
    """An exact amount, more than nothing unless `least` is 0. Raises InvalidAmount."""
    problem = ""
    # Which decimals a token has is known later; what fits none of these is no amount of a real one.
    for decimals in DECIMALS:
        try:
            units = parse_units(decimal_of(cast(Amount, given)), decimals)
        except InvalidAmount as error:
            problem = str(error)
            continue
        if units >= least:
            return to_decimal(units, decimals)
        problem = "an amount is more than nothing"
    raise InvalidAmount(f"{field}: {problem}", field=field)


def token(given: object, field: str = "token") -> str:
    """A token by its name, or by its address in EIP-55. Raises InvalidInput."""
    if isinstance(given, str) and given.startswith("0x"):
        return account(given, field)
    if (
        not isinstance(given, str)
        or not given.isalnum()
        or not given.isascii()
        or len(given) > TOKEN_CHARS_MAX
    ):
        raise InvalidInput(f"{field} is a token's name or address", code="unknown_token", field=field)
    return given


def path(given: object) -> tuple[str, ...] | None:
    """The addresses of tokens on a way; None when none is given. Raises InvalidInput."""
    if given is None:
        return None
    if not isinstance(given, (list, tuple)):
        raise InvalidInput("a path is a list of addresses", field="path")
    if not 2 <= len(given) <= PATH_MAX:
        raise InvalidInput(f"a path has 2 to {PATH_MAX} tokens", field="path")
    return tuple(account(one, "path") for one in given)


def calldata(given: object) -> bytes:
    """Calldata, from bytes or their hex. Raises InvalidInput."""
    data = given
    if isinstance(given, str):
        try:
            data = bytes.fromhex(given.removeprefix("0x"))
        except ValueError:
            data = None
    if not isinstance(data, bytes) or len(data) > CALLDATA_BYTES_MAX:
        raise InvalidInput("data is calldata, bytes or their hex", field="data")
    return data
