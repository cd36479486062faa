"""What `getEscrow` answers: thirteen words, and any other answer is no escrow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.core.escrow import EscrowStatus
from valetkey.crypto.keys import checksum_address
from valetkey.wire.escrow import read_escrow

WORDS = st.lists(st.integers(0, 2**256 - 1), min_size=8, max_size=8)
ADDRESSES = st.binary(min_size=20, max_size=20)


def word(value: int | bytes) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def answer(status: int = 1, token: bytes = b"\x01" * 20, buyer: bytes = b"\x02" * 20) -> bytes:
    fields: list[int | bytes] = [token, buyer, b"\x03" * 20, 98, 2, status, 10, 20, 30, 40, 50]
    return b"".join(map(word, fields)) + b"\x04" * 32 + b"\x05" * 32


@pytest.mark.parametrize("status", EscrowStatus)
def test_every_field_has_its_place(status: EscrowStatus) -> None:
    escrow = read_escrow(answer(status))
    assert escrow is not None
    assert escrow.status is status
    assert escrow.token == checksum_address("0x" + "01" * 20)
    assert escrow.buyer == checksum_address("0x" + "02" * 20)
    assert escrow.seller == checksum_address("0x" + "03" * 20)
    assert (escrow.locked_amount, escrow.platform_fee, escrow.amount) == (98, 2, 100)
    assert (escrow.created_at, escrow.deadline, escrow.delivered_at) == (10, 20, 50)
    assert (escrow.dispute_window, escrow.abandonment_grace) == (30, 40)
    assert (escrow.proof_hash, escrow.criteria_hash) == (b"\x04" * 32, b"\x05" * 32)


def test_no_buyer_is_no_escrow() -> None:
    assert read_escrow(bytes(13 * 32)) is None
    assert read_escrow(answer(status=99, buyer=bytes(20))) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        answer()[:-1],
        answer() + bytes(32),
        answer(status=8),
        answer(status=2**200),
        answer(token=b"\x01" * 21),
        answer(buyer=b"\xff" * 32),
    ],
)
def test_other_answers_are_none(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_escrow(data)


@given(st.binary(max_size=500))
def test_no_answer_breaks_the_reader(data: bytes) -> None:
    if len(data) != 13 * 32:
        with pytest.raises(InvalidInput):
            read_escrow(data)


@given(WORDS, ADDRESSES)
def test_amounts_and_times_are_read_whole(words: list[int], buyer: bytes) -> None:
    words[2] %= 8
    escrow = read_escrow(
        b"".join(map(word, [b"\x01" * 20, buyer, b"\x03" * 20])) + b"".join(map(word, words)) + bytes(64)
    )
    if not any(buyer):
        assert escrow is None
        return
    assert escrow is not None
    assert [escrow.locked_amount, escrow.platform_fee, int(escrow.status)] == words[:3]
    assert [escrow.created_at, escrow.deadline, escrow.dispute_window] == words[3:6]
    assert [escrow.abandonment_grace, escrow.delivered_at] == words[6:]
