"""Calldata of grants against the compiled contracts: selectors and every argument, as they would be read there."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from tests.unit.core.test_grant import GRANT
from valetkey.chains.evm.contracts import Name, abi
from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY
from valetkey.crypto.keys import PrivateKey, checksum_address, keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.ports.wallet import Call
from valetkey.wire import grant_calls
from valetkey.wire.grants import GrantSpend, Voucher, compact, grant_terms

ALLOWANCE = checksum_address("0x" + "a1" * 20)
ESCROW = checksum_address("0x" + "e5" * 20)
PAYEE = "0x" + "ab" * 20
ID, HASH, REFERENCE = b"\1" * 32, b"\2" * 32, b"\3" * 32
PROOF = [b"\4" * 32, b"\5" * 32]
SIGNATURE = sign_digest(PrivateKey.from_hex("0x" + "11" * 32), HASH)
R, VS = compact(SIGNATURE)
TERMS = grant_terms(GRANT)


def a_spend(executor: str = NOBODY) -> GrantSpend:
    return GrantSpend(payee=PAYEE, amount=7, reference=REFERENCE, nonce=8, deadline=9, executor=executor)


def a_voucher(executor: str = NOBODY) -> Voucher:
    return Voucher(payee=PAYEE, total=11, deadline=12, executor=executor)


SPEND = (PAYEE, 7, REFERENCE, False, 8, 9)
TREE: list[bytes] = PROOF
FUNDED = (ID, PAYEE, 7, 10, 20, 30, HASH)

CASES: list[tuple[Name, str, Call, tuple[Any, ...]]] = [
    ("SessionAllowance", "register", grant_calls.register(ALLOWANCE, GRANT, SIGNATURE), (TERMS, SIGNATURE)),
    (
        "SessionAllowance",
        "registerSuccessor",
        grant_calls.register_successor(ALLOWANCE, GRANT, GRANT, b"of a contract"),
        (TERMS, TERMS, b"of a contract"),
    ),
    (
        "SessionAllowance",
        "spendWithProof",
        grant_calls.spend_with_proof(ALLOWANCE, GRANT, [GRANT], PAYEE, 7, REFERENCE, PROOF),
        (TERMS, (TERMS,), PAYEE, 7, REFERENCE, tuple(TREE)),
    ),
    (
        "SessionAllowance",
        "spendSignedWithProof",
        grant_calls.spend_signed_with_proof(ALLOWANCE, GRANT, [], a_spend(), SIGNATURE, PROOF),
        (TERMS, (), SPEND, R, VS, tuple(TREE)),
    ),
    (
        "SessionAllowance",
        "spendSignedWithProof",
        grant_calls.spend_signed_with_proof(ALLOWANCE, GRANT, [GRANT], a_spend(ESCROW), SIGNATURE, []),
        (TERMS, (TERMS,), (*SPEND[:3], True, *SPEND[4:]), R, VS, ()),
    ),
    (
        "SessionAllowance",
        "settle",
        grant_calls.settle(ALLOWANCE, GRANT, a_voucher(), 5, REFERENCE, SIGNATURE, PROOF),
        (TERMS, (PAYEE, 11, False, 12), 5, REFERENCE, R, VS, tuple(TREE)),
    ),
    (
        "SessionAllowance",
        "settle",
        grant_calls.settle(ALLOWANCE, GRANT, a_voucher(ESCROW), 5, REFERENCE, SIGNATURE, []),
        (TERMS, (PAYEE, 11, True, 12), 5, REFERENCE, R, VS, ()),
    ),
    ("SessionAllowance", "revoke", grant_calls.revoke(ALLOWANCE, HASH), (HASH,)),
    (
        "SessionAllowance",
        "revokeSigned",
        grant_calls.revoke_signed(ALLOWANCE, PAYEE, HASH, SIGNATURE),
        (PAYEE, HASH, SIGNATURE),
    ),
    ("SessionAllowance", "renounce", grant_calls.renounce(ALLOWANCE, GRANT), (TERMS,)),
    ("SessionAllowance", "revokeAll", grant_calls.revoke_all(ALLOWANCE), ()),
    ("SessionAllowance", "freeze", grant_calls.freeze(ALLOWANCE), ()),
    ("SessionAllowance", "thaw", grant_calls.thaw(ALLOWANCE), ()),
    ("SessionAllowance", "words", grant_calls.words(ALLOWANCE, ID), (ID,)),
    ("SessionAllowance", "settled", grant_calls.settled(ALLOWANCE, ID, PAYEE), (ID, PAYEE)),
    ("SessionAllowance", "standings", grant_calls.standings(ALLOWANCE, PAYEE), (PAYEE,)),
    ("SessionAllowance", "remaining", grant_calls.remaining(ALLOWANCE, GRANT), (TERMS,)),
    ("SessionAllowance", "worstLoss", grant_calls.worst_loss(ALLOWANCE, GRANT), (TERMS,)),
    (
        "Escrow",
        "createEscrowWithSession",
        grant_calls.create_escrow_with_session(
            ESCROW, *(ID, PAYEE, 7, 10, 20, 30, HASH), GRANT, a_spend(ESCROW), SIGNATURE, PROOF
        ),
        (*FUNDED, TERMS, (), 8, 9, R, VS, tuple(TREE)),
    ),
    ("Escrow", "stepSigned", grant_calls.step_signed(ESCROW, ID, 2, 9, SIGNATURE), (ID, 2, 9, R, VS)),
    ("Escrow", "resolveDispute", grant_calls.resolve_dispute(ESCROW, ID, 1, 100), (ID, 1, 0, 0)),
    ("Escrow", "resolveDispute", grant_calls.resolve_dispute(ESCROW, ID, 3, 40), (ID, 3, 40, 60)),
    ("Escrow", "sessionKeys", grant_calls.session_key(ESCROW, ID), (ID,)),
]


def kinds(fields: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(
        f"({','.join(kinds(one['components']))}){one['type'][5:]}"
        if one["type"][:5] == "tuple"
        else one["type"]
        for one in fields
    )


@pytest.mark.parametrize(("contract", "name", "call", "values"), CASES, ids=[one[1] for one in CASES])
def test_the_contract_reads_what_was_meant(
    contract: Name, name: str, call: Call, values: tuple[Any, ...]
) -> None:
    signatures = [kinds(one["inputs"]) for one in abi(contract) if one.get("name") == name]
    (taken,) = [
        one for one in signatures if keccak256(f"{name}({','.join(one)})".encode())[:4] == call.data[:4]
    ]
    assert lower(decode(taken, call.data[4:])) == lower(values)
    assert (call.to, call.value) == (ALLOWANCE if contract == "SessionAllowance" else ESCROW, 0)


def lower(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(lower(one) for one in value)
    return value.lower() if isinstance(value, str) else value


def test_every_call_of_the_contracts_is_here() -> None:
    """But for those of ERC-1271, which are another contract's."""
    made = {name for name, found in vars(grant_calls).items() if is_call(found)}
    assert len(made) == len({one[1] for one in CASES}) + 1, made


