"""chain.json: hashes, calldata and answers of the chain, as the real client makes and reads them."""

from decimal import Decimal
from typing import Any

import pytest

from tests.vectors.files import vectors
from valetkey.chains.evm.contracts import abi
from valetkey.chains.evm.networks import KNOWN_ADDRESSES
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.escrow import EscrowStatus
from valetkey.core.fees import platform_fee
from valetkey.core.ids import Kind, is_id
from valetkey.core.money import parse_units
from valetkey.crypto.keys import keccak256
from valetkey.ports.wallet import Call
from valetkey.wire import calls, js_json
from valetkey.wire.escrow import read_escrow
from valetkey.wire.proofs import criteria_hash, delivery_proof, escrow_id, payload_digest

CHAIN = vectors("chain")
WALLETS = vectors("keys")["wallets"]
ESCROW = CHAIN["addresses"]["escrow"]["84532"]
SCORE = CHAIN["addresses"]["score"]["84532"]
USDC = CHAIN["addresses"]["usdcBaseSepolia"]
RESOLVERS_OWN = "submitResolution(bytes32,uint8,uint256,uint256,string)"
"""A function of the other platform's resolver contract: here the resolver calls the escrow itself."""


def hexed(call: Call) -> str:
    return "0x" + call.data.hex()


def asks(rpc: list[dict[str, Any]], call: Call) -> bool:
    """Whether the client's one eth_call is this call, of the newest block."""
    (one,) = rpc
    return (one["method"], one["params"]) == ("eth_call", [{"data": hexed(call), "to": call.to}, "latest"])


@pytest.mark.parametrize("case", CHAIN["toEscrowId"], ids=lambda case: case["transactionId"])
def test_escrow_ids(case: dict[str, Any]) -> None:
    assert case["error"] is None
    found = "0x" + escrow_id(case["transactionId"]).hex()
    assert found == case["utf8Keccak"]
    # The client hashes the bytes of an id that looks like hex: no id of ours looks like that.
    assert (found == case["escrowId"]) is not case["hexInterpreted"]
    if case["hexInterpreted"]:
        assert not any(is_id(kind, case["transactionId"]) for kind in Kind)


@pytest.mark.parametrize("case", CHAIN["toCriteriaHash"])
def test_criteria_hashes(case: dict[str, Any]) -> None:
    criteria = case["input"] if case["kind"] == "string" else js_json.parse(case["inputJson"])
    assert "0x" + criteria_hash(criteria).hex() == case["hash"]


@pytest.mark.parametrize("case", CHAIN["deliveryProofHashExamples"])
def test_delivery_proofs(case: dict[str, Any]) -> None:
    assert "0x" + delivery_proof(js_json.parse(case["payloadJson"])).hex() == case["proofHash"]


def test_the_delivery_proof_of_webhooks_is_over_the_bytes() -> None:
    assert payload_digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_addresses_that_the_client_has_compiled_in() -> None:
    for chain_id, known in KNOWN_ADDRESSES.items():
        assert known.escrow == CHAIN["addresses"]["escrow"][str(chain_id)]
        assert known.score == CHAIN["addresses"]["score"][str(chain_id)]
    assert KNOWN_ADDRESSES[84532].usdc == USDC
    served = {chain_id for chain_id, address in CHAIN["addresses"]["escrow"].items() if address}
    assert served == {str(chain_id) for chain_id in KNOWN_ADDRESSES}


def test_selectors_are_those_of_the_shipped_contracts() -> None:
    shipped = {
        f"{entry['name']}({','.join(field['type'] for field in entry['inputs'])})"
        for contract in ("Escrow", "Score", "TestUSDC")
        for entry in abi(contract)
        if entry["type"] == "function"
    }
    for signature, selector in CHAIN["selectors"].items():
        assert "0x" + keccak256(signature.encode("ascii"))[:4].hex() == selector
        assert signature in shipped or signature == RESOLVERS_OWN


def test_enums_are_the_contract_s_numbers() -> None:
    named = {name: value for name, value in CHAIN["enums"]["EscrowStatus"].items() if isinstance(value, int)}
    assert {status.name.capitalize(): int(status) for status in EscrowStatus} == named
    for name, value in named.items():
        assert CHAIN["enums"]["EscrowStatus"][str(value)] == name
    outcomes = CHAIN["enums"]["DisputeOutcome"]
    assert [outcomes[str(number)] for number in range(4)] == ["None", "BuyerRefund", "SellerPaid", "Split"]


@pytest.mark.parametrize("case", CHAIN["approve"], ids=lambda case: case["amount"])
def test_approvals(case: dict[str, Any]) -> None:
    amount, approved = int(case["amount"]), int(case["approved"])
    assert CHAIN["approveRule"].startswith("(amount*102 + 99) / 100")
    assert approved == (amount * 102 + 99) // 100
    call = calls.approve(case["to"], case["spender"], approved)
    assert (call.to, hexed(call), call.value) == (case["to"], case["data"], 0)
    # What the client approves for a price covers price and fee, and never by more than a base unit.
    assert platform_fee(amount) == int(case["floorFee2pct"])
    assert 0 <= approved - amount - platform_fee(amount) <= 1


