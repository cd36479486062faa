"""The table of codes is complete, and bodies say what the table says."""

import pytest

from valetkey.core.errors import (
    ChainUnavailable,
    Contradiction,
    EnvironmentFailure,
    InvalidAmount,
    InvalidInput,
    ValetkeyError,
)
from valetkey.core.refusal import Code, Refusal, Refused, refuse
from valetkey.wire.errors import (
    CODES,
    Exit,
    error_body,
    http_status,
    refusal_body,
    refusal_status,
    row_of,
)


def test_no_code_lacks_a_row_or_a_column() -> None:
    assert {str(code) for code in Code} <= set(CODES)
    for code, row in CODES.items():
        assert 400 <= row.http_status <= 599, code
        assert row.sdk_class.isidentifier(), code
        assert row.mcp_error, code
        assert row.exit_code in set(Exit) - {Exit.OK}, code


def test_each_refusal_has_a_class_of_its_own() -> None:
    classes = [CODES[code].sdk_class for code in Code]
    assert len(set(classes)) == len(classes)


@pytest.mark.parametrize("code", ["session_revoked", "session_expired", "unauthenticated"])
def test_dead_and_unknown_tokens_are_401(code: str) -> None:
    assert http_status(code) == 401


@pytest.mark.parametrize("code", ["budget_exceeded", "per_spend_exceeded", "service_not_allowed"])
def test_over_budget_and_out_of_scope_are_403(code: str) -> None:
    assert http_status(code) == 403


def test_codes_that_the_wire_contract_fixes() -> None:
    assert http_status("network_mismatch") == 400
    assert http_status("testnet_graduation_required") == 403
    assert http_status("agent_name_taken") == 409
    assert http_status("rate_limited") == 429
    assert http_status("nobody knows this one") == 500


def test_an_exception_has_its_code_s_row_or_its_family_s() -> None:
    class Odd(InvalidInput):
        code = "odd"

    class Strange(EnvironmentFailure):
        code = "strange"

    assert row_of(InvalidAmount("x")) is CODES["invalid_amount"]
    assert row_of(Contradiction("x")) is CODES["contradiction"]
    assert row_of(ChainUnavailable("x")).retryable
    assert row_of(Odd("x")) is CODES["invalid_input"]
    assert row_of(Strange("x")) is CODES["environment"]
    assert row_of(ValetkeyError("x")) is CODES["internal"]


def test_a_refusal_explains_itself_in_exact_decimals() -> None:
    refused = Refused(
        (
            Refusal(
                Code.BUDGET_EXCEEDED,
                "budget",
                "asked 10.2 USDC, left 0.000001 of 50 USDC",
                asked=10_200_000,
                limit=50_000_000,
                remaining=1,
                hint="ask for less",
            ),
            Refusal(Code.SERVICE_NOT_ALLOWED, "allowed_services", "not this service"),
        )
    )
    first = {
        "code": "budget_exceeded",
        "rule": "budget",
        "message": "asked 10.2 USDC, left 0.000001 of 50 USDC",
        "asked": "10.2",
        "limit": "50",
        "remaining": "0.000001",
        "resetsAt": None,
        "hint": "ask for less",
    }
    second = {
        "code": "service_not_allowed",
        "rule": "allowed_services",
        "message": "not this service",
        "asked": None,
        "limit": None,
        "remaining": None,
        "resetsAt": None,
        "hint": None,
    }
    assert refusal_status(refused) == 403
    assert refusal_body(refused, "req_1") == {
        "success": False,
        "error": "asked 10.2 USDC, left 0.000001 of 50 USDC",
        "code": "budget_exceeded",
        "details": {**first, "reasons": [first, second]},
        "requestId": "req_1",
    }


def test_a_time_is_not_told_as_an_amount() -> None:
    refused = Refused((Refusal(Code.SESSION_EXPIRED, "expires_at", "over", limit=1_772_326_800),))
    details = refusal_body(refused, "req_1")["details"]
    assert isinstance(details, dict)
    assert details["limit"] == "1772326800"


def test_extra_members_stand_at_the_top_and_overwrite_nothing() -> None:
    refused = refuse(Code.GRADUATION_REQUIRED, "score", "testnet_graduation_required")
    body = refusal_body(refused, "req_1", extra={"score": 3, "required": 10, "success": True})
    assert body["score"] == 3
    assert body["required"] == 10
    assert body["success"] is False


def test_error_is_a_string_and_absent_details_are_left_out() -> None:
    assert error_body("not_found", "Service not found", None, "req_1") == {
        "success": False,
        "error": "Service not found",
        "code": "not_found",
        "requestId": "req_1",
    }