def is_call(found: object) -> bool:
    annotations = getattr(found, "__annotations__", {})
    return isinstance(found, Callable) and annotations.get("return") is Call and found.__name__[0] != "_"  # type: ignore[arg-type,attr-defined]


def test_what_a_key_signs_of_an_escrow_is_all_of_it() -> None:
    fields: list[tuple[str, Any]] = [
        ("bytes32", ID),
        ("address", PAYEE),
        ("uint256", 7),
        ("address", ESCROW),
        ("uint256", 10),
        ("uint256", 20),
        ("uint256", 30),
        ("bytes32", HASH),
    ]
    values = [value for _, value in fields]
    whole = grant_calls.escrow_reference(*values)
    assert whole == keccak256(encode([kind for kind, _ in fields], values))
    for place, (kind, value) in enumerate(fields):
        other = value + 1 if kind == "uint256" else (b"\x7f" * 32 if kind == "bytes32" else "0x" + "7f" * 20)
        changed = [*values[:place], other, *values[place + 1 :]]
        assert grant_calls.escrow_reference(*changed) != whole


def test_a_contract_is_asked_for_its_owners_signature() -> None:
    call = grant_calls.is_valid_signature(ESCROW, HASH, b"any")
    assert call.data[:4] == grant_calls.ERC1271_VALID == keccak256(b"isValidSignature(bytes32,bytes)")[:4]
    assert decode(("bytes32", "bytes"), call.data[4:]) == (HASH, b"any")
    yes = grant_calls.ERC1271_VALID + bytes(28)
    assert grant_calls.says_valid(yes)
    for no in (b"", bytes(32), b"\xff" * 32, yes[:-1], yes + b"\0", yes[:-1] + b"\1", bytes(28) + yes[:4]):
        assert not grant_calls.says_valid(no)


def test_an_answer_is_one_word() -> None:
    assert grant_calls.number((2**200).to_bytes(32, "big")) == 2**200
    for wrong in (b"", bytes(31), bytes(33), bytes(64)):
        with pytest.raises(InvalidInput):
            grant_calls.number(wrong)
    assert grant_calls.account(bytes(32)) is None
    assert grant_calls.account(bytes(12) + bytes.fromhex(ESCROW[2:])) == ESCROW


@pytest.mark.parametrize("wrong", [b"", SIGNATURE[:-1], SIGNATURE + b"\0", SIGNATURE[:-1] + b"\0"])
def test_a_signature_of_a_key_has_65_bytes(wrong: bytes) -> None:
    with pytest.raises(InvalidInput):
        grant_calls.spend_signed_with_proof(ALLOWANCE, GRANT, [], a_spend(), wrong, [])