def called(case: dict[str, Any]) -> Call:
    """The call that this house makes where the client made the case's."""
    args = case["args"]
    transaction_id = args.get("transactionId", "cm8xyz0001")
    match case["fn"].partition("(")[0]:
        case "createEscrow":
            return calls.create_escrow(
                ESCROW,
                transaction_id,
                seller=args["seller"],
                units=int(args.get("amount", 1)),
                token=USDC,
                deadline=int(args.get("deadline", 1)),
                dispute_window=int(args.get("disputeWindow", 0)),
                abandonment_grace=int(args.get("abandonmentGrace", 0)),
                criteria_hash=bytes.fromhex(args.get("criteriaHash", "0x" + "00" * 32)[2:]),
            )
        case "submitDelivery":
            return calls.submit_delivery(ESCROW, transaction_id, bytes.fromhex(args["proofHash"][2:]))
        case "accept":
            return calls.accept(ESCROW, transaction_id)
        case "claimAbandoned":
            return calls.claim_abandoned(ESCROW, transaction_id)
        case "transfer":
            return calls.transfer(USDC, args["to"], int(args["amount"]))
        case other:
            raise AssertionError(f"no call for {other}")


def by_wallets(ok: bool) -> list[dict[str, Any]]:
    """The cases that a wallet calls: resolving is the resolver's, and there is no such call here."""
    return [
        case
        for case in CHAIN["calldata"]
        if case["ok"] is ok and not case["fn"].startswith("submitResolution")
    ]


def test_no_calldata_case_is_left_out() -> None:
    left = [case for case in CHAIN["calldata"] if case not in by_wallets(True) + by_wallets(False)]
    assert [case["fn"] for case in left] == ["submitResolution(0.5 percent)"]
    assert (len(by_wallets(True)), len(by_wallets(False))) == (6, 1)


@pytest.mark.parametrize("case", by_wallets(True), ids=lambda case: case["fn"])
def test_calldata(case: dict[str, Any]) -> None:
    call = called(case)
    assert (call.to, hexed(call), call.value) == (case["tx"]["to"], case["tx"]["data"], 0)


@pytest.mark.parametrize("case", by_wallets(False), ids=lambda case: case["fn"])
def test_calls_that_the_client_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        called(case)


def test_the_sweep_asks_for_the_session_wallet_s_balance() -> None:
    assert asks(CHAIN["sweepRpc"], calls.balance_of(USDC, WALLETS["sessionWallet"]["address"]))
    # A wallet without any is swept without a transfer, and without an error.
    assert CHAIN["sweepZeroBalance"] == {"ok": True, "value": None}


def test_an_escrow_is_asked_for_and_read_as_the_client_does() -> None:
    case = CHAIN["getEscrow"]
    assert asks(case["rpc"], calls.get_escrow(ESCROW, case["transactionId"]))
    escrow = read_escrow(bytes.fromhex(case["returnData"][2:]))
    assert escrow is not None
    assert {
        "token": escrow.token,
        "buyer": escrow.buyer,
        "seller": escrow.seller,
        "lockedAmount": str(escrow.locked_amount),
        "platformFee": str(escrow.platform_fee),
        "status": int(escrow.status),
        "createdAt": escrow.created_at,
        "deadline": escrow.deadline,
        "disputeWindow": escrow.dispute_window,
        "abandonmentGrace": escrow.abandonment_grace,
        "deliveredAt": escrow.delivered_at,
        "proofHash": "0x" + escrow.proof_hash.hex(),
        "criteriaHash": "0x" + escrow.criteria_hash.hex() if any(escrow.criteria_hash) else None,
    } == case["decoded"]
    assert escrow.status is EscrowStatus.DELIVERED


def test_the_score_contract_answers_figures_in_the_client_s_order() -> None:
    case = CHAIN["agentStats"]
    (rpc,) = case["rpc"]
    account = WALLETS["sellerWallet"]["address"].lower().removeprefix("0x").rjust(64, "0")
    selector = CHAIN["selectors"]["getAgentStats(address)"]
    assert rpc["params"] == [{"data": selector + account, "to": SCORE}, "latest"]
    (entry,) = (one for one in abi("Score") if one.get("name") == "getAgentStats")
    answer = bytes.fromhex(case["returnData"][2:])
    assert len(answer) == 32 * len(entry["outputs"])
    figures = [
        int.from_bytes(answer[32 * at : 32 * at + 32], "big", signed=field["type"].startswith("int"))
        for at, field in enumerate(entry["outputs"])
    ]
    assert [str(figure) for figure in figures] == list(case["decoded"].values())


# The client rounds to base units and funds with binary fractions; here an amount is exact or refused.
FUNDED = {"50": 50_000_000, "1.005": 1_005_000, "1e+21": 10**27, "0": 0}
REFUSED = {"0.30000000000000004", "1.0000005", "4e-07", "1e-07", "None", "Infinity"}


@pytest.mark.parametrize("case", CHAIN["fundSession"], ids=lambda case: str(case["budgetUsdc"]))
def test_amounts_of_funding_are_exact_or_refused(case: dict[str, Any]) -> None:
    budget = case["budgetUsdc"]
    if str(budget) in REFUSED:
        amount = Decimal(str(budget)) if isinstance(budget, float | int) else budget
        with pytest.raises(InvalidAmount):
            parse_units(amount, 6)
        return
    units = parse_units(Decimal(str(budget)), 6)
    assert units == FUNDED[str(budget)]
    # Where the client moves money and rounds nothing it moves the same, but for the noise of its doubles.
    assert units == int(case["amountUnits"] or 0) or budget == 1e21
