"""Server-sent events come out the same wherever the stream was cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.wire.event_stream import LINE_BYTES_MAX, EventStream, Message, StreamBroken

STREAM = (
    b'retry: 2000\n\nid: 7\nevent: hold_placed\ndata: {"a":"\xc3\xa9"}\n\n: still here\n\n'
    b"id: 8\r\nevent: revoked\r\ndata:x\r\ndata: y\r\n\r\nid: 9\n\ndata: z\n\nid: 10\nevent: lost"
)
MESSAGES = [
    Message("3", "", ""),
    Message("7", "hold_placed", '{"a":"é"}'),
    Message("7", "", ""),
    Message("8", "revoked", "x\ny"),
    Message("9", "", ""),
    Message("9", "", "z"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_wherever_it_was_cut(places: list[int]) -> None:
    stream = EventStream("3")
    cuts = [0, *sorted(places), len(STREAM)]
    found = [one for start, end in itertools.pairwise(cuts) for one in stream.take(STREAM[start:end])]
    # The last one was not ended, so it is none.
    assert found == MESSAGES


def test_an_id_with_a_zero_byte_is_not_one() -> None:
    assert EventStream("3").take(b"id: 4\0\ndata: x\n\n") == [Message("3", "", "x")]


def test_nonsense_does_not_fill_the_memory() -> None:
    stream = EventStream()
    half = b"x" * (LINE_BYTES_MAX // 2)
    assert stream.take(half) == stream.take(half) == []
    with pytest.raises(StreamBroken):
        stream.take(b"x")
    with pytest.raises(StreamBroken):
        EventStream().take(b"data: \xff\n\n")
