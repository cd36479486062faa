"""TestUSDC through its committed ABI: EIP-20, EIP-2612 and EIP-3009, each signature in both forms."""

import json
from collections.abc import Callable
from typing import Any

import boa
import pytest
from boa.util.abi import Address
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from contracts.tests.world import CONTRACTS, START, Outcome, World, at, call, events, send, send_raw
from valetkey.crypto.keys import keccak256

ARTIFACT = CONTRACTS.parent / "src" / "valetkey" / "chains" / "evm" / "artifacts" / "TestUSDC.json"
ABI = json.loads(ARTIFACT.read_text(encoding="utf-8"))["abi"]

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PAYER = Account.from_key("0x" + "11" * 32)
MALLORY = Account.from_key("0x" + "22" * 32)
SIGNERS = {"payer": PAYER, "mallory": MALLORY}
PAYEE = "0x" + "77" * 20
NONCE = b"\x0a" * 32
LATER = START + 1_000

DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
AUTHORIZATION = [
    *(("from", "address"), ("to", "address"), ("value", "uint256")),
    *(("validAfter", "uint256"), ("validBefore", "uint256"), ("nonce", "bytes32")),
]
TYPES: dict[str, list[tuple[str, str]]] = {
    "Permit": [
        *(("owner", "address"), ("spender", "address"), ("value", "uint256")),
        *(("nonce", "uint256"), ("deadline", "uint256")),
    ],
    "TransferWithAuthorization": AUTHORIZATION,
    "ReceiveWithAuthorization": AUTHORIZATION,
    "CancelAuthorization": [("authorizer", "address"), ("nonce", "bytes32")],
}

Form = Callable[[bytes], tuple[Any, ...]]


def as_bytes(signature: bytes) -> tuple[Any, ...]:
    return (signature,)


def as_vrs(signature: bytes) -> tuple[Any, ...]:
    return (signature[64], signature[:32], signature[32:64])


FORMS = pytest.mark.parametrize("form", [as_bytes, as_vrs])
MOVES = pytest.mark.parametrize("function", ["transferWithAuthorization", "receiveWithAuthorization"])


