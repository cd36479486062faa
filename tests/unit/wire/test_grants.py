"""EIP-712 of grants as wallets compute it, packed terms, compact signatures, trees of payees."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from tests.unit.core.test_grant import GRANT
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    FIRST,
    Domain,
    GrantSpend,
    PayeeTree,
    Voucher,
    compact,
    funding_message,
    grant_hash,
    grant_id,
    grant_message,
    grant_terms,
    only,
    revoke_message,
    spend_message,
    struct_hash,
    voucher_message,
)

DOMAIN = Domain(84532, "0x" + "cc" * 20)
SPEND = GrantSpend(
    payee="0x" + "ab" * 20, amount=5, reference=b"\2" * 32, nonce=FIRST, deadline=9, executor="0x" + "cd" * 20
)
VOUCHER = Voucher(payee="0x" + "ab" * 20, total=7, deadline=9)
MESSAGES = {
    "Grant": grant_message(GRANT),
    "Spend": spend_message(grant_hash(GRANT), SPEND),
    "EscrowFunding": funding_message(grant_hash(GRANT), SPEND),
    "Voucher": voucher_message(grant_hash(GRANT), VOUCHER),
    "Revoke": revoke_message(grant_hash(GRANT)),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_wallets_sign_what_we_hash(kind: str) -> None:
    message = MESSAGES[kind]
    encoded = encode_typed_data(full_message=DOMAIN.typed_data(kind, message))
    assert encoded.header == DOMAIN.hash()
    assert encoded.body == struct_hash(kind, message)
    assert DOMAIN.digest(encoded.body) == keccak256(b"\x19\x01" + encoded.header + encoded.body)


def test_a_grant_has_an_id_for_each_owner() -> None:
    hashed = grant_hash(GRANT)
    assert grant_id(GRANT.owner, hashed) != grant_id(GRANT.key, hashed)
    assert grant_hash(replace(GRANT, salt=b"\3" * 32)) != hashed


def test_terms_are_packed() -> None:
    terms = grant_terms(GRANT)
    assert terms[4] == GRANT.cap << 128 | GRANT.per_spend
    assert terms[5] == GRANT.window_cap << 128 | GRANT.unit
    assert terms[6] == 1_000 << 192 | 90_000 << 128 | 3_600 << 64


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("Spend", "payee", "0x" + "ab" * 19),
        ("Spend", "amount", -1),
        ("Spend", "amount", 2**256),
        ("Spend", "amount", True),
        ("Spend", "reference", b"short"),
    ],
)
def test_what_does_not_fit_its_type_is_not_hashed(kind: str, field: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        struct_hash(kind, MESSAGES[kind] | {field: value})


def test_compact_signatures() -> None:
    key = PrivateKey(keccak256(b"a key"))
    for number in range(20):
        signature = sign_digest(key, keccak256(b"%d" % number))
        r, vs = compact(signature)
        assert r == signature[:32]
        assert bytes([vs[0] & 0x7F]) + vs[1:] == signature[32:64]
        assert 27 + (vs[0] >> 7) == signature[64]
    for wrong in (b"", bytes(64), bytes(64) + b"\1", bytes(32) + b"\xff" * 32 + b"\x1b"):
        with pytest.raises(InvalidInput):
            compact(wrong)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 20, 33])
def test_every_payee_of_a_tree_has_its_proof(count: int) -> None:
    payees = [f"0x{number:040x}" for number in range(1, count + 1)]
    tree = PayeeTree([*payees, payees[0].upper().replace("X", "x")])
    for payee in payees:
        node = keccak256(keccak256(only(payee)))
        for other in tree.proof(payee):
            node = keccak256(b"".join(sorted((node, other))))
        assert node == tree.root
    with pytest.raises(InvalidInput):
        tree.proof("0x" + "ff" * 20)


def test_a_tree_has_somebody_in_it() -> None:
    with pytest.raises(InvalidInput):
        PayeeTree([])
