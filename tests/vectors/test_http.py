"""http.json: the bodies and queries that the real client sends fit the shapes, and so do its errors."""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from tests.vectors.files import names, vectors
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk import errors
from valetkey.wire.bundle import FIELDS, Bundle
from valetkey.wire.checkout import CheckoutRequest
from valetkey.wire.http import (
    API_PREFIX,
    InvalidRequest,
    credential,
    decode_body,
    decode_query,
    read_answer,
    success_body,
)
from valetkey.wire.services import CreateServiceRequest, PatchServiceRequest, SearchQuery
from valetkey.wire.sessions import CreatedSession, CreateSessionRequest
from valetkey.wire.transactions import FundRequest, TransactionListQuery

HTTP = vectors("http")
REQUESTS = HTTP["requests"]
BODIES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("POST", "/services"): CreateServiceRequest,
    ("PATCH", "/services/svc_1"): PatchServiceRequest,
    ("POST", "/checkout"): CheckoutRequest,
    ("POST", "/transactions/tx_1/fund"): FundRequest,
    ("POST", "/agents/session"): CreateSessionRequest,
}
NOT_SERVED = ("/memory", "/messages", "/channels")
QUERIES: dict[str, type[msgspec.Struct]] = {
    "/services": SearchQuery,
    "/transactions": TransactionListQuery,
}


@pytest.mark.parametrize("case", REQUESTS, ids=[case["call"] for case in REQUESTS])
def test_requests_fit_the_shapes(case: dict[str, Any]) -> None:
    assert case["ok"]
    for request in case["requests"]:
        url = urlsplit(request["url"])
        assert url.path.startswith(API_PREFIX)
        path = url.path.removeprefix(API_PREFIX)
        found = credential(request["headers"])
        assert found is not None
        assert found.reveal() == "aba_test"
        # Without a body there is no content type either: an empty POST is a request.
        assert ("Content-Type" in request["headers"]) is (request["bodyRaw"] is not None)
        if request["method"] == "GET" and path in QUERIES:
            decode_query(dict(parse_qsl(url.query)), QUERIES[path])
        shape = BODIES.get((request["method"], path))
        if shape is not None:
            decoded = decode_body(request["bodyRaw"].encode(), shape)
            assert msgspec.structs.asdict(decoded)


def test_every_body_of_a_served_path_has_a_shape() -> None:
    sent = {
        (request["method"], urlsplit(request["url"]).path.removeprefix(API_PREFIX))
        for case in REQUESTS
        for request in case["requests"]
        if request["bodyRaw"] is not None
    }
    assert {one for one in sent if not one[1].startswith(NOT_SERVED)} == set(BODIES)


def test_every_query_of_a_served_path_has_a_shape() -> None:
    asked = {
        url.path.removeprefix(API_PREFIX)
        for case in REQUESTS
        for request in case["requests"]
        if (url := urlsplit(request["url"])).query
    }
    assert {path for path in asked if not path.startswith(NOT_SERVED)} <= set(QUERIES)


def test_zero_budget_is_not_unlimited() -> None:
    zero = next(case for case in REQUESTS if "budgetUsdc:0" in case["call"])
    decoded = decode_body(zero["requests"][0]["bodyRaw"].encode(), CreateSessionRequest)
    assert decoded.budget_usdc == 0
    assert decoded.budget_usdc is not None


@pytest.mark.parametrize("case", HTTP["errorMapping"], ids=names(HTTP["errorMapping"]))
def test_answers_are_read_as_the_client_reads_them(case: dict[str, Any]) -> None:
    body = case["responseBody"]
    raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    answer = read_answer(raw)
    if not isinstance(body, dict):
        assert answer is None
        return
    assert answer is not None
    assert answer.success is body.get("success", False)
    assert (answer.details is msgspec.UNSET) is ("details" not in body)
    if case["clientThrows"]:
        assert answer.error == case["error"]["message"]
        return
    assert answer.success
    assert isinstance(answer.data, msgspec.Raw)
    assert msgspec.json.decode(answer.data) == case["returned"]["data"]


# The class of valetkey.sdk.errors for each answer: by status, when the answer carries no code.
CLASSES: dict[str, type[errors.PlatformAnswer]] = {
    "401": errors.Unauthenticated,
    "402": errors.PlatformError,
    "403_structured": errors.Forbidden,
    "404": errors.NotFound,
    "400_details_object": errors.InvalidInput,
    "409": errors.Conflict,
    "422": errors.PlatformError,
    "429_no_header": errors.RateLimited,
    "500": errors.PlatformError,
    "503_json": errors.PlatformUnavailable,
    "json_null_body_403": errors.NetworkError,
    "200_empty_body": errors.NetworkError,
}
THROWN = [case for case in HTTP["errorMapping"] if case["clientThrows"]]


@pytest.mark.parametrize("case", THROWN, ids=names(THROWN))
def test_failures_are_typed(case: dict[str, Any]) -> None:
    body = case["responseBody"]
    raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    error = errors.error_of(case["status"], read_answer(raw), None)
    assert type(error) is CLASSES[case["name"]]
    assert error.status == case["status"]
    if isinstance(body, dict):
        assert str(error) == case["error"]["message"]
        assert error.details == case["error"]["details"]


def created(case: dict[str, Any]) -> CreatedSession:
    """The platform's answer to a new session, as a client reads it."""
    answer = read_answer(success_body(case["serverData"]))
    assert answer is not None
    assert isinstance(answer.data, msgspec.Raw)
    return msgspec.json.decode(answer.data, type=CreatedSession)


def test_a_new_session_becomes_a_bundle_with_the_client_s_members() -> None:
    (case,) = (case for case in HTTP["createSession"] if case["name"] == "normal")
    answered = created(case)
    value, opts = case["value"], case["opts"]
    bundle = Bundle(
        token=Secret(answered.token),
        agent_id=value["agentId"],
        budget_usdc=Decimal(opts["budgetUsdc"]),
        expiry=int(case["now"]) + opts["expiry"],
        wallet_private_key=PrivateKey.from_hex("11" * 32),
        e2e_private_key=PrivateKey.from_hex("22" * 32),
    )
    assert answered.session_id == value["sessionId"]
    assert bundle.token.reveal() == value["token"]
    assert bundle.expiry == value["expiry"] == value["bundleExpiry"]
    assert bundle.agent_id == value["bundleAgentId"]
    assert list(FIELDS) == value["bundleKeys"]


def test_a_session_without_token_is_no_session() -> None:
    (case,) = (case for case in HTTP["createSession"] if case["name"] == "server_omits_everything")
    assert case["ok"], "the client goes on with a session that can do nothing"
    with pytest.raises(msgspec.ValidationError):
        created(case)


def test_a_session_lives_whole_seconds() -> None:
    (case,) = (case for case in HTTP["createSession"] if case["name"] == "fractional_expiry")
    body = msgspec.json.encode({"budgetUsdc": None, **case["opts"]})
    with pytest.raises(InvalidRequest) as caught:
        decode_body(body, CreateSessionRequest)
    assert [problem.path for problem in caught.value.problems] == [["expiry"]]


def test_no_case_of_a_new_session_is_left_out() -> None:
    assert names(HTTP["createSession"]) == ["normal", "server_omits_everything", "fractional_expiry"]
