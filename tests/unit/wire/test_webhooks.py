"""Signed webhooks: what was sent is believed, anything else is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.leaks import parts_told
from valetkey.crypto.secret import Secret
from valetkey.wire.webhooks import WebhookCode, WebhookError, sign_header, verify_header

SECRET = Secret("whsec_5f1e2d3c4b5a69788796a5b4c3d2e1f0")
NOW = 1_772_323_200


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=10**10), st.integers(-300, 300))
def test_signed_bodies_are_believed(body: bytes, timestamp: int, age: int) -> None:
    assert verify_header(SECRET, sign_header(SECRET, body, timestamp), body, timestamp + age) == timestamp


@given(st.binary(min_size=1, max_size=100), st.integers(min_value=0))
def test_changed_bodies_are_not(body: bytes, place: int) -> None:
    changed = bytearray(body)
    changed[place % len(body)] ^= 1
    with pytest.raises(WebhookError) as caught:
        verify_header(SECRET, sign_header(SECRET, body, NOW), bytes(changed), NOW)
    assert caught.value.code == WebhookCode.MISMATCH


@pytest.mark.parametrize("header", [None, ""])
def test_a_missing_signature(header: str | None) -> None:
    with pytest.raises(WebhookError) as caught:
        verify_header(SECRET, header, b"{}", NOW)
    assert caught.value.code == WebhookCode.MISSING


@given(st.text(max_size=120))
def test_any_header_is_answered_with_a_typed_error(header: str) -> None:
    with pytest.raises(WebhookError) as caught:
        verify_header(SECRET, header, b"{}", NOW)
    assert not parts_told(caught.value, SECRET.reveal().removeprefix("whsec_"))


def test_the_expected_signature_is_not_told() -> None:
    expected = sign_header(SECRET, b"{}", NOW).partition("v1=")[2]
    with pytest.raises(WebhookError) as caught:
        verify_header(SECRET, f"t={NOW},v1={'0' * 64}", b"{}", NOW)
    assert not parts_told(caught.value, expected)


def test_only_the_first_v1_counts() -> None:
    good = sign_header(SECRET, b"{}", NOW)
    signature = good.partition("v1=")[2]
    assert verify_header(SECRET, good + ",v1=" + "0" * 64, b"{}", NOW) == NOW
    with pytest.raises(WebhookError):
        verify_header(SECRET, f"t={NOW},v1={'0' * 64},v1={signature}", b"{}", NOW)


def test_another_secret_and_a_non_ascii_signature_mismatch() -> None:
    for secret, header in (
        (Secret("whsec_other"), sign_header(SECRET, b"{}", NOW)),
        (SECRET, f"t={NOW},v1=é"),
    ):
        with pytest.raises(WebhookError) as caught:
            verify_header(secret, header, b"{}", NOW)
        assert caught.value.code == WebhookCode.MISMATCH


def test_absurd_timestamps_are_malformed() -> None:
    with pytest.raises(WebhookError) as caught:
        verify_header(SECRET, "t=" + "9" * 900 + ",v1=00", b"{}", NOW)
    assert caught.value.code == WebhookCode.MALFORMED
