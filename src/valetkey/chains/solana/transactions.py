"""Transactions: instructions and signers in, signed bytes out; and signed bytes back into what they would do."""

from collections.abc import Sequence

from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from valetkey.chains.solana.programs import ADVANCE_NONCE, SYSTEM
from valetkey.core.errors import InvalidInput
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import TRANSACTION_BYTES_MAX


def sign(
    instructions: Sequence[Instruction], payer: Pubkey, blockhash: bytes, signers: Sequence[Ed25519Signer]
) -> bytes:
    """The bytes of a transaction, signed by these; signatures of others stay empty.

    Raises InvalidInput when it is too large for a packet.
    """
    message = Message.new_with_blockhash(list(instructions), payer, Hash(blockhash))
    required = message.account_keys[: message.header.num_required_signatures]
    signed = bytes(message)
    by_key = {Pubkey(one.public_key): one for one in signers}
    signatures = [
        Signature(by_key[key].sign(signed)) if key in by_key else Signature.default() for key in required
    ]
    raw = bytes(VersionedTransaction.populate(message, signatures))
    if len(raw) > TRANSACTION_BYTES_MAX:
        raise InvalidInput(f"the transaction has {len(raw)} bytes, and at most {TRANSACTION_BYTES_MAX} fit")
    return raw


def read_transaction(raw: bytes) -> VersionedTransaction:
    """A transaction out of its bytes, all of which belong to it. Raises InvalidInput."""
    try:
        found = VersionedTransaction.from_bytes(raw)
        found.sanitize()
    except Exception as error:
        # solders raises one class for bytes, and panics of Rust for some others.
        raise InvalidInput("this is no transaction of Solana") from error
    if bytes(found) != raw:
        raise InvalidInput("this is no transaction of Solana")
    return found


def signed_bytes(transaction: VersionedTransaction) -> bytes:
    """What the signatures of a transaction are over."""
    return to_bytes_versioned(transaction.message)


def lives_by_nonce(transaction: VersionedTransaction) -> bool:
    """Whether it names a durable nonce instead of a blockhash, so that it can land at any time until that is used."""
    message = transaction.message
    if not message.instructions:
        return False
    first = message.instructions[0]
    program = message.account_keys[first.program_id_index]
    return program == SYSTEM and bytes(first.data) == ADVANCE_NONCE


def is_signed(transaction: VersionedTransaction) -> bool:
    """Whether everybody whom it asks has signed it."""
    return all(transaction.verify_with_results())
