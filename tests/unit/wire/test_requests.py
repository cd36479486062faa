"""Members of requests that are hex or amounts: their whole text has the form, and nothing stands beside it."""

import json

import msgspec
import pytest

from valetkey.wire.checkout import CheckoutRequest
from valetkey.wire.http import InvalidRequest, decode_body, decode_query
from valetkey.wire.services import CreateServiceRequest, PatchServiceRequest, SearchQuery
from valetkey.wire.sessions import CreateSessionRequest, RecoveryBody
from valetkey.wire.transactions import FundRequest, SignedRequest

SESSION: dict[str, object] = {"budgetUsdc": 1, "expiry": 60}
HEX_MEMBERS: list[tuple[type[msgspec.Struct], dict[str, object], str, str]] = [
    (FundRequest, {}, "txHash", "0x" + "ab" * 32),
    (SignedRequest, {}, "txHash", "0x" + "ab" * 32),
    (CheckoutRequest, {"serviceId": "svc_1"}, "criteriaHash", "0x" + "AB" * 32),
    (CreateSessionRequest, SESSION, "sessionWallet", "0x" + "ab" * 20),
    (CreateSessionRequest, SESSION, "e2ePublicKey", "02" + "ab" * 32),
    (CreateSessionRequest, SESSION, "recovery", "AbC/"),
    (RecoveryBody, {}, "recovery", "AbC+AA=="),
]
IDS = [f"{kind.__name__}.{member}" for kind, _, member, _ in HEX_MEMBERS]


@pytest.mark.parametrize(("kind", "rest", "member", "text"), HEX_MEMBERS, ids=IDS)
def test_nothing_stands_beside_the_form(
    kind: type[msgspec.Struct], rest: dict[str, object], member: str, text: str
) -> None:
    decode_body(json.dumps({**rest, member: text}).encode(), kind)
    wrong = [
        text + "\n",
        "\n" + text,
        text + " ",
        " " + text,
        text[:-1],
        text + "\u0660",
        text[:-1] + "\u0660",
        "",
    ]
    for other in wrong:
        with pytest.raises(InvalidRequest) as caught:
            decode_body(json.dumps({**rest, member: other}).encode(), kind)
        assert [problem.path for problem in caught.value.problems] == [[member]]


@pytest.mark.parametrize(
    "amount",
    ["-1", "1e31", "0.0000001", "1" * 31, '"NaN"', '"sNaN"', '"Infinity"', '"-1"', "1e-400", "true", "[]"],
)
def test_amounts_are_amounts_wherever_they_stand(amount: str) -> None:
    for member in ("budgetUsdc", "perSpendUsdc"):
        body = json.dumps({**SESSION, member: "@"}).replace('"@"', amount)
        with pytest.raises(InvalidRequest):
            decode_body(body.encode(), CreateSessionRequest)
    service = {"title": "t", "description": "d", "category": "data", "price": "@", "priceUnit": "flat"}
    with pytest.raises(InvalidRequest):
        decode_body(json.dumps(service).replace('"@"', amount).encode(), CreateServiceRequest)
    with pytest.raises(InvalidRequest):
        decode_body(b'{"price":%s}' % amount.encode(), PatchServiceRequest)
    with pytest.raises(InvalidRequest):
        decode_query({"max_price": amount.strip('"')}, SearchQuery)


def test_an_absent_budget_is_neither_unlimited_nor_nothing() -> None:
    with pytest.raises(InvalidRequest):
        decode_body(b'{"expiry":60}', CreateSessionRequest)
    assert decode_body(b'{"expiry":60,"budgetUsdc":null}', CreateSessionRequest).budget_usdc is None
    assert decode_body(b'{"expiry":60,"budgetUsdc":0}', CreateSessionRequest).budget_usdc == 0


@pytest.mark.parametrize("rating", ["nan", "inf", "-1", "5.01", "1e400", "x"])
def test_a_rating_is_from_0_to_5(rating: str) -> None:
    with pytest.raises(InvalidRequest):
        decode_query({"min_rating": rating}, SearchQuery)


def test_problems_quote_nothing_that_was_sent() -> None:
    secret = "abba_session_5f1e2d3c4b5a69788796a5b4c3d2e1f0"
    for member in (
        "budgetUsdc",
        "expiry",
        "sessionWallet",
        "e2ePublicKey",
        "role",
        "recovery",
        "perSpendUsdc",
    ):
        with pytest.raises(InvalidRequest) as caught:
            decode_body(json.dumps({**SESSION, member: secret}).encode(), CreateSessionRequest)
        assert secret[13:] not in str(caught.value) + repr(caught.value.problems)
    for query in ({"sort_by": secret}, {"category": secret}, {"limit": secret}, {"max_price": secret}):
        with pytest.raises(InvalidRequest) as caught:
            decode_query(query, SearchQuery)
        assert secret[13:] not in str(caught.value) + repr(caught.value.problems)
