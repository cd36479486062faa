"""What several strategies are made of: JSON that is nearly right, and texts with a few bytes changed."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Json = Any

NUMBERS = st.one_of(
    st.sampled_from(
        [0, -1, 1, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 2**256, 10**40, 1e308, -0.0, 0.5, 1e-9]
    ),
    st.integers(-(2**70), 2**70),
    st.floats(),
)
TEXTS = st.one_of(
    st.text(max_size=24),
    st.sampled_from(
        ["", "0", "-1", "1e400", "NaN", "0x", "\u0660", "\ud800", "a" * 300, "\0", "\n", "null", "1_0"]
    ),
)
SIMPLE = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def encoded(value: Json) -> bytes:
    """JSON as Python writes it, with NaN and lone surrogates where there are any."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def changed_object(
    draw: st.DrawFn, good: Callable[[], Mapping[str, Json]], values: st.SearchStrategy[Json] = VALUES
) -> dict[str, Json]:
    """A good object in which up to two members, at any depth, are something else, gone, or more."""
    made: dict[str, Json] = json.loads(json.dumps(good()))
    for _ in range(draw(st.integers(0, 2))):
        place: Json = made
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            change = draw(st.integers(0, 4))
            if change == 0 and isinstance(place, dict):
                del place[key]
            elif change == 1 and isinstance(place, dict):
                place[draw(TEXTS)] = draw(values)
            elif change == 2 and isinstance(place[key], str):
                place[key] = draw(changed_text(place[key]))
            else:
                place[key] = draw(values)
            break
    return made


@st.composite
def changed_text(draw: st.DrawFn, text: str) -> str:
    """A text with a few characters replaced, added or cut off."""
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.text(max_size=3)) + text[at + draw(st.integers(0, 3)) :]


@st.composite
def changed_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with a few of them replaced, added or cut off."""
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 4)) :]
