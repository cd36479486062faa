"""Calldata of SessionAllowance, and of what Escrow takes from grants; and what their views answer.

Source: contracts/SessionAllowance.vy with its modules, Escrow.createEscrowWithSession and stepSigned, ERC-1271.
"""

from collections.abc import Sequence
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY, Grant
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.wallet import Call
from valetkey.wire.calls import WORD_BYTES
from valetkey.wire.grants import GrantSpend, Voucher, compact, grant_terms

TERMS = "(address,address,address,address,uint256,uint256,uint256,bytes32,bytes32,bytes32,bytes32)"
VOUCHER = "(address,uint256,bool,uint256)"
SPEND = "(address,uint256,bytes32,bool,uint256,uint256)"
ERC1271_VALID = bytes.fromhex("1626ba7e")

Proof = Sequence[bytes]


def register(contract: str, grant: Grant, signature: bytes) -> Call:
    """Make a grant known by its owner's signature."""
    return _call(contract, "register", (TERMS, "bytes"), grant_terms(grant), signature)


def register_successor(contract: str, grant: Grant, predecessor: Grant, signature: bytes) -> Call:
    """Make a grant known that takes the place of another one."""
    kinds = (TERMS, TERMS, "bytes")
    return _call(
        contract, "registerSuccessor", kinds, grant_terms(grant), grant_terms(predecessor), signature
    )


def spend_with_proof(
    contract: str,
    grant: Grant,
    parents: Sequence[Grant],
    payee: str,
    amount: int,
    reference: bytes,
    proof: Proof,
) -> Call:
    """Pay out of a known grant, by its key itself."""
    kinds = (TERMS, f"{TERMS}[]", "address", "uint256", "bytes32", "bytes32[]")
    above = [grant_terms(one) for one in parents]
    return _call(
        contract,
        "spendWithProof",
        kinds,
        *(grant_terms(grant), above, payee, amount, reference, list(proof)),
    )


def spend_signed_with_proof(
    contract: str,
    grant: Grant,
    parents: Sequence[Grant],
    wanted: GrantSpend,
    signature: bytes,
    proof: Proof,
) -> Call:
    """Pay out of a known grant what its key signed, 65 bytes; sent by the executor that it names, or by anyone."""
    kinds = (TERMS, f"{TERMS}[]", SPEND, "bytes32", "bytes32", "bytes32[]")
    above = [grant_terms(one) for one in parents]
    spend = (
        *(wanted.payee, wanted.amount, wanted.reference, int(wanted.executor, 16) != 0),
        *(wanted.nonce, wanted.deadline),
    )
    return _call(
        contract,
        "spendSignedWithProof",
        kinds,
        *(grant_terms(grant), above, spend, *compact(signature), list(proof)),
    )


def settle(
    contract: str,
    grant: Grant,
    voucher: Voucher,
    amount: int,
    reference: bytes,
    signature: bytes,
    proof: Proof,
) -> Call:
    """Pay what a voucher promises beyond what was settled, or a part of it; by its payee, or as the key said."""
    kinds = (TERMS, VOUCHER, "uint256", "bytes32", "bytes32", "bytes32", "bytes32[]")
    promised = (voucher.payee, voucher.total, int(voucher.executor, 16) != 0, voucher.deadline)
    return _call(
        contract,
        "settle",
        kinds,
        *(grant_terms(grant), promised, amount, reference, *compact(signature), list(proof)),
    )


def revoke(contract: str, grant_hash: bytes) -> Call:
    """Revoke a grant, by its owner."""
    return _call(contract, "revoke", ("bytes32",), grant_hash)


def revoke_signed(contract: str, owner: str, grant_hash: bytes, signature: bytes) -> Call:
    """Revoke a grant by its owner's signature of the Revoke, by anyone."""
    return _call(contract, "revokeSigned", ("address", "bytes32", "bytes"), owner, grant_hash, signature)


def renounce(contract: str, grant: Grant) -> Call:
    """Give a grant up, by its key."""
    return _call(contract, "renounce", (TERMS,), grant_terms(grant))


def revoke_all(contract: str) -> Call:
    """Revoke every grant of the caller: its next epoch begins."""
    return _call(contract, "revokeAll", ())


def freeze(contract: str) -> Call:
    """Stop every grant of the caller until it thaws them."""
    return _call(contract, "freeze", ())


def thaw(contract: str) -> Call:
    """Let every grant of the caller go on."""
    return _call(contract, "thaw", ())


