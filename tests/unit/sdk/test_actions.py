"""Actions: what cannot be meant is refused when it is made, with the member that is wrong."""

from decimal import Decimal
from typing import Any

import pytest

from valetkey import Approve, ContractCall, InvalidInput, Swap, Transfer
from valetkey.core.money import NATIVE
from valetkey.sdk.actions import KINDS, action_of, digest_of
from valetkey.sdk.planning import asset_and_units
from valetkey.wire.network import Contracts, NetworkView

TO, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
MIXED = "0x52908400098527886E0F7030069857D2E4169EE7"
WRONG = "0x52908400098527886E0F7030069857D2E4169Ee7"

NETWORK = NetworkView(
    network="base-sepolia",
    chain="baseSepolia",
    chain_id=84532,
    rpc_url=None,
    contracts=Contracts(escrow=TO, score=TO, usdc="0x" + "33" * 20),
    confirmations=1,
    test_mode=True,
)

WHOLE: dict[str, dict[str, Any]] = {
    "transfer": {"to": TO, "amount": "5", "token": "USDC"},
    "approve": {"spender": TO, "amount": "5", "token": "USDC"},
    "contract_call": {
        "to": TO,
        "function": "deposit(uint256)",
        "args": [1],
        "max_spend": "5",
        "token": "USDC",
    },
    "swap": {"router": TO, "amount_in": "5", "token_in": "USDC", "token_out": OTHER, "min_out": "1"},
}

BAD_AMOUNTS = [
    *("NaN", "sNaN", "Infinity", "-Infinity", "-1", "+1", "", " 1", "1,5", "1e99", "1_000", "0x10", "٣"),
    *(float("nan"), float("inf"), -1, -0.5, True, None, [], Decimal("NaN"), Decimal("-1"), Decimal("1E+40")),
    *("0", 0, 0.0, "0.0000000000000000001", "9" * 31),
]
BAD_ADDRESSES = [
    *(
        "",
        "0x",
        TO[:-1],
        TO + "0",
        TO[2:],
        "0x" + "zz" * 20,
        WRONG,
        NATIVE,
        "vitalik.eth",
        None,
        5,
        TO.encode(),
    ),
]


def made(kind: str, **changes: Any) -> Any:
    return action_of({"type": kind, **WHOLE[kind], **changes})


@pytest.mark.parametrize("kind", KINDS)
def test_a_mapping_is_what_its_class_makes(kind: str) -> None:
    assert made(kind) == KINDS[kind](**WHOLE[kind])
    assert action_of(made(kind)) == made(kind)


@pytest.mark.parametrize(
    ("kind", "member"),
    [("transfer", "amount"), ("approve", "amount"), ("swap", "amount_in"), ("swap", "min_out")],
)
@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_an_amount_that_is_none(kind: str, member: str, amount: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(kind, **{member: amount})
    assert refused.value.field == member
    assert refused.value.code == "invalid_amount"


@pytest.mark.parametrize(
    ("kind", "member"),
    [("transfer", "to"), ("approve", "spender"), ("contract_call", "to"), ("swap", "router")],
)
@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=repr)
def test_an_address_that_is_none(kind: str, member: str, address: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(kind, **{member: address})
    assert refused.value.field == member
    assert refused.value.code == "invalid_address"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", ["gas", "To", "tokenIn", "", "note", "__class__"])
def test_a_member_that_nobody_knows_is_named(kind: str, member: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(kind, **{member: 1})
    assert refused.value.field == member


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (kind, member)
        for kind, members in WHOLE.items()
        for member in members
        if member not in ("token", "args")
    ],
)
def test_a_member_that_is_missing_is_named(kind: str, member: str) -> None:
    if (kind, member) == ("contract_call", "max_spend"):
        return
    members = {name: value for name, value in WHOLE[kind].items() if name != member}
    with pytest.raises(InvalidInput) as refused:
        action_of({"type": kind, **members})
    assert refused.value.field == member


@pytest.mark.parametrize("given", [{}, {"type": "mint"}, {"type": None}, [], "transfer", None, {1: 2}])
def test_what_is_no_action(given: Any) -> None:
    with pytest.raises(InvalidInput):
        action_of(given)


