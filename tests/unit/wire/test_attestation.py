"""What an attestation says, beyond the vectors."""

import pytest
from hypothesis import given

from tests.unit.wire.test_js_json import values
from valetkey.wire import js_json
from valetkey.wire.attestation import attest, matches

NOW_MS = 1_772_323_200_000


@given(values.filter(lambda value: value is not None))
def test_a_payload_matches_its_own_attestation_only(payload: object) -> None:
    attestation = attest(payload, NOW_MS)
    assert matches(payload, attestation)
    assert matches(js_json.parse(js_json.stringify(payload)), attestation.to_json())
    assert not matches([payload], attestation)


def test_null_cannot_be_attested() -> None:
    with pytest.raises(js_json.JsonError):
        attest(None, NOW_MS)


@pytest.mark.parametrize("attestation", [None, [], "sha256:", {}, {"hash": 5}, {"hash": "\ud800"}])
def test_what_is_no_attestation_matches_nothing(attestation: object) -> None:
    assert not matches({"a": 1}, attestation)


@pytest.mark.parametrize(
    ("code", "whole"),
    [
        ("", True), ("(", False), (")", False), ("f([{}])", True), ("f([)]", False), ('{"a":1}', True), ("[1,]", False),
        (" [1]", True), ("x = 1", True),
    ],
)  # fmt: skip
def test_code_that_closes_its_brackets_looks_whole(code: str, whole: bool) -> None:
    assert attest({"code": code}, NOW_MS).code_executable is whole


def test_no_code_is_neither() -> None:
    assert attest({"code": 5}, NOW_MS).code_executable is None
    assert attest(["code"], NOW_MS).code_executable is None
