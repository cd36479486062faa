"""What a 402 offers, and which of it may be paid: tables."""

import base64
import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.refusal import Code, Refused
from valetkey.crypto.keys import checksum_address
from valetkey.sdk.x402.offers import Offer, Purse, Required, choose, read_required
from valetkey.sdk.x402.requests import problem_of
from valetkey.sdk.x402.terms import fingerprint, is_of, note_of, origin_of, terms_of

TOKEN, PAYEE, WALLET = (checksum_address("0x" + byte * 20) for byte in ("12", "34", "ab"))
PURSE = Purse(WALLET, 84532, "base-sepolia", TOKEN, 6)
ANY = terms_of(None, None, None, None)


def offer(**changes: Any) -> dict[str, Any]:
    return {
        "scheme": "exact", "network": "eip155:84532", "asset": TOKEN, "amount": "10000", "payTo": PAYEE,
        "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"},
    } | changes  # fmt: skip


def header(told: Any) -> str:
    return base64.b64encode(json.dumps(told).encode()).decode()


def chosen(*offers: Any, version: int = 2, most: Any = None) -> Offer | Refused:
    found = read_required(header({"x402Version": version, "accepts": list(offers)}), b"")
    assert isinstance(found, Required)
    return choose(found, PURSE, terms_of(None, most, None, None))


def code(found: Any) -> str:
    assert isinstance(found, Refused), found
    return found.first.code


def test_an_offer_that_fits() -> None:
    found = chosen(offer(asset=TOKEN.lower(), payTo=PAYEE.lower()))
    assert isinstance(found, Offer)
    assert (found.units, found.payee, found.asset, found.seconds) == (10_000, PAYEE, TOKEN, 60)
    first = {name: one for name, one in offer().items() if name not in ("amount", "network")}
    found = chosen(first | {"maxAmountRequired": "7", "network": "base-sepolia"}, version=1)
    assert isinstance(found, Offer)
    assert (found.version, found.units) == (1, 7)


def test_exact_comes_before_upto_and_a_signature_before_permit2() -> None:
    extra = {"name": "USDC", "version": "2", "facilitatorAddress": PAYEE, "assetTransferMethod": "permit2"}
    upto, permit2 = offer(scheme="upto", extra=extra), offer(extra=extra)
    for offers, want in (
        ((upto, permit2, offer()), ("exact", "eip3009")),
        ((upto, permit2), ("exact", "permit2")),
        ((upto,), ("upto", "permit2")),
    ):
        found = chosen(*offers)
        assert isinstance(found, Offer)
        assert (found.scheme, found.method) == want


def _extra(**changes: Any) -> dict[str, Any]:
    return {"name": "USDC", "version": "2"} | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scheme": "batch-settlement"}, Code.OFFER_SCHEME_UNKNOWN),
        ({"scheme": "upto"}, Code.OFFER_SCHEME_UNKNOWN),
        ({"network": "eip155:1"}, Code.OFFER_NETWORK_UNKNOWN),
        ({"network": "base-sepolia"}, Code.OFFER_NETWORK_UNKNOWN),
        ({"asset": PAYEE}, Code.OFFER_ASSET_UNKNOWN),
        ({"extra": _extra(decimals=18)}, Code.OFFER_ASSET_UNKNOWN),
        ({"extra": _extra(decimals="6")}, Code.OFFER_ASSET_UNKNOWN),
        ({"extra": _extra(decimals=True)}, Code.OFFER_ASSET_UNKNOWN),
        ({"extra": {}}, Code.OFFER_DOMAIN_MISMATCH),
        ({"extra": None}, Code.OFFER_DOMAIN_MISMATCH),
        ({"extra": _extra(name="U" * 201)}, Code.OFFER_DOMAIN_MISMATCH),
        ({"extra": _extra(verifyingContract=PAYEE)}, Code.OFFER_DOMAIN_MISMATCH),
        ({"extra": _extra(chainId=1)}, Code.OFFER_DOMAIN_MISMATCH),
        ({"extra": _extra(paymentFlow="escrow")}, Code.OFFER_SCHEME_UNKNOWN),
        ({"extra": _extra(assetTransferMethod="approve")}, Code.OFFER_SCHEME_UNKNOWN),
        *(({"amount": one}, Code.OFFER_UNREADABLE) for one in ("0", "01", "1.0", "0x1", "1e4", "-1", "9" * 31, 1)),
        *(({"maxTimeoutSeconds": one}, Code.OFFER_TIMES_REFUSED) for one in (0, -1, 3_601, "60", 1.5, True, None)),
        ({"payTo": "0x" + "00" * 20}, Code.OFFER_PAYEE_REFUSED),
        ({"payTo": TOKEN}, Code.OFFER_PAYEE_REFUSED),
        ({"payTo": WALLET.lower()}, Code.OFFER_PAYEE_REFUSED),
        ({"payTo": WALLET[:-1] + WALLET[-1].swapcase()}, Code.OFFER_UNREADABLE),
        ({"payTo": "x"}, Code.OFFER_UNREADABLE),
    ],
)  # fmt: skip
def test_an_offer_that_does_not_fit(changes: dict[str, Any], expected: Code) -> None:
    assert code(chosen(offer(**changes))) == expected
    # Beside one that fits it does no harm; beside worse ones it is the nearest.
    assert isinstance(chosen(offer(**changes), offer(amount="5")), Offer)
    assert code(chosen(None, "x", offer(**changes))) == expected