class Token:
    """The token by its committed ABI, with a funded payer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.contract = boa.loads_abi(json.dumps(ABI), name="TestUSDC").at(world.usdc.address)
        world.must(world.stranger, world.usdc, "mint", PAYER.address, 1_000)
        self.chain_id = int(boa.env.evm.patch.chain_id)

    def message(self, primary: str, *fields: Any, **domain: Any) -> Any:
        """EIP-712 as an independent library encodes it."""
        types = {"EIP712Domain": DOMAIN, primary: TYPES[primary]}
        document = {
            "types": {
                name: [{"name": field, "type": kind} for field, kind in members]
                for name, members in types.items()
            },
            "primaryType": primary,
            "domain": {
                "name": "USDC",
                "version": "2",
                "chainId": self.chain_id,
                "verifyingContract": str(self.world.usdc.address),
            }
            | domain,
            "message": dict(zip([field for field, _ in TYPES[primary]], fields, strict=True)),
        }
        return encode_typed_data(full_message=document)

    def sign(self, account: Any, primary: str, *fields: Any, **domain: Any) -> bytes:
        return bytes(account.sign_message(self.message(primary, *fields, **domain)).signature)

    def send(self, sender: str, function: str, *arguments: Any) -> Outcome:
        data = getattr(self.contract, function).prepare_calldata(*arguments)
        return send_raw(sender, self.contract.address, data)

    def move(self, function: str, form: Form, **changes: Any) -> Outcome:
        """An authorized move with ordinary fields, except for `changes`; `signed` changes what is signed only."""
        asked: dict[str, Any] = {
            "payer": PAYER.address,
            "to": PAYEE,
            "value": 40,
            "after": START - 1,
            "before": LATER,
            "nonce": NONCE,
        }
        account = SIGNERS[changes.pop("by", "payer")]
        sender = changes.pop("sender", PAYEE)
        signed = changes.pop("signed", {})
        domain = changes.pop("domain", {})
        asked |= changes
        primary = function[0].upper() + function[1:]
        signature = self.sign(account, primary, *(asked | signed).values(), **domain)
        return self.send(sender, function, *asked.values(), *form(signature))

    def cancel(self, form: Form, account: Any = PAYER, nonce: bytes = NONCE) -> Outcome:
        signature = self.sign(account, "CancelAuthorization", PAYER.address, nonce)
        return self.send(self.world.stranger, "cancelAuthorization", PAYER.address, nonce, *form(signature))

    def permit(self, form: Form, **changes: Any) -> Outcome:
        asked: dict[str, Any] = {
            "owner": PAYER.address,
            "spender": PAYEE,
            "value": 40,
            "nonce": call(self.world.usdc, "nonces", PAYER.address),
            "deadline": LATER,
        }
        account, signed = SIGNERS[changes.pop("by", "payer")], changes.pop("signed", {})
        asked |= changes
        signature = self.sign(account, "Permit", *(asked | signed).values())
        del asked["nonce"]
        return self.send(self.world.stranger, "permit", *asked.values(), *form(signature))

    def holdings(self) -> list[int]:
        return self.world.balances(self.world.usdc, PAYER.address, PAYEE)


@pytest.fixture
def token(world: World) -> Token:
    return Token(world)


def test_the_name_that_clients_sign(token: Token) -> None:
    described = [
        call(token.world.usdc, view) for view in ("name", "symbol", "version", "decimals", "totalSupply")
    ]
    assert described[:4] == ["USDC", "USDC", "2", 6]
    message = token.message("CancelAuthorization", PAYER.address, NONCE)
    assert call(token.world.usdc, "DOMAIN_SEPARATOR") == message.header


def test_the_domain_follows_the_address(token: Token) -> None:
    """The code may be placed anywhere: the domain is that of the place."""
    elsewhere = Address("0x" + "36" * 20)
    boa.env.set_code(elsewhere, boa.env.get_code(token.world.usdc.address))
    moved = boa.loads_abi(json.dumps(ABI), name="TestUSDC").at(elsewhere)
    message = token.message("CancelAuthorization", PAYER.address, NONCE, verifyingContract=str(elsewhere))
    assert moved.DOMAIN_SEPARATOR() == message.header != call(token.world.usdc, "DOMAIN_SEPARATOR")


def test_anybody_mints_and_the_supply_is_the_sum(token: Token) -> None:
    usdc, before = token.world.usdc, call(token.world.usdc, "totalSupply")
    outcome = token.world.must(token.world.stranger, usdc, "mint", PAYEE, 5)
    assert call(usdc, "totalSupply") == before + 5
    assert events(usdc, outcome) == [
        ("Transfer", {"sender": Address("0x" + "00" * 20), "receiver": Address(PAYEE), "value": 5})
    ]
    assert not send(token.world.stranger, usdc, "mint", PAYEE, 2**256 - 1).ok


def test_transfers_and_allowances(token: Token) -> None:
    usdc, must = token.world.usdc, token.world.must
    assert send(PAYER.address, usdc, "transfer", PAYEE, 1_001).reason == "balance too small"
    assert send(PAYER.address, usdc, "transfer", "0x" + "00" * 20, 1).reason == "to is zero"
    assert send(PAYER.address, usdc, "approve", "0x" + "00" * 20, 1).reason == "spender is zero"
    must(PAYER.address, usdc, "transfer", PAYER.address, 1_000)
    must(PAYER.address, usdc, "transfer", PAYEE, 0)
    must(PAYER.address, usdc, "approve", PAYEE, 10)
    assert send(PAYEE, usdc, "transferFrom", PAYER.address, PAYEE, 11).reason == "allowance too small"
    must(PAYEE, usdc, "transferFrom", PAYER.address, PAYEE, 4)
    assert call(usdc, "allowance", PAYER.address, PAYEE) == 6
    must(PAYER.address, usdc, "approve", PAYEE, 2**256 - 1)
    must(PAYEE, usdc, "transferFrom", PAYER.address, PAYEE, 4)
    assert call(usdc, "allowance", PAYER.address, PAYEE) == 2**256 - 1
    assert token.holdings() == [992, 8]


@FORMS
def test_a_permit_is_good_once(token: Token, form: Form) -> None:
    outcome = token.permit(form)
    assert outcome.ok, outcome.reason
    assert call(token.world.usdc, "allowance", PAYER.address, PAYEE) == 40
    assert call(token.world.usdc, "nonces", PAYER.address) == 1
    assert [name for name, _ in events(token.world.usdc, outcome)] == ["Approval"]
    assert token.permit(form, nonce=0).reason == "bad signature"


@FORMS
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deadline": START}, ""),
        ({"deadline": START - 1}, "expired"),
        ({"by": "mallory"}, "bad signature"),
        ({"signed": {"value": 41}}, "bad signature"),
        ({"signed": {"spender": MALLORY.address}}, "bad signature"),
        ({"nonce": 1}, "bad signature"),
        ({"spender": "0x" + "00" * 20}, "spender is zero"),
    ],
    ids=str,
)
def test_permits_at_their_edges(token: Token, form: Form, changes: dict[str, Any], reason: str) -> None:
    outcome = token.permit(form, **changes)
    assert (outcome.ok, outcome.reason) == (not reason, reason)


@MOVES
@FORMS
def test_an_authorization_is_good_once(token: Token, function: str, form: Form) -> None:
    outcome = token.move(function, form)
    assert outcome.ok, outcome.reason
    assert token.holdings() == [960, 40]
    assert call(token.world.usdc, "authorizationState", PAYER.address, NONCE) is True
    assert events(token.world.usdc, outcome)[0] == (
        "AuthorizationUsed",
        {"authorizer": Address(PAYER.address), "nonce": NONCE},
    )
    for again in ("transferWithAuthorization", "receiveWithAuthorization"):
        for other in (as_bytes, as_vrs):
            assert token.move(again, other).reason == "authorization used or canceled"
    assert token.cancel(form).reason == "authorization used or canceled"


@MOVES
@FORMS
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"after": START}, "not yet valid"),
        ({"after": START + 1}, "not yet valid"),
        ({"after": 0}, ""),
        ({"before": START}, "expired"),
        ({"before": START + 1}, ""),
        ({"before": 2**256 - 1}, ""),
        ({"by": "mallory"}, "bad signature"),
        ({"signed": {"value": 41}}, "bad signature"),
        ({"signed": {"to": MALLORY.address}}, "bad signature"),
        ({"signed": {"before": LATER + 1}}, "bad signature"),
        ({"signed": {"nonce": b"\x0b" * 32}}, "bad signature"),
        ({"domain": {"name": "USD Coin"}}, "bad signature"),
        ({"domain": {"version": "1"}}, "bad signature"),
        ({"domain": {"chainId": 2}}, "bad signature"),
        ({"domain": {"verifyingContract": PAYEE}}, "bad signature"),
        ({"value": 1_000}, ""),
        ({"value": 1_001}, "balance too small"),
    ],
    ids=str,
)
def test_authorizations_at_their_edges(
    token: Token, function: str, form: Form, changes: dict[str, Any], reason: str
) -> None:
    outcome = token.move(function, form, **changes)
    assert (outcome.ok, outcome.reason) == (not reason, reason)
    used = call(token.world.usdc, "authorizationState", PAYER.address, NONCE)
    assert used is (not reason)


@FORMS
def test_only_the_payee_receives_and_anybody_transfers(token: Token, form: Form) -> None:
    refused = token.move("receiveWithAuthorization", form, sender=token.world.stranger)
    assert refused.reason == "caller is not the payee"
    assert token.move("transferWithAuthorization", form, sender=token.world.stranger).ok


@FORMS
def test_what_was_signed_for_one_function_is_not_good_for_the_other(token: Token, form: Form) -> None:
    fields = (PAYER.address, PAYEE, 40, START - 1, LATER, NONCE)
    signature = token.sign(PAYER, "ReceiveWithAuthorization", *fields)
    outcome = token.send(PAYEE, "transferWithAuthorization", *fields, *form(signature))
    assert outcome.reason == "bad signature"


@FORMS
def test_a_canceled_authorization_is_dead(token: Token, form: Form) -> None:
    assert token.cancel(form, account=MALLORY).reason == "bad signature"
    outcome = token.cancel(form)
    assert events(token.world.usdc, outcome) == [
        ("AuthorizationCanceled", {"authorizer": Address(PAYER.address), "nonce": NONCE})
    ]
    for function in ("transferWithAuthorization", "receiveWithAuthorization"):
        assert token.move(function, form).reason == "authorization used or canceled"
    assert token.cancel(form).reason == "authorization used or canceled"
    assert token.move("transferWithAuthorization", form, nonce=b"\x0b" * 32).ok


@FORMS
def test_no_signature_has_a_second_form(token: Token, form: Form) -> None:
    fields = (PAYER.address, PAYEE, 40, START - 1, LATER, NONCE)
    signature = token.sign(PAYER, "TransferWithAuthorization", *fields)
    r, s, v = signature[:32], int.from_bytes(signature[32:64]), signature[64]
    twins = [
        r + (ORDER - s).to_bytes(32) + bytes([55 - v]),
        r + s.to_bytes(32) + bytes([v - 27]),
        r + s.to_bytes(32) + bytes([55 - v]),
        bytes(32) + s.to_bytes(32) + bytes([v]),
        r + bytes(32) + bytes([v]),
        bytes(65),
    ]
    for twin in twins:
        outcome = token.send(PAYEE, "transferWithAuthorization", *fields, *form(twin))
        assert outcome.reason == "bad signature"
    for length in (0, 64, 66):
        cut = (signature + b"\x00")[:length]
        assert token.send(PAYEE, "transferWithAuthorization", *fields, cut).reason == "bad signature"


def test_nobody_signs_for_the_zero_address(token: Token) -> None:
    """ecrecover answers zero for nonsense; zero must not own anything by that."""
    fields = ("0x" + "00" * 20, PAYEE, 0, START - 1, LATER, NONCE)
    for nonsense in (b"\xff" * 32 + b"\x01" * 32 + b"\x1b", bytes(64) + b"\x1b"):
        assert token.send(PAYEE, "transferWithAuthorization", *fields, nonsense).reason == "bad signature"


def test_a_contract_signs_by_erc_1271(token: Token) -> None:
    puppet = token.world.puppet
    fields = (puppet.address, PAYEE, 40, START - 1, LATER, NONCE)
    long = b"\x05" * 200
    assert not token.send(PAYEE, "transferWithAuthorization", *fields, long).ok
    message = token.message("TransferWithAuthorization", *(str(fields[0]), *fields[1:]))
    digest = keccak256(b"\x19\x01" + message.header + message.body)
    token.world.must(token.world.stranger, puppet, "sign", digest)
    assert not token.send(PAYEE, "transferWithAuthorization", *fields, long[:199]).ok
    assert token.send(PAYEE, "transferWithAuthorization", *fields, long).ok
    assert token.holdings() == [1_000, 40]


def test_a_contract_that_knows_no_signatures_signs_nothing(token: Token) -> None:
    fields = (token.world.odd.address, PAYEE, 0, START - 1, LATER, NONCE)
    assert not token.send(PAYEE, "transferWithAuthorization", *fields, b"\x05" * 65).ok


def test_dirty_calldata_is_refused(token: Token) -> None:
    fields = (PAYER.address, PAYEE, 40, START - 1, LATER, NONCE)
    signature = token.sign(PAYER, "TransferWithAuthorization", *fields)
    data = token.contract.transferWithAuthorization.prepare_calldata(*fields, *as_vrs(signature))
    address = token.contract.address
    assert not send_raw(PAYEE, address, data[:4] + b"\x01" + data[5:]).ok
    v_at = 4 + 6 * 32
    assert not send_raw(PAYEE, address, data[: v_at + 30] + b"\x01" + data[v_at + 31 :]).ok
    assert not send_raw(PAYEE, address, data[:-1]).ok
    assert not send_raw(PAYEE, address, bytes.fromhex("deadbeef")).ok
    assert not send_raw(PAYEE, address, b"").ok
    assert send_raw(PAYEE, address, data).ok


def test_time_decides_not_order(token: Token) -> None:
    at(LATER - 1)
    assert token.move("transferWithAuthorization", as_vrs, nonce=b"\x01" * 32).ok
    at(LATER)
    assert token.move("transferWithAuthorization", as_vrs, nonce=b"\x02" * 32).reason == "expired"


@given(value=st.integers(0, 2**256 - 1), nonce=st.binary(min_size=32, max_size=32), vrs=st.booleans())
def test_both_forms_agree_on_any_fields(deployed: World, value: int, nonce: bytes, vrs: bool) -> None:
    token = Token(deployed)
    outcome = token.move(
        "transferWithAuthorization",
        as_vrs if vrs else as_bytes,
        value=value,
        nonce=nonce,
        after=0,
        before=2**255,
    )
    assert outcome.ok is (value <= 1_000)
    assert outcome.reason == ("" if outcome.ok else "balance too small")
