"""What a session's key signs beside payments, and what it does not."""

import copy
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tests.integration.manager.world import HOUR, PAYEE, World
from valetkey.core.errors import InvalidInput
from valetkey.sdk.errors import OperationNotAllowed
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.views import ManagedSession
from valetkey.wire.grants import Domain

DOMAIN_TYPES = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
LOGIN: dict[str, Any] = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "chainId", "type": "uint256"},
        ],
        "Login": [{"name": "nonce", "type": "string"}],
    },
    "primaryType": "Login",
    "domain": {"name": "A site", "chainId": 84532},
    "message": {"nonce": "abc"},
}


@pytest.fixture
def made(manager: SessionKeyManager) -> ManagedSession:
    return manager.create_session(label="signs", spending_limit=1, valid_until=HOUR, approve=False)


def changed(**domain: Any) -> dict[str, Any]:
    data = copy.deepcopy(LOGIN)
    data["domain"] |= domain
    data["domain"] = {name: one for name, one in data["domain"].items() if one is not None}
    data["types"]["EIP712Domain"] = [
        {"name": name, "type": DOMAIN_TYPES[name]} for name in DOMAIN_TYPES if name in data["domain"]
    ]
    return data


def test_messages_and_typed_data_are_signed_as_other_wallets_sign_them(
    manager: SessionKeyManager, made: ManagedSession
) -> None:
    for message in ("héllo", b"\x00\xff raw"):
        raw = message.encode() if isinstance(message, str) else message
        signature = manager.sign(made.session_key_hash, message)
        assert Account.recover_message(encode_defunct(raw), signature=signature) == made.wallet_address
    for chain in (84532, "84532", "0x14a34"):
        data = changed(chainId=chain)
        signature = manager.sign(made.session_key_hash, typed_data=data)
        signable = encode_typed_data(full_message=changed())
        assert Account.recover_message(signable, signature=signature) == made.wallet_address


@pytest.mark.parametrize("named", [1, 8453, "8453", "0x1", None, True, "x", 84532.0, "", -84532])
def test_a_session_never_signs_for_another_chain(
    manager: SessionKeyManager, made: ManagedSession, named: Any
) -> None:
    with pytest.raises(InvalidInput) as refused:
        manager.sign(made.session_key_hash, typed_data=changed(chainId=named))
    assert refused.value.code == "wrong_chain"


@pytest.mark.parametrize(
    "kind",
    [
        "Spend",
        "EscrowFunding",
        "Voucher",
        "Grant",
        "TransferWithAuthorization",
        "Permit",
        "PermitTransferFrom",
    ],
)
def test_ONE_GATE_what_moves_money_is_not_signed_beside_it(
    manager: SessionKeyManager, made: ManagedSession, kind: str
) -> None:
    data = changed()
    data["types"][kind] = data["types"].pop("Login")
    data["primaryType"] = kind
    with pytest.raises(OperationNotAllowed) as refused:
        manager.sign(made.session_key_hash, typed_data=data)
    assert refused.value.hint == "call spend"


def test_ONE_GATE_nothing_is_signed_for_the_contracts_that_pay(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    for domain in (
        {"verifyingContract": world.at.allowance.lower()},
        {"verifyingContract": world.at.usdc},
        {"name": "Valetkey SessionAllowance"},
        {"name": "Valetkey Escrow"},
    ):
        with pytest.raises(OperationNotAllowed):
            manager.sign(made.session_key_hash, typed_data=changed(**domain))
    spend = Domain(84532, world.at.allowance).typed_data(
        "Voucher",
        {"grant": bytes(32), "payee": PAYEE, "total": 1, "executor": "0x" + "0" * 40, "deadline": 2**40},
    )
    with pytest.raises(OperationNotAllowed):
        manager.sign(made.session_key_hash, typed_data=spend)


@pytest.mark.parametrize(
    "data", [{}, [], "x", {"domain": 1}, {"domain": {"chainId": 84532}, "primaryType": 5}]
)
def test_what_is_no_typed_data_is_invalid(
    manager: SessionKeyManager, made: ManagedSession, data: Any
) -> None:
    with pytest.raises(InvalidInput):
        manager.sign(made.session_key_hash, typed_data=data)


def test_typed_data_that_is_nested_without_end_is_invalid(
    manager: SessionKeyManager, made: ManagedSession
) -> None:
    told: dict[str, Any] = {}
    for _ in range(300_000):
        told = {"x": told}
    data = LOGIN | {"primaryType": "X", "types": {"X": [{"name": "x", "type": "X"}]}, "message": told}
    with pytest.raises(InvalidInput) as refused:
        manager.sign(made.session_key_hash, typed_data=data)
    assert refused.value.field == "typed_data"
    while told:
        # Taken apart from outside: one that ends all at once takes the stack of whoever drops it.
        told = told["x"]


def test_one_thing_is_signed_at_a_time(manager: SessionKeyManager, made: ManagedSession) -> None:
    with pytest.raises(InvalidInput):
        manager.sign(made.session_key_hash)
    with pytest.raises(InvalidInput):
        manager.sign(made.session_key_hash, "hello", typed_data=LOGIN)
