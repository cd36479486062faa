"""The words that `getEscrow` and `getResolution` answer, as values."""

from valetkey.core.errors import InvalidInput
from valetkey.core.escrow import DisputeOutcome, Escrow, EscrowStatus, Resolution
from valetkey.crypto.keys import checksum_address

WORD_BYTES = 32
FIELDS = 13
RESOLUTION_FIELDS = 3

ZERO_ADDRESS = "0x" + "0" * 40


def read_escrow(words: bytes) -> Escrow | None:
    """The escrow in an answer of `getEscrow`; None when there is none. Raises InvalidInput for any other answer."""
    if len(words) != FIELDS * WORD_BYTES:
        raise InvalidInput("an escrow is thirteen words")
    fields = [words[at : at + WORD_BYTES] for at in range(0, len(words), WORD_BYTES)]
    token, buyer, seller = (_address(field) for field in fields[:3])
    numbers = [int.from_bytes(field, "big") for field in fields[3:11]]
    if buyer == ZERO_ADDRESS:
        return None
    locked, fee, status, created, deadline, window, grace, delivered = numbers
    if status not in set(EscrowStatus):
        raise InvalidInput("an escrow has a status from 0 to 7")
    return Escrow(
        token=token,
        buyer=buyer,
        seller=seller,
        locked_amount=locked,
        platform_fee=fee,
        status=EscrowStatus(status),
        created_at=created,
        deadline=deadline,
        dispute_window=window,
        abandonment_grace=grace,
        delivered_at=delivered,
        proof_hash=fields[11],
        criteria_hash=fields[12],
    )


def read_resolution(words: bytes) -> Resolution | None:
    """The decision in an answer of `getResolution`; None when there is none. Raises InvalidInput for another answer."""
    if len(words) != RESOLUTION_FIELDS * WORD_BYTES:
        raise InvalidInput("a resolution is three words")
    outcome, to_buyer, to_seller = (
        int.from_bytes(words[at : at + WORD_BYTES], "big") for at in range(0, len(words), WORD_BYTES)
    )
    if outcome == 0:
        return None
    if outcome not in set(DisputeOutcome) or to_buyer + to_seller != 100:
        raise InvalidInput("a resolution has an outcome from 1 to 3 and percentages that sum to 100")
    return Resolution(DisputeOutcome(outcome), to_buyer)


def _address(word: bytes) -> str:
    if any(word[:12]):
        raise InvalidInput("an address is 20 bytes in a word")
    return checksum_address("0x" + word[12:].hex())
