"""chain.json: the hashes that go on chain."""

from typing import Any

import pytest

from tests.vectors.files import vectors
from valetkey.wire import js_json
from valetkey.wire.proofs import criteria_hash, delivery_proof, escrow_id, payload_digest

CHAIN = vectors("chain")
OURS = [case for case in CHAIN["toEscrowId"] if case["error"] is None and not case["hexInterpreted"]]


@pytest.mark.parametrize("case", OURS, ids=[case["transactionId"] for case in OURS])
def test_escrow_ids(case: dict[str, Any]) -> None:
    assert "0x" + escrow_id(case["transactionId"]).hex() == case["escrowId"]


@pytest.mark.parametrize("case", CHAIN["toCriteriaHash"])
def test_criteria_hashes(case: dict[str, Any]) -> None:
    criteria = case["input"] if case["kind"] == "string" else js_json.parse(case["inputJson"])
    assert "0x" + criteria_hash(criteria).hex() == case["hash"]


@pytest.mark.parametrize("case", CHAIN["deliveryProofHashExamples"])
def test_delivery_proofs(case: dict[str, Any]) -> None:
    assert "0x" + delivery_proof(js_json.parse(case["payloadJson"])).hex() == case["proofHash"]


def test_the_delivery_proof_of_webhooks_is_over_the_bytes() -> None:
    assert payload_digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
