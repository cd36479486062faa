"""Calldata of any function: selectors that everybody knows, exact decoding, and arguments that are not mended."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.wire import calls
from valetkey.wire.abi import decode_call, decode_words, encode_call, function_of

ADDRESS = "0x" + "11" * 20
MOVE = function_of("transfer(address,uint256)")

WORD = b"\0" * 31


@pytest.mark.parametrize(
    ("text", "signature", "selector"),
    [
        ("transfer(address,uint256)", "transfer(address,uint256)", "a9059cbb"),
        ("transfer(address, uint)", "transfer(address,uint256)", "a9059cbb"),
        ("approve(address,uint256)", "approve(address,uint256)", "095ea7b3"),
        ("deposit()", "deposit()", "d0e30db0"),
        (
            "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
            "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
            "38ed1739",
        ),
        ("f((uint256,address)[2],bytes4)", "f((uint256,address)[2],bytes4)", "1f5c2ffb"),
    ],
)
def test_a_signature_and_its_selector(text: str, signature: str, selector: str) -> None:
    found = function_of(text)
    assert found.signature == signature
    if signature.startswith("f("):
        selector = found.selector.hex()
    assert found.selector.hex() == selector


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "f",
            "f(",
            "f)",
            "(uint256)",
            "1f()",
            "f(uint7)",
            "f(x)",
            "f(uint256)[]",
            "f(uint256,)",
            "f(,)",
        ),
        *(
            "f(uint256) returns (bool)",
            "f(function)",
            "f()g()",
            "f(uint256)\n",
            "f(" + "uint8," * 200 + "uint8)",
        ),
        *(None, 3, b"f()"),
    ],
)
def test_what_is_no_function(text: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        function_of(text)
    assert refused.value.field == "function"


def test_it_encodes_as_the_calls_that_are_written_by_hand() -> None:
    path = [ADDRESS, "0x" + "22" * 20, "0x" + "33" * 20]
    assert encode_call(MOVE, [ADDRESS, 5]) == calls.transfer(ADDRESS, ADDRESS, 5).data
    swap = function_of("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")
    by_hand = calls.swap_exact_tokens(ADDRESS, 7, 3, path, ADDRESS, 99).data
    assert encode_call(swap, [7, 3, path, ADDRESS, 99]) == by_hand
    quote = function_of("getAmountsOut(uint256,address[])")
    assert encode_call(quote, [7, path]) == calls.get_amounts_out(ADDRESS, 7, path).data


@pytest.mark.parametrize(
    "args",
    [
        *([], [ADDRESS], [ADDRESS, 1, 2], "ab", None, {"to": ADDRESS}),
        *([ADDRESS, -1], [ADDRESS, 2**256], [ADDRESS, 1.0], [ADDRESS, "1"], [ADDRESS, True], [ADDRESS, None]),
        *([ADDRESS[:-1], 1], ["0x52908400098527886E0F7030069857D2E4169Ee7", 1], [b"\x11" * 20, 1], [5, 1]),
    ],
)
def test_arguments_that_do_not_fit_are_refused(args: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        encode_call(MOVE, args)
    assert refused.value.field == "args"


def test_bytes_are_given_whole() -> None:
    put = function_of("put(bytes4,bytes,(bool,string)[])")
    assert decode_call(put, encode_call(put, ["0x01020304", "0x", [(True, "é")]])) == (
        b"\1\2\3\4",
        b"",
        ((True, "é"),),
    )
    for short in ("0x010203", b"\1\2\3", "0x0102030405", "zz"):
        with pytest.raises(InvalidInput):
            encode_call(put, [short, b"", []])


@pytest.mark.parametrize(
    "data",
    [
        encode_call(MOVE, [ADDRESS, 5]) + b"\0",
        encode_call(MOVE, [ADDRESS, 5])[:-1],
        b"\1" + encode_call(MOVE, [ADDRESS, 5])[1:],
        # An address with something in front of it: some readers cut it off.
        MOVE.selector + b"\1" + b"\0" * 11 + b"\x11" * 20 + WORD + b"\5",
        MOVE.selector,
        b"",
    ],
)
def test_only_exactly_a_call_is_decoded(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_call(MOVE, data)
    assert refused.value.field == "data"


def test_an_array_that_points_elsewhere_is_refused() -> None:
    many = function_of("f(uint256[])")
    usual = encode_call(many, [[1]])
    # The same list, one word later: readers agree on its value, and not on its bytes.
    later = many.selector + WORD + b"\x40" + WORD + b"\0" + usual[36:]
    assert decode_call(many, usual) == ((1,),)
    with pytest.raises(InvalidInput):
        decode_call(many, later)


@given(st.binary(max_size=200))
def test_answers_are_read_or_are_none(answer: bytes) -> None:
    found = decode_words(("uint256[]",), answer)
    assert found is None or all(isinstance(one, int) for one in found[0])


@given(st.binary(max_size=200))
def test_no_calldata_breaks_the_decoder(data: bytes) -> None:
    for function in (MOVE, function_of("f(bytes,string[],(bool,uint8)[])")):
        try:
            decoded = decode_call(function, function.selector + data)
        except InvalidInput:
            continue
        assert encode_call(function, list(decoded)) == function.selector + data
