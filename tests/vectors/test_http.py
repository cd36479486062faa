"""http.json: the bodies and queries that the real client sends fit the shapes, and so do its errors."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from tests.vectors.files import names, vectors
from valetkey.wire.checkout import CheckoutRequest
from valetkey.wire.http import API_PREFIX, credential, decode_body, decode_query, read_answer
from valetkey.wire.services import CreateServiceRequest, PatchServiceRequest, SearchQuery
from valetkey.wire.sessions import CreateSessionRequest
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
QUERIES: dict[str, type[msgspec.Struct]] = {
    "/services": SearchQuery,
    "/transactions": TransactionListQuery,
}


@pytest.mark.parametrize("case", REQUESTS, ids=[case["call"] for case in REQUESTS])
def test_requests_fit_the_shapes(case: dict[str, Any]) -> None:
    for request in case["requests"]:
        url = urlsplit(request["url"])
        assert url.path.startswith(API_PREFIX)
        path = url.path.removeprefix(API_PREFIX)
        found = credential(request["headers"])
        assert found is not None
        assert found.reveal() == "aba_test"
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
    assert {one for one in sent if not one[1].startswith(("/memory", "/messages", "/channels"))} == set(
        BODIES
    )


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
    if case["clientThrows"]:
        assert answer.error == case["error"]["message"]
