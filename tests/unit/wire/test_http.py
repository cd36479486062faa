"""Reading requests strictly, answering exactly, and finding the caller's credential."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.wire.checkout import CheckoutRequest
from valetkey.wire.http import (
    CREDENTIAL_CHARS_MAX,
    InvalidRequest,
    credential,
    decode_body,
    decode_query,
    encode,
    read_answer,
    success_body,
)
from valetkey.wire.services import PatchServiceRequest, SearchQuery
from valetkey.wire.sessions import CreateSessionRequest

SESSION = b'{"budgetUsdc":%s,"expiry":3600}'


def problem_of(body: bytes, kind: type[msgspec.Struct]) -> tuple[list[str | int], str]:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(body, kind)
    (problem,) = caught.value.problems
    return problem.path, problem.message


@pytest.mark.parametrize(
    "amount",
    [
        b"NaN", b'"NaN"', b'"Infinity"', b'"sNaN"', b"-1", b"-0.000001", b"true", b"false", b"[]", b"{}", b'""',
        b"1e999999", b"1e-999999", b"1e99999999999999999999", b"0.0000001", b"1" * 31, b"0." + b"0" * 5_000,
        b'"0x10"', b'"1,000"', b"01", b"+1", b".5", b"1.", b"0.30000000000000004",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_a_typed_error(amount: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(SESSION % amount, CreateSessionRequest)
    assert caught.value.code == "validation_failed"
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (b"0", 0),
        (b"50", 50),
        (b"0.1", Decimal("0.1")),
        (b"1e2", 100),
        (b'"12.5"', Decimal("12.5")),
        (b"-0", 0),
    ],
)
def test_amounts_are_read_exactly(amount: bytes, expected: Decimal | int) -> None:
    assert decode_body(SESSION % amount, CreateSessionRequest).budget_usdc == expected


def test_null_is_unlimited_and_absent_is_an_error() -> None:
    assert decode_body(SESSION % b"null", CreateSessionRequest).budget_usdc is None
    assert problem_of(b'{"expiry":3600}', CreateSessionRequest) == (
        ["budgetUsdc"],
        "required",
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"budgetUsdc":1,"expiry":1.5}', ["expiry"]),
        (b'{"budgetUsdc":-1,"expiry":60}', ["budgetUsdc"]),
        (b'{"budgetUsdc":1,"perSpendUsdc":0.0000001,"expiry":60}', ["perSpendUsdc"]),
        (b'{"budgetUsdc":1,"expiry":true}', ["expiry"]),
        (b'{"budgetUsdc":1,"expiry":"60"}', ["expiry"]),
        (b'{"budgetUsdc":1,"expiry":60,"allowedServiceIds":["a",7]}', ["allowedServiceIds", 1]),
        (b'{"budgetUsdc":1,"expiry":60,"sessionWallet":"0x12"}', ["sessionWallet"]),
        (b'{"budgetUsdc":1,"expiry":60,"e2ePublicKey":"04"}', ["e2ePublicKey"]),
        (b"null", []), (b"[]", []), (b'"text"', []), (b"", []), (b"{", []),
        (b'{"budgetUsdc":1,"expiry":60,"label":"\xff"}', []),
        (b'{"unknown":"\xff"}', []),
        (b'{"unknown":' + b"[" * 50_000 + b"]" * 50_000 + b"}", ["budgetUsdc"]),
    ],
)  # fmt: skip
def test_problems_say_where(body: bytes, path: list[str | int]) -> None:
    assert problem_of(body, CreateSessionRequest)[0] == path


def test_a_secret_in_the_wrong_member_is_not_quoted() -> None:
    secret = b"0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
    for member in (b"role", b"sessionWallet", b"e2ePublicKey", b"recovery", b"budgetUsdc", b"expiry"):
        body = b'{"budgetUsdc":1,"expiry":60,"%s":"%s"}' % (member, secret)
        with pytest.raises(InvalidRequest) as caught:
            decode_body(body, CreateSessionRequest)
        assert secret[2:20].decode() not in repr(caught.value.problems) + repr(caught.value)


def test_payloads_stay_the_bytes_that_were_sent() -> None:
    payload = '{ "b":1.0,"a":[1e2, -0.0 ,12345678901234567890],"10":"\\u00e9é" }'.encode()
    request = decode_body(b'{"serviceId":"svc_1","requestPayload":' + payload + b"}", CheckoutRequest)
    assert bytes(request.request_payload) == payload  # type: ignore[arg-type]
    assert request.quantity == 1
    assert decode_body(b'{"serviceId":"svc_1"}', CheckoutRequest).request_payload is msgspec.UNSET


def test_payloads_that_nest_too_deeply_are_a_typed_error() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(InvalidRequest) as caught:
        decode_body(b'{"serviceId":"svc_1","requestPayload":' + deep + b"}", CheckoutRequest)
    assert caught.value.problems[0].message == "nested too deeply"


def test_members_that_nobody_knows_are_ignored() -> None:
    assert decode_body(b'{"serviceId":"svc_1","more":{"a":1}}', CheckoutRequest).service_id == "svc_1"


@pytest.mark.parametrize("quantity", [b"0", b"-1", b"1.5", b"1000001", b"true", b'"1"', b"1e400", b"1" * 400])
def test_quantities_are_bounded_integers(quantity: bytes) -> None:
    path, _ = problem_of(b'{"serviceId":"s","quantity":' + quantity + b"}", CheckoutRequest)
    assert path == ["quantity"]


def test_an_absent_url_differs_from_a_null_one() -> None:
    assert decode_body(b'{"price":6}', PatchServiceRequest).endpoint_url is msgspec.UNSET
    assert decode_body(b'{"endpointUrl":null}', PatchServiceRequest).endpoint_url is None


@pytest.mark.parametrize("currency", ["USDC", "ETH", "POL"])
def test_any_currency_may_be_searched_for(currency: str) -> None:
    assert decode_query({"currency": currency, "max_price": "0.000001"}, SearchQuery).currency == currency


def test_queries_are_read_from_text() -> None:
    query = decode_query(
        {"q": "x", "max_price": "0.1", "limit": "5", "sort_by": "rating", "odd": "1"}, SearchQuery
    )
    assert (query.q, query.max_price, query.limit, query.sort_by) == ("x", Decimal("0.1"), 5, "rating")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"max_price": "NaN"}, {"max_price": "-1"},
        {"sort_by": "secret"}, {"min_rating": "6"}, {"min_rating": "nan"}, {"category": ""}, {"q": "x" * 201},
    ],
)  # fmt: skip
def test_bad_queries_are_typed_errors(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_query(query, SearchQuery)
    assert len(caught.value.problems) == 1


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    for kind in (CreateSessionRequest, CheckoutRequest):
        try:
            decode_body(body, kind)
        except InvalidRequest as error:
            assert error.problems  # noqa: PT017 - both outcomes are right
    read_answer(body)


def test_decimals_are_written_as_exact_numbers() -> None:
    assert encode({"price": Decimal("0.1"), "big": Decimal("123456789012.000001")}) == (
        b'{"price":0.1,"big":123456789012.000001}'
    )
    assert success_body([]) == b'{"success":true,"data":[]}'
    assert success_body({}, "done") == b'{"success":true,"data":{},"message":"done"}'


def test_answers_are_read_back() -> None:
    answer = read_answer(success_body({"price": Decimal("0.10")}))
    assert answer is not None
    assert answer.success
    assert bytes(answer.data) == b'{"price":0.10}'  # type: ignore[arg-type]
    assert read_answer(b"<html>") is None
    assert read_answer(b"null") is None
    assert read_answer(b'{"error":{}}') is None
    assert read_answer(b"[" * 100_000) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-API-Key": "aba_1"}, "aba_1"),
        ({"X-API-Key": "  aba_1 "}, "aba_1"),
        ({"Authorization": "Bearer aba_1"}, "aba_1"),
        ({"Authorization": "bearer aba_1"}, "aba_1"),
        ({"Authorization": "Bearer aba_1", "X-API-Key": "aba_1"}, "aba_1"),
        ({"Authorization": "Bearer aba_1", "X-API-Key": "aba_2"}, None),
        ({"Authorization": "Basic aba_1"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"X-API-Key": ""}, None),
        ({"X-API-Key": "a" * (CREDENTIAL_CHARS_MAX + 1)}, None),
        ({}, None),
    ],
)
def test_the_credential_of_a_request(headers: dict[str, str], expected: str | None) -> None:
    found = credential(headers)
    assert (found and found.reveal()) == expected
