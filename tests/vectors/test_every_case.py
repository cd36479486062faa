"""The vectors are as the real client made them, and no case of them is left without a test."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.vectors.files import FOLDER, vectors

# Made with the client and never edited: a change here is a change of the contract.
DIGESTS = {
    "attestations": "2e716e3d40e62bfe3f8bf28ef8eff802881a802bd003e91b20e33df1416470c3",
    "bundles": "86a5d6fd0aacf696b298012af9a5b6a3f7e1bf74df8ac7a95c93314bf7e70b6c",
    "chain": "b1c5871872066876d354d746b367227374a5991bb43aff4ca0b9726d5f2cf1ea",
    "envelopes": "3b8e03b6939185d1a496e5705721d6e94f597781b191a312a6b2cb7fafb62185",
    "http": "e0789c7768159849bba88de3fb604cfe21a400116e576dbebfea33d367166773",
    "keys": "1a5c6ebe834843f1baa38af44a3c1db37e5c796a49ed281ec6fea9934e504e84",
    "registration": "2a4c099d5d1b597fb04b0196f2874b2c659090fd9db923610a304463674ff39a",
    "sign_in": "448293ed95c3fbc12b2112dcae3cde72dea132629a03efebcbe7ec2576e10bb5",
    "webhooks": "c3a36ba65dfef4a7c9e051732834687fd344298c26b3741b79da2311bc9b4cd7",
}

ABOUT = {"what", "producer", "node", "viem", "note", "notes", "protocol", "scheme"}
"""Members that tell about a file; they are prose."""

TESTED = {
    "attestations": {"cases", "verify"},
    "bundles": {"prefix", "serialized", "deserializeMalformed", "initWithSession"},
    "chain": {
        "addresses",
        "selectors",
        "toEscrowId",
        "toCriteriaHash",
        "deliveryProofHashExamples",
        "approve",
        "approveRule",
        "calldata",
        "sweepRpc",
        "sweepZeroBalance",
        "getEscrow",
        "agentStats",
        "fundSession",
        "enums",
    },
    "envelopes": {"count", "cases", "tampered"},
    "http": {"errorMapping", "requests", "createSession"},
    "keys": {"wallets", "e2e"},
    "registration": {"messageFormat", "requests", "outcomes"},
    "sign_in": {"read", "refused", "signed"},
    "webhooks": {"cases", "webhookServer"},
}
"""Members that hold cases; the test of file `x.json` is test_x.py and names each of them."""


@pytest.mark.parametrize("name", DIGESTS)
def test_the_file_is_as_it_was_made(name: str) -> None:
    assert sha256((FOLDER / f"{name}.json").read_bytes()).hexdigest() == DIGESTS[name]


def test_no_file_is_left_out() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(DIGESTS) == set(TESTED)


@pytest.mark.parametrize("name", TESTED)
def test_no_member_is_left_out(name: str) -> None:
    assert set(vectors(name)) - ABOUT == TESTED[name]
    test = (Path(__file__).parent / f"test_{name}.py").read_text(encoding="utf-8")
    for member in TESTED[name]:
        assert f'["{member}"]' in test, member