def test_the_most_of_one_payment() -> None:
    assert isinstance(chosen(offer(), most="0.01"), Offer)
    refused = chosen(offer(amount="10001"), most="0.01")
    assert code(refused) == Code.OFFER_ABOVE_MAX
    assert isinstance(chosen(offer(amount="10001"), offer(), most="0.01"), Offer)


@pytest.mark.parametrize(
    "told",
    [None, [], "x", 1, {}, {"x402Version": 3, "accepts": [1]}, {"x402Version": 2}, {"x402Version": 2, "accepts": []},
     {"x402Version": True, "accepts": [1]}, {"x402Version": 2, "accepts": {}}],
)  # fmt: skip
def test_a_header_that_asks_for_nothing(told: Any) -> None:
    assert code(read_required(header(told), b"")) == Code.OFFER_UNREADABLE


def test_bodies() -> None:
    for plain in (
        b"",
        b"<html>",
        b"{}",
        b"[1]",
        b'{"error": "pay"}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ):
        assert read_required(None, plain) is None
    assert isinstance(read_required(None, json.dumps({"x402Version": 1, "accepts": [{}]}).encode()), Required)
    # Version 2 speaks through its header alone.
    assert code(read_required(None, b'{"x402Version": 2, "accepts": [{}]}')) == Code.OFFER_UNREADABLE


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: base64.b64encode(raw).decode()))
def test_any_header_at_all_is_read_or_refused(text: str) -> None:
    assert isinstance(read_required(text, b""), Required | Refused)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*offer(), "more"]), _VALUES)
def test_any_value_in_any_member_is_an_offer_or_a_refusal(name: str, value: Any) -> None:
    found = choose(Required(2, (offer(**{name: value}),), None, None), PURSE, ANY)
    if isinstance(found, Offer):
        assert (found.asset, found.chain_id) == (TOKEN, 84532)
        assert 0 < found.units < 10**30
        assert 1 <= found.seconds <= 3_600


# Hosts


@pytest.mark.parametrize(
    ("hosts", "url", "fits"),
    [
        (["api.example.com"], "https://api.example.com/x", True),
        (["API.example.com"], "https://Api.Example.COM/x", True),
        (["api.example.com"], "https://api.example.com:8443/x", True),
        (["api.example.com:443"], "https://api.example.com/x", True),
        (["api.example.com:443"], "https://api.example.com:8443/x", False),
        (["api.example.com"], "https://api.example.com.evil.net/x", False),
        (["api.example.com"], "https://api.example.com@evil.net/x", False),
        (["*.example.com"], "https://api.example.com/x", True),
        (["*.example.com"], "https://example.com/x", False),
        (["*.example.com"], "https://evilexample.com/x", False),
        (["127.0.0.1"], "http://127.0.0.1:1234/x", True),
        (["[::1]:80"], "http://[::1]/x", True),
        ([], "https://api.example.com/x", False),
        (None, "https://api.example.com/x", True),
    ],
)  # fmt: skip
def test_hosts(hosts: Any, url: str, fits: bool) -> None:
    problem = terms_of(hosts, None, None, None).host_problem(httpx.URL(url))
    assert (problem is None) is fits
    if not fits:
        assert code(problem) == Code.HOST_NOT_ALLOWED


