"""The committed artifacts: made from these sources, with the selectors and encodings of third-party clients."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import boa
import pytest
from eth_abi import decode, encode

from contracts.tests.world import CONTRACTS, World
from valetkey.core.escrow import EscrowStatus
from valetkey.crypto.keys import keccak256
from valetkey.wire.proofs import escrow_id

ROOT = CONTRACTS.parent
ARTIFACTS = ROOT / "src" / "valetkey" / "chains" / "evm" / "artifacts"
CHAIN = json.loads((ROOT / "spec" / "vectors" / "chain.json").read_text(encoding="utf-8"))

SCORE = {"getScore", "getMaxJobValue", "getAgentStats"}
TOKEN = {"approve", "transfer", "balanceOf", "allowance"}
# A contract of the third party that this project has no twin of: here the resolver is an address.
NOT_OURS = {"submitResolution"}


def artifact(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def owner_of(function: str) -> str:
    return "Score" if function in SCORE else "TestUSDC" if function in TOKEN else "Escrow"


def functions(name: str) -> dict[bytes, dict[str, Any]]:
    """Every function of an ABI by its selector."""
    return {
        keccak256(signature(entry).encode())[:4]: entry
        for entry in artifact(name)["abi"]
        if entry["type"] == "function"
    }


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(field['type'] for field in entry['inputs'])})"


def decoded(name: str, data: bytes) -> tuple[str, dict[str, Any]]:
    entry = functions(name)[data[:4]]
    values = decode([field["type"] for field in entry["inputs"]], data[4:])
    assert encode([field["type"] for field in entry["inputs"]], values) == data[4:]
    return entry["name"], dict(zip([field["name"] for field in entry["inputs"]], values, strict=True))


def test_the_artifacts_are_what_the_sources_give(capsys: pytest.CaptureFixture[str]) -> None:
    spec = spec_from_file_location("build_contracts", ROOT / "scripts" / "build_contracts.py")
    assert spec is not None
    assert spec.loader is not None
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    assert build.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "attribute"), [("Escrow", "escrow"), ("Score", "score"), ("TestUSDC", "usdc")]
)
def test_the_code_under_test_is_the_code_that_is_shipped(world: World, name: str, attribute: str) -> None:
    code = boa.env.get_code(getattr(world, attribute).address)
    assert code == bytes.fromhex(artifact(name)["runtime_bytecode"].removeprefix("0x"))


def test_storage_has_no_place_for_the_contracts_own_address() -> None:
    """Development chains copy code and these slots; a mapping's slot itself holds nothing."""
    assert {
        name: entry["slot"]
        for name, entry in artifact("Escrow")["storage_layout"].items()
        if not entry["type"].startswith("HashMap")
    } == {
        "settings.ownership.owner": 0,
        "settings.ownership.pendingOwner": 1,
        "settings.treasury": 2,
        "settings.resolver": 3,
        "settings.score": 4,
        "settings.paused": 5,
        "settings.allowance": 7,
    }


@pytest.mark.parametrize(
    "wanted", [name for name in CHAIN["selectors"] if name.partition("(")[0] not in NOT_OURS]
)
def test_selectors(wanted: str) -> None:
    selector = bytes.fromhex(CHAIN["selectors"][wanted].removeprefix("0x"))
    assert signature(functions(owner_of(wanted.partition("(")[0]))[selector]) == wanted


@pytest.mark.parametrize("name", ["Escrow", "Score", "TestUSDC"])
def test_no_two_functions_share_a_selector(name: str) -> None:
    entries = [entry for entry in artifact(name)["abi"] if entry["type"] == "function"]
    assert len(functions(name)) == len(entries)


def test_both_signature_forms_are_in_the_abi() -> None:
    found = [entry["name"] for entry in artifact("TestUSDC")["abi"] if entry["type"] == "function"]
    for function in (
        "permit",
        "transferWithAuthorization",
        "receiveWithAuthorization",
        "cancelAuthorization",
    ):
        assert found.count(function) == 2


CALLS = [case for case in CHAIN["calldata"] if case["ok"] and case["fn"].partition("(")[0] not in NOT_OURS]


@pytest.mark.parametrize("case", CALLS, ids=[case["fn"] for case in CALLS])
def test_calldata_of_a_third_party_client(case: dict[str, Any]) -> None:
    function = case["fn"].partition("(")[0]
    name, values = decoded(owner_of(function), bytes.fromhex(case["tx"]["data"].removeprefix("0x")))
    assert name == function
    asked = dict(case["args"])
    if "transactionId" in asked:
        assert values["escrowId"] == escrow_id(asked.pop("transactionId"))
    for argument, value in asked.items():
        found = values[argument]
        assert value.lower() == ("0x" + found.hex() if isinstance(found, bytes) else str(found).lower()), (
            argument
        )


def test_every_action_of_the_parties_is_among_the_vectors() -> None:
    seen = {case["fn"].partition("(")[0] for case in CALLS}
    assert seen >= {"createEscrow", "submitDelivery", "accept", "claimAbandoned"}


@pytest.mark.parametrize("case", CHAIN["approve"], ids=[case["amount"] for case in CHAIN["approve"]])
def test_approvals_of_a_third_party_client(case: dict[str, Any]) -> None:
    name, values = decoded("TestUSDC", bytes.fromhex(case["data"].removeprefix("0x")))
    assert (name, values["spender"], values["amount"]) == (
        "approve",
        case["spender"].lower(),
        int(case["approved"]),
    )


def results(name: str, function: str, data: str) -> dict[str, Any]:
    (entry,) = (one for one in artifact(name)["abi"] if one.get("name") == function)
    values = decode([output["type"] for output in entry["outputs"]], bytes.fromhex(data.removeprefix("0x")))
    return dict(zip([output["name"] for output in entry["outputs"]], values, strict=True))


def test_the_record_of_an_escrow_reads_as_a_third_party_client_reads_it() -> None:
    case = CHAIN["getEscrow"]
    found = results("Escrow", "getEscrow", case["returnData"])
    assert list(found) == list(case["decoded"])
    for field, value in case["decoded"].items():
        seen = found[field]
        if isinstance(seen, bytes):
            assert (value or "0x" + "00" * 32) == "0x" + seen.hex(), field
        else:
            assert str(value).lower() == str(seen).lower(), field


def test_the_stats_of_an_agent_read_as_a_third_party_client_reads_them() -> None:
    case = CHAIN["agentStats"]
    found = results("Score", "getAgentStats", case["returnData"])
    assert [str(value) for value in found.values()] == list(case["decoded"].values())


def test_statuses_and_outcomes_have_the_numbers_of_core() -> None:
    numbers = {
        name.upper(): number for name, number in CHAIN["enums"]["EscrowStatus"].items() if name.isalpha()
    }
    assert numbers == {status.name: status.value for status in EscrowStatus}
    source = (CONTRACTS / "modules" / "records.vy").read_text(encoding="utf-8")
    for name, number in numbers.items():
        written = "UNUSED" if name == "NONE" else name
        assert f"\n{written}: constant(uint8) = {number}\n" in source
    for name, number in {"BUYER_REFUND": 1, "SELLER_PAID": 2, "SPLIT": 3}.items():
        assert f"\n{name}: constant(uint8) = {number}\n" in source
