"""The SDK's exceptions: one class for each code, with the family and the facts that the table promises."""

import copy
import pickle

import pytest

from valetkey.core import errors as core
from valetkey.core.refusal import Code
from valetkey.sdk import errors
from valetkey.wire.errors import CODES, ErrorRow, Exit
from valetkey.wire.http import Answer, read_answer

ROWS = sorted(CODES.items())


def answer(code: str, **more: object) -> Answer:
    return Answer(success=False, error="no", code=code, request_id="req_1", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "row"), ROWS)
def test_every_code_raises_its_class(code: str, row: ErrorRow) -> None:
    error = errors.error_of(row.http_status, answer(code), 7)
    assert type(error).__name__ == row.sdk_class
    assert (str(error), error.code, error.status, error.request_id, error.retry_after) == (
        "no",
        code,
        row.http_status,
        "req_1",
        7,
    )
    assert type(error).retryable is row.retryable
    assert type(error).__doc__


@pytest.mark.parametrize(("code", "row"), ROWS)
def test_families_are_told_apart_by_type(code: str, row: ErrorRow) -> None:
    error = errors.error_of(row.http_status, answer(code), None)
    assert isinstance(error, core.ValetkeyError)
    assert isinstance(error, errors.Refused) is (code in set(Code))
    assert isinstance(error, core.EnvironmentFailure) is (row.exit_code == Exit.ENVIRONMENT)
    assert isinstance(error, errors.TryLater) is (row.exit_code == Exit.ENVIRONMENT)
    assert isinstance(error, errors.Unauthenticated) is (row.http_status == 401)
    assert isinstance(error, core.ChainUnavailable) is (code == "chain_unavailable")
    if row.sdk_class.startswith("Invalid"):
        assert isinstance(error, core.InvalidInput)
        assert isinstance(error, ValueError)
    assert isinstance(error, core.InvalidAmount) is (code == "invalid_amount")


@pytest.mark.parametrize(("code", "row"), ROWS)
def test_errors_survive_a_pickle_and_a_copy(code: str, row: ErrorRow) -> None:
    """A pool of processes brings them home."""
    error = errors.error_of(row.http_status, answer(code), 7)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert (str(twin), vars(twin)) == (str(error), vars(error))
    reverted = pickle.loads(pickle.dumps(errors.TransactionReverted("reverted", "0x12")))
    assert reverted.tx_hash == "0x12"


def test_a_refusal_brings_its_facts() -> None:
    told = read_answer(
        b'{"success":false,"error":"asked 5","code":"budget_exceeded","requestId":"r","details":{"code":'
        b'"budget_exceeded","reasons":[{"code":"budget_exceeded","rule":"budget","message":"asked 5","asked":"5",'
        b'"limit":"9","remaining":"1.5","resetsAt":1772928000,"hint":"ask for 1.5","news":true},'
        b'{"code":"service_not_allowed","rule":"allowed_services"}]}}'
    )
    error = errors.error_of(403, told, None)
    assert isinstance(error, errors.BudgetExceeded)
    assert (error.rule, error.asked, error.limit, error.remaining) == ("budget", "5", "9", "1.5")
    assert (error.resets_at, error.hint) == (1772928000, "ask for 1.5")
    assert [reason.code for reason in error.reasons] == ["budget_exceeded", "service_not_allowed"]


@pytest.mark.parametrize(
    "details",
    [b"null", b"[]", b'"text"', b"{}", b'{"reasons":5}', b'{"reasons":[5]}', b'{"reasons":[{"asked":5}]}',
     b'{"reasons":{}}', b'{"reasons":null}'],
)  # fmt: skip
def test_a_refusal_without_readable_facts_is_still_a_refusal(details: bytes) -> None:
    told = read_answer(b'{"success":false,"error":"no","code":"budget_exceeded","details":%s}' % details)
    error = errors.error_of(403, told, None)
    assert isinstance(error, errors.BudgetExceeded)
    assert (error.rule, error.remaining, error.reasons) == ("", None, ())


@pytest.mark.parametrize("details", [b'"\xff"', b"[" * 200_000 + b"]" * 200_000])
def test_details_that_cannot_be_read_hide_no_error(details: bytes) -> None:
    told = read_answer(b'{"success":false,"error":"no","code":"not_found","details":%s}' % details)
    error = errors.error_of(404, told, None)
    assert isinstance(error, errors.NotFound | errors.NetworkError)
    assert error.details is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.InvalidInput), (401, errors.Unauthenticated), (403, errors.Forbidden), (404, errors.NotFound),
     (405, errors.MethodNotAllowed), (409, errors.Conflict), (413, errors.PayloadTooLarge),
     (429, errors.RateLimited), (500, errors.PlatformError), (502, errors.PlatformUnavailable),
     (503, errors.PlatformUnavailable), (504, errors.PlatformUnavailable), (402, errors.PlatformError)],
)  # fmt: skip
@pytest.mark.parametrize("code", [None, "of_a_newer_platform"])
def test_a_code_that_is_missing_or_unknown_leaves_the_status(
    status: int, kind: type[errors.PlatformAnswer], code: str | None
) -> None:
    error = errors.error_of(status, Answer(error=None, code=code), None)
    assert type(error) is kind
    assert str(error) == f"the platform answered {status}"
    assert error.code == (code or error.code)


@pytest.mark.parametrize("status", [200, 204, 301, 404, 502])
def test_what_is_not_the_platforms_json_is_the_network(status: int) -> None:
    error = errors.error_of(status, None, None)
    assert type(error) is errors.NetworkError
    assert error.retryable
    assert error.status == status