@pytest.mark.parametrize("url", ["http://api.example.com/", "http://10.0.0.1/", "http://localhost.evil.net/"])
def test_plain_http_is_for_this_machine_alone(url: str) -> None:
    assert code(ANY.host_problem(httpx.URL(url))) == Code.HOST_INSECURE
    for own in ("http://localhost:1/", "http://127.0.0.1/", "http://[::1]:5/", "https://api.example.com"):
        assert ANY.host_problem(httpx.URL(own)) is None


@pytest.mark.parametrize("hosts", ["api.example.com", ["a b"], ["http://x"], [""], ["*"], ["a*b"], [None]])
def test_hosts_that_are_none(hosts: Any) -> None:
    if hosts == [None]:
        assert terms_of(hosts, None, None, None).hosts == ("none",)
        return
    with pytest.raises(InvalidInput):
        terms_of(hosts, None, None, None)


@pytest.mark.parametrize("amount", ["-1", "1e99", "nan", 0.0000001, "x", True])
def test_a_most_that_is_none(amount: Any) -> None:
    with pytest.raises(InvalidAmount):
        terms_of(None, amount, None, None)


def test_whom_a_url_asks() -> None:
    assert origin_of(httpx.URL("http://A.example.com/x")) == origin_of(
        httpx.URL("https://a.example.com:443/y")
    )
    assert origin_of(httpx.URL("http://127.0.0.1:81")) != origin_of(httpx.URL("http://127.0.0.1:82"))
    url = httpx.URL("https://api.example.com/paid")
    for same in ("https://api.example.com/other", "http://api.example.com", "/paid", None, "", 5, "urn:x"):
        assert is_of(url, same)
    for other in (
        "https://evil.net/paid",
        "https://api.example.com:8443/",
        "https://[",
        "https://api.example.com\x00",
    ):
        assert not is_of(url, other)


def test_what_a_request_may_not_be() -> None:
    required = Required(2, (offer(),), {"url": "https://evil.net/"}, None)
    plain = httpx.Request("GET", "https://api.example.com/x")
    assert code(problem_of(plain, "evil.net", required, ANY)) == Code.REDIRECTED_OFFER
    assert code(problem_of(plain, "api.example.com", required, ANY)) == Code.OFFER_RESOURCE_ELSEWHERE
    own = Required(2, (offer(),), None, None)
    assert problem_of(plain, "api.example.com", own, ANY) is None
    stream = httpx.Request("POST", "https://api.example.com/x", content=iter([b"x"]))
    assert code(problem_of(stream, "api.example.com", own, ANY)) == Code.BODY_NOT_REPLAYABLE


def test_notes_and_fingerprints() -> None:
    url = httpx.URL("https://api.example.com/paid?token=secret#part")
    assert note_of("GET", url) == "GET api.example.com/paid"
    assert len(note_of("GET", httpx.URL("https://a/" + "x" * 2_000))) == 300
    one = fingerprint(WALLET, "GET", url, b"", "", "")
    assert one == fingerprint(WALLET.lower(), "GET", url.copy_with(fragment="other"), b"", "", "")
    others = [
        fingerprint(PAYEE, "GET", url, b"", "", ""),
        fingerprint(WALLET, "POST", url, b"", "", ""),
        fingerprint(WALLET, "GET", url.copy_with(query=b"a=1"), b"", "", ""),
        fingerprint(WALLET, "GET", url, b"x", "", ""),
        fingerprint(WALLET, "GET", url, b"", "text/plain", ""),
        fingerprint(WALLET, "GET", url, b"", "", "key"),
    ]
    assert len({one, *others}) == 7


@pytest.mark.parametrize("body", [b'{"' + b'\\"' * 100_000, b'{"x402Version":1,"' + b'\\"' * 100_000 + b"\\"])
def test_a_demand_whose_text_does_not_end_costs_the_payer_nothing(body):
    begun = time.process_time()
    assert read_required(None, body) is None
    # From each quotation mark anew it would be minutes: a seller could hold every payer up.
    assert time.process_time() - begun < 1