def create_escrow_with_session(
    escrow: str,
    escrow_id: bytes,
    seller: str,
    amount: int,
    deadline: int,
    dispute_window: int,
    abandonment_grace: int,
    criteria_hash: bytes,
    grant: Grant,
    funding: GrantSpend,
    signature: bytes,
    proof: Proof,
) -> Call:
    """Pay an escrow out of a known grant, by anyone; `funding` is what its key signed as EscrowFunding."""
    kinds = (
        *("bytes32", "address", "uint256", "uint256", "uint256", "uint256", "bytes32"),
        *(TERMS, f"{TERMS}[]", "uint256", "uint256", "bytes32", "bytes32", "bytes32[]"),
    )
    return _call(
        escrow,
        "createEscrowWithSession",
        kinds,
        *(escrow_id, seller, amount, deadline, dispute_window, abandonment_grace, criteria_hash),
        *(grant_terms(grant), [], funding.nonce, funding.deadline, *compact(signature), list(proof)),
    )


def escrow_reference(
    escrow_id: bytes,
    seller: str,
    amount: int,
    token: str,
    deadline: int,
    dispute_window: int,
    abandonment_grace: int,
    criteria_hash: bytes,
) -> bytes:
    """What a key signs as the reference of an EscrowFunding: the hash of all that the escrow shall be."""
    return keccak256(
        _encoded(
            ("bytes32", "address", "uint256", "address", "uint256", "uint256", "uint256", "bytes32"),
            (
                *(escrow_id, seller, amount, token),
                *(deadline, dispute_window, abandonment_grace, criteria_hash),
            ),
        )
    )


def step_signed(escrow: str, escrow_id: bytes, step: int, deadline: int, signature: bytes) -> Call:
    """A buyer's step on an escrow that its session key, or the buyer, signed as BuyerStep; by anyone."""
    kinds = ("bytes32", "uint8", "uint256", "bytes32", "bytes32")
    return _call(escrow, "stepSigned", kinds, escrow_id, step, deadline, *compact(signature))


def resolve_dispute(escrow: str, escrow_id: bytes, outcome: int, buyer_percent: int) -> Call:
    """Decide a dispute, by the resolver: 1 all to the buyer, 2 all to the seller, 3 in these parts."""
    kinds = ("bytes32", "uint8", "uint256", "uint256")
    shares = (buyer_percent, 100 - buyer_percent) if outcome == SPLIT else (0, 0)
    return _call(escrow, "resolveDispute", kinds, escrow_id, outcome, *shares)


SPLIT = 3


# What may be asked


def session_key(escrow: str, escrow_id: bytes) -> Call:
    """Ask whose key acts for the buyer of an escrow; zero for nobody's."""
    return _call(escrow, "sessionKeys", ("bytes32",), escrow_id)


def words(contract: str, grant_id: bytes) -> Call:
    """Ask for what was spent of a grant: the word of contracts/modules/grant_words.vy."""
    return _call(contract, "words", ("bytes32",), grant_id)


def settled(contract: str, grant_id: bytes, payee: str) -> Call:
    """Ask how much of its vouchers a payee was paid, base units."""
    return _call(contract, "settled", ("bytes32", "address"), grant_id, payee)


def standings(contract: str, owner: str) -> Call:
    """Ask how often an owner revoked all (its epoch), times two, and one more while it is frozen."""
    return _call(contract, "standings", ("address",), owner)


def remaining(contract: str, grant: Grant) -> Call:
    """Ask what a known grant allows now: the largest spend, left of cap and window, next release (unix seconds)."""
    return _call(contract, "remaining", (TERMS,), grant_terms(grant))


def worst_loss(contract: str, grant: Grant) -> Call:
    """Ask for the most that a grant could still cost, base units."""
    return _call(contract, "worstLoss", (TERMS,), grant_terms(grant))


def is_valid_signature(owner: str, digest: bytes, signature: bytes) -> Call:
    """Ask a contract whether it signed a digest (ERC-1271)."""
    return _call(owner, "isValidSignature", ("bytes32", "bytes"), digest, signature)


def says_valid(answer: bytes) -> bool:
    """Whether an answer of isValidSignature is a yes; an account without code answers nothing."""
    return len(answer) == WORD_BYTES and answer[:4] == ERC1271_VALID and not any(answer[4:])


def number(answer: bytes) -> int:
    """The number in an answer of one word. Raises InvalidInput for any other answer."""
    if len(answer) != WORD_BYTES:
        raise InvalidInput("what answers there is no contract of ours")
    return int.from_bytes(answer, "big")


def account(answer: bytes) -> str | None:
    """The account in an answer of one word, EIP-55; None for the zero address."""
    found = checksum_address("0x" + number(answer).to_bytes(WORD_BYTES, "big")[-20:].hex())
    return None if found == NOBODY else found


def _call(to: str, name: str, kinds: tuple[str, ...], *values: Any) -> Call:
    selector = keccak256(f"{name}({','.join(kinds)})".encode("ascii"))[:4]
    return Call(checksum_address(to), selector + _encoded(kinds, values))


def _encoded(kinds: tuple[str, ...], values: tuple[Any, ...]) -> bytes:
    if not kinds:
        return b""
    # Imported when it is needed: it takes a while.
    from eth_abi.abi import encode

    return encode(kinds, values)
