"""Any function of any contract: its signature, its selector, and its arguments as calldata and back.

Source: the contract ABI specification of Solidity. What eth_abi, which web3 brings, would let pass is refused: bytes
that are too short, and calldata that is not exactly what its arguments encode to.
"""

import re
from dataclasses import dataclass
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import is_address, keccak256

SIGNATURE_CHARS_MAX = 500
CALLDATA_BYTES_MAX = 65_536
SELECTOR_BYTES = 4

_SIGNATURE = re.compile(r"([A-Za-z_$][A-Za-z0-9_$]{0,99})(\(.*\))", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a contract: `signature` in its canonical spelling, such as transfer(address,uint256)."""

    signature: str
    types: tuple[str, ...]

    @property
    def selector(self) -> bytes:
        """The 4 bytes that calldata begins with."""
        return keccak256(self.signature.encode("ascii"))[:SELECTOR_BYTES]


def function_of(text: object) -> Function:
    """A function from its name and the types of its arguments. Raises InvalidInput."""
    from eth_abi.abi import is_encodable_type
    from eth_abi.exceptions import ABITypeError, ParseError
    from eth_abi.grammar import TupleType, normalize, parse

    found = None
    if isinstance(text, str) and len(text) <= SIGNATURE_CHARS_MAX:
        found = _SIGNATURE.fullmatch(text.replace(" ", ""))
    parsed = None
    if found is not None and found[2] == "()":
        return Function(f"{found[1]}()", ())
    # Pointers to functions have a name of their own in a signature, which eth_abi does not keep.
    if found is not None and "function" not in found[2]:
        try:
            parsed = parse(normalize(found[2]))  # type: ignore[no-untyped-call]
            parsed.validate()
            parsed = parsed if is_encodable_type(parsed.to_type_str()) else None
        except (ABITypeError, ParseError, ValueError):
            parsed = None
    if found is None or not isinstance(parsed, TupleType) or parsed.is_array:
        raise InvalidInput(
            "a function is its name and the types of its arguments, such as transfer(address,uint256)",
            field="function",
        )
    types = tuple(one.to_type_str() for one in parsed.components)
    return Function(f"{found[1]}({','.join(types)})", types)


def encode_call(function: Function, args: object) -> bytes:
    """Calldata of a call with these arguments: numbers, texts, bytes or their hex, addresses, lists.

    Raises InvalidInput.
    """
    from eth_abi.abi import encode
    from eth_abi.exceptions import EncodingError

    if not isinstance(args, (list, tuple)):
        raise InvalidInput("the arguments of a function are a list", field="args")
    if len(args) != len(function.types):
        raise InvalidInput(
            f"{function.signature} has {len(function.types)} arguments, not {len(args)}", field="args"
        )
    body = b""
    problem = None
    try:
        values = [_value(kind, value) for kind, value in zip(_parsed(function), args, strict=True)]
        body = encode(function.types, values)
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        problem = error
    if problem is not None:
        # What was given may be a secret of the contract's: its type is named, it is not.
        raise InvalidInput(
            f"an argument does not fit {function.signature} ({type(problem).__name__})", field="args"
        )
    data = function.selector + body
    if len(data) > CALLDATA_BYTES_MAX:
        raise InvalidInput(f"calldata has at most {CALLDATA_BYTES_MAX} bytes", field="args")
    return data


def decode_call(function: Function, data: bytes) -> tuple[Any, ...]:
    """The arguments in calldata that somebody else encoded. Raises InvalidInput unless it is exactly such a call."""
    from eth_abi.abi import decode, encode
    from eth_abi.exceptions import DecodingError, EncodingError

    if data[:SELECTOR_BYTES] != function.selector:
        raise InvalidInput("the data calls another function than it is said to", field="data")
    body, values = data[SELECTOR_BYTES:], None
    try:
        values = tuple(decode(function.types, body)) if function.types else ()
        exact = encode(function.types, values) == body
    except (DecodingError, EncodingError, ValueError, OverflowError):
        exact = False
    if values is None or not exact:
        # Trailing bytes, or a spelling that only some readers take for the same.
        raise InvalidInput("the data is not exactly a call of its function", field="data")
    return values


def decode_words(types: tuple[str, ...], answer: bytes) -> tuple[Any, ...] | None:
    """What a contract answered; None when it is nothing of these types."""
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        return tuple(decode(types, answer))
    except (DecodingError, ValueError, OverflowError):
        return None


def _parsed(function: Function) -> list[Any]:
    from eth_abi.grammar import parse

    return [parse(one) for one in function.types]


def _value(kind: Any, value: Any) -> Any:
    """An argument as eth_abi takes it, with what it would silently mend refused."""
    from eth_abi.grammar import TupleType

    if kind.is_array:
        if not isinstance(value, (list, tuple)):
            raise TypeError("a list is needed")
        return [_value(kind.item_type, one) for one in value]
    if isinstance(kind, TupleType):
        if not isinstance(value, (list, tuple)) or len(value) != len(kind.components):
            raise TypeError("a tuple is needed")
        return tuple(_value(one, part) for one, part in zip(kind.components, value, strict=True))
    if kind.base == "bytes" and isinstance(value, str):
        value = bytes.fromhex(value.removeprefix("0x"))
    if kind.base == "bytes" and kind.sub is not None and len(value) != kind.sub:
        raise ValueError("bytes of a fixed length are given whole")
    if kind.base in ("uint", "int") and isinstance(value, bool):
        raise TypeError("a number is needed")
    if kind.base == "address" and not (isinstance(value, str) and is_address(value)):
        raise ValueError("an address is needed, with its right checksum")
    return value
