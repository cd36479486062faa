"""attestations.json: payloads, their canonical text and what the real client attests of them."""

from typing import Any

import pytest

from tests.vectors.files import names, vectors
from valetkey.wire import js_json
from valetkey.wire.attestation import attest, matches

ATTESTATIONS = vectors("attestations")
CLOCK_MS = 1_772_323_200_000


@pytest.mark.parametrize("case", ATTESTATIONS["cases"], ids=names(ATTESTATIONS["cases"]))
def test_attests_as_the_client_does(case: dict[str, Any]) -> None:
    payload = js_json.parse(case["sourceJson"])
    text = js_json.stringify(payload)
    if "canonicalUtf8" in case:
        assert text == case["canonicalUtf8"]
    assert len(text.encode("utf-8")) == case["canonicalUtf8Bytes"]
    assert js_json.utf16_units(text) == case["canonicalUtf16Units"]
    attestation = attest(payload, CLOCK_MS)
    assert attestation.to_json() == case["attestation"]
    assert list(attestation.to_json()) == list(case["attestation"])
    assert matches(payload, attestation.to_json()) is case["verifySame"]
    assert matches(payload, attestation)


@pytest.mark.parametrize("case", ATTESTATIONS["verify"], ids=names(ATTESTATIONS["verify"]))
def test_verifies_as_the_client_does(case: dict[str, Any]) -> None:
    assert matches(js_json.parse(case["plaintextJson"]), case["attestation"]) is case["verified"]