@pytest.mark.parametrize("token", ["", "US DC", "USDC\n", "ÜSDC", 5, None, "0x12", WRONG, "X" * 50])
def test_a_token_that_is_none(token: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        made("transfer", token=token)
    assert refused.value.field == "token"


@pytest.mark.parametrize(
    "function",
    [
        "approve(address,uint256)",
        "increaseAllowance(address,uint256)",
        "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
        "approveAndCall(address,uint256)",
        "approveAndCall(address,uint256,bytes)",
        "transferAndCall(address,uint256,bytes)",
        "transferFromAndCall(address,address,uint256)",
        "authorizeOperator(address)",
        "send(address,uint256,bytes)",
        "setApprovalForAll(address,bool)",
        "transferFrom(address,address,uint256)",
    ],
)
def test_functions_that_let_money_go_without_a_bound_are_refused(function: str) -> None:
    kinds = function[function.index("(") + 1 : -1].split(",")
    known = {"address": TO, "uint256": 1, "uint8": 1, "bool": True, "bytes32": bytes(32), "bytes": b""}
    args = [known[one] for one in kinds]
    with pytest.raises(InvalidInput) as refused:
        made("contract_call", function=function, args=args)
    assert refused.value.field == "function"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": "1"}, "value"),
        ({"data": "0x12"}, "data"),
        ({"args": (), "data": "0xzz"}, "data"),
        ({"args": (), "data": b"\0" * 70_000}, "data"),
        ({"max_spend": "-1"}, "max_spend"),
        ({"function": "transfer(address,uint256)", "args": [TO, 1], "max_spend": 0}, "max_spend"),
        ({"function": "transfer(address,uint256)", "args": [NATIVE, 1]}, "args"),
    ],
)
def test_a_call_that_contradicts_itself(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _ = made("contract_call", **changes).payee
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token_out": "USDC"}, "token_out"),
        ({"path": [TO]}, "path"),
        ({"path": [TO] * 9}, "path"),
        ({"path": TO}, "path"),
        ({"path": [TO, WRONG]}, "path"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": True}, "deadline"),
        ({"deadline": 86_401}, "deadline"),
        ({"min_out": 0}, "min_out"),
    ],
)
def test_a_swap_that_cannot_be_meant(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made("swap", **changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("transfer", {"amount": "0.0000001"}, "amount"),
        ("transfer", {"token": "DOGE"}, "token"),
        ("transfer", {"token": OTHER}, "token"),
        ("approve", {"token": "ETH"}, "amount"),
        ("swap", {"token_in": "ETH"}, "amount_in"),
        ("swap", {"amount_in": "1.0000001"}, "amount_in"),
        ("contract_call", {"max_spend": "0.0000001"}, "max_spend"),
        ("contract_call", {"to": NETWORK.contracts.usdc}, "max_spend"),
        ("contract_call", {"function": "transfer(address,uint256)", "args": [OTHER, 5_000_000]}, "to"),
    ],
)
def test_what_the_network_does_not_have(kind: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        asset_and_units(made(kind, **changes), NETWORK)
    assert refused.value.field == field


def test_amounts_are_exact_whatever_they_are_written_as() -> None:
    for amount in ("0.1", 0.1, Decimal("0.1"), "0.100000"):
        action = Transfer(to=TO, amount=amount)
        assert asset_and_units(action, NETWORK)[1] == 100_000
        assert digest_of(action) == digest_of(Transfer(to=TO, amount="0.1"))
    coin, wei = asset_and_units(Transfer(to=TO, amount="1.000000000000000001", token="ETH"), NETWORK)
    assert (coin.address, wei) == (NATIVE, 10**18 + 1)


def test_actions_that_differ_have_different_digests() -> None:
    every = [
        Transfer(to=TO, amount=1),
        Transfer(to=TO, amount=2),
        Transfer(to=OTHER, amount=1),
        Transfer(to=TO, amount=1, token="ETH"),
        Approve(spender=TO, amount=1),
        ContractCall(to=TO, function="f(uint256)", args=[1]),
        ContractCall(to=TO, function="f(uint256)", args=[2]),
        ContractCall(to=TO, function="f(uint256)", args=[1], value="0.1"),
        Swap(router=TO, amount_in=1, token_in="USDC", token_out=OTHER, min_out=1),
        Swap(router=TO, amount_in=1, token_in="USDC", token_out=OTHER, min_out=2),
        Swap(router=TO, amount_in=1, token_in="USDC", token_out=OTHER, min_out=1, path=[TO, OTHER]),
    ]
    assert len({digest_of(one) for one in every}) == len(every)


def test_addresses_are_spelled_with_their_checksum() -> None:
    assert Transfer(to=MIXED.lower(), amount=1).to == MIXED
    assert Transfer(to=MIXED, amount=1).operation == "transfer"
    assert Approve(spender=MIXED, amount=1).operation == "approve." + MIXED[2:].lower()
