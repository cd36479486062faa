"""How deep JSON nests, told without a decoder that recurses; and that no text fools it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.chains.depth import DEPTH_MAX, depth_of
from valetkey.chains.evm.node import _result
from valetkey.core.errors import ChainUnavailable

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\ é', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='[]{}"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


def deep(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max((deep(one) for one in value), default=0)
    if isinstance(value, dict):
        return 1 + max((deep(one) for one in value.values()), default=0)
    return 0


@given(value=JSON, ascii_only=st.booleans())
def test_the_depth_of_any_json(value: Any, ascii_only: bool) -> None:
    assert depth_of(json.dumps(value, ensure_ascii=ascii_only).encode()) == deep(value)


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b"", 0),
        (b'["]",["]",["]"', 3),
        (b'"[[[', 0),
        (b'"\\"[[[', 0),
        (b'["\\\\",["x', 2),
        (b'"[\\', 0),
        (b"[" * 100_000, 100_000),
        (b'["\\\\]",' * 100_000, 100_000),
    ],
)
def test_the_depth_of_what_is_no_json(body: bytes, depth: int) -> None:
    assert depth_of(body) == depth


def test_an_answer_may_nest_as_deep_as_receipts_do_and_no_deeper() -> None:
    for depth, good in ((DEPTH_MAX - 1, True), (DEPTH_MAX, False)):
        body = b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * depth + b"]" * depth + b"}"
        if good:
            assert _result(body, 1, "eth_call") is not None
            continue
        with pytest.raises(ChainUnavailable, match="no JSON-RPC"):
            _result(body, 1, "eth_call")
