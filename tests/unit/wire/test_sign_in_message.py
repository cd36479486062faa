"""The grammar of EIP-4361: what is written is read again to the byte, and nothing else is let in."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.crypto.keys import PrivateKey
from valetkey.wire.sign_in_message import (
    CHARS_MAX,
    RESOURCES_MAX,
    SignInError,
    SignInMessage,
    read_message,
    second_of,
)

ADDRESS = PrivateKey(b"\x11" * 32).address
PLAIN: dict[str, Any] = {
    "domain": "127.0.0.1:8789",
    "address": ADDRESS,
    "uri": "https://pay.example.com/api/v1/agents/sign-in",
    "chain_id": 84532,
    "nonce": "a1B2c3D4",
    "issued_at": "2026-03-01T00:00:00.000Z",
}
FULL = {
    **PLAIN,
    "scheme": "https",
    "statement": "Sign in: it gives a key.",
    "expiration_time": "2026-03-01T08:00:00Z",
    "not_before": "2026-03-01T00:00:00+02:00",
    "request_id": "some-id",
    "resources": ("urn:valetkey:scope:read", "urn:valetkey:scope:sessions:write"),
}

RESERVED, UNRESERVED = ":/?#[]@!$&'()*+,;=", string.ascii_letters + string.digits + "-._~"
moments = st.builds(
    "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}{}{}".format,
    st.integers(1, 9999),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.one_of(st.just(""), st.integers(0, 10**9 - 1).map(lambda one: f".{one:09d}")),
    st.one_of(
        st.just("Z"),
        st.builds("{}{:02d}:{:02d}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)),
    ),
)
uris = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://pay.example.com", "urn:valetkey:scope", "ipfs://Qm", "http://[::1]:80", "a:"]),
    st.sampled_from(["", "/", "/a/b;c", "/%41"]),
    st.sampled_from(["", "?", "?a=b&c", "#", "#x", "?q#f"]),
)
messages = st.builds(
    SignInMessage,
    domain=st.sampled_from(["example.com", "a@b.example:1", "[::1]:8789", "localhost", "x" * 63, "%41"]),
    address=st.binary(min_size=31, max_size=31).map(lambda raw: PrivateKey(b"\x01" + raw).address),
    uri=uris,
    chain_id=st.integers(0, 10**18 - 1),
    nonce=st.text(string.ascii_letters + string.digits, min_size=8, max_size=128),
    issued_at=moments,
    expiration_time=st.none() | moments,
    not_before=st.none() | moments,
    request_id=st.none() | st.text(UNRESERVED + "!$&'()*+,;=:@", max_size=30),
    scheme=st.none() | st.sampled_from(["https", "http", "a+b-c.1"]),
    statement=st.none() | st.text(RESERVED + UNRESERVED + " ", min_size=1, max_size=80),
    resources=st.none() | st.lists(uris, max_size=5).map(tuple),
)


@given(messages)
def test_what_is_written_is_read_again(message: SignInMessage) -> None:
    assert read_message(str(message)) == message


@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(st.sampled_from(str(SignInMessage(**FULL)).split("\n"))).map("\n".join),
    )
)
def test_whatever_comes_is_read_to_the_byte_or_refused(text: str) -> None:
    try:
        message = read_message(text)
    except SignInError:
        return
    assert str(message) == text


@pytest.mark.parametrize("fields", [PLAIN, FULL], ids=["plain", "full"])
def test_no_other_byte_at_any_place_is_read_as_the_same(fields: dict[str, Any]) -> None:
    text = str(SignInMessage(**fields))
    meant = read_message(text)
    for place in range(len(text)):
        for other in '\x00\t\n\r\x1b\x7f\x85\u2028\u00e9\u0430 aA0-:%"<\\':
            changed = text[:place] + other + text[place + 1 :]
            inserted = text[:place] + other + text[place:]
            dropped = text[:place] + text[place + 1 :]
            for one in (changed, inserted, dropped):
                if one == text:
                    continue
                try:
                    found = read_message(one)
                except SignInError:
                    continue
                assert found != meant
                assert str(found) == one


@pytest.mark.parametrize(
    "smuggled", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\x1b[2K", "\u202e"]
)
@pytest.mark.parametrize(
    "field", ["domain", "address", "statement", "uri", "nonce", "issued_at", "request_id", "not_before"]
)
def test_nothing_is_smuggled_into_a_field(field: str, smuggled: str) -> None:
    for value in (
        f"{FULL[field]}{smuggled}",
        f"{smuggled}{FULL[field]}",
        f"{FULL[field]}{smuggled}URI: https://evil.example",
    ):
        text = str(SignInMessage(**{**FULL, field: value}))
        with pytest.raises(SignInError):
            read_message(text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"address": ADDRESS.lower()}, "checksum"),
        ({"address": "0X" + ADDRESS[2:]}, "checksum"),
        ({"address": ADDRESS.upper()}, "checksum"),
        ({"chain_id": "01"}, "chain ID"),
        ({"chain_id": "1e3"}, "chain ID"),
        ({"chain_id": "\u0661"}, "chain ID"),
        ({"nonce": "a1B2c3D"}, "nonce"),
        ({"nonce": "a" * 129}, "nonce"),
        ({"nonce": "a1B2-c3D4"}, "nonce"),
        ({"domain": ""}, "first line"),
        ({"domain": "example.com/path"}, "first line"),
        ({"domain": "[::g]"}, "first line"),
        ({"domain": "[1.2.3.4]"}, "first line"),
        ({"domain": "b\u00fccher.example"}, "first line"),
        ({"scheme": "1http"}, "first line"),
        ({"uri": "pay.example.com"}, "URI"),
        ({"uri": "https://pay.example.com/\u00e9"}, "URI"),
        ({"uri": "https://pay.example.com/%4"}, "URI"),
        ({"uri": "https://[::1"}, "URI"),
        ({"statement": "it is 100 %"}, "statement"),
        ({"issued_at": "2026-02-30T00:00:00Z"}, "dates"),
        ({"issued_at": "2026-03-01 00:00:00Z"}, "dates"),
        ({"issued_at": "2026-03-01T00:00:00"}, "dates"),
        ({"issued_at": "2026-03-01T00:00:00z"}, "dates"),
        ({"issued_at": "2026-03-01T24:00:00Z"}, "dates"),
        ({"issued_at": "2026-03-01T00:00:00+24:00"}, "dates"),
        ({"expiration_time": ""}, "dates"),
        ({"request_id": "a b"}, "request ID"),
        ({"resources": ("not a uri",)}, "resources"),
        ({"resources": ("a:",) * (RESOURCES_MAX + 1)}, "resources"),
        ({"resources": ("urn:x:" + "y" * CHARS_MAX,)}, "characters"),
    ],
)
def test_the_refusal_says_what_is_wrong_and_quotes_nothing(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SignInError, match=told) as refused:
        read_message(str(SignInMessage(**{**PLAIN, **changes})))
    assert refused.value.code == "sign_in_malformed"
    for value in changes.values():
        assert not value or len(str(value)) < 4 or str(value) not in str(refused.value)


def test_no_other_version_and_no_other_words() -> None:
    text = str(SignInMessage(**FULL))
    for old, new in (
        ("Version: 1", "Version: 2"),
        ("Version: 1", "Version: 1.0"),
        ("Version: 1", "version: 1"),
        ("URI: ", "URI:"),
        ("Nonce: ", "Nonce:  "),
        ("wants you to sign in", "wants you to log in"),
        ("Resources:\n", "Resources: \n"),
        ("\n- ", "\n* "),
        ("\n\n", "\n"),
        ("Request ID", "Request Id"),
    ):
        with pytest.raises(SignInError):
            read_message(text.replace(old, new))
    for more in (text + "\n", "\n" + text, text + "\nURI: https://evil.example", text + " "):
        with pytest.raises(SignInError):
            read_message(more)


def test_dates_are_moments() -> None:
    assert second_of("2026-03-01T00:00:00Z") == second_of("2026-03-01T02:30:00+02:30") == 1_772_323_200
    assert second_of("2026-02-28T22:00:00.999-02:00") == 1_772_323_200
    assert second_of("2026-03-01T00:00:00.001Z", up=True) == 1_772_323_201
    assert second_of("2026-03-01T00:00:00.000Z", up=True) == 1_772_323_200
