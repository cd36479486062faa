"""What SessionAllowance tells in its logs, as values. Source: contracts/SessionAllowance.vy with its modules."""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.chain import Log

WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Spent:
    """Money went out of a grant: its id, whom the rules looked at (EIP-55), base units, and the reference."""

    grant: bytes
    payee: str
    amount: int
    reference: bytes


@dataclass(frozen=True, slots=True)
class GrantKnown:
    """A grant was registered."""

    grant: bytes


@dataclass(frozen=True, slots=True)
class GrantEnded:
    """A grant was revoked, or another one took its place."""

    grant: bytes


@dataclass(frozen=True, slots=True)
class AllRevoked:
    """Every grant of an owner (EIP-55) of an epoch before this one is revoked."""

    owner: str
    epoch: int


GrantEvent = Spent | GrantKnown | GrantEnded | AllRevoked


def _topic(signature: str) -> bytes:
    return keccak256(signature.encode("ascii"))


SPENT = _topic("Spent(bytes32,address,uint256,bytes32)")
REGISTERED = _topic("GrantRegistered(bytes32,address)")
REVOKED = _topic("GrantRevoked(bytes32)")
SUCCEEDED = _topic("GrantSucceeded(bytes32,bytes32)")
ALL_REVOKED = _topic("AllRevoked(address,uint256)")

_SHAPES = {SPENT: (2, 3), REGISTERED: (3, 0), REVOKED: (1, 1), SUCCEEDED: (3, 0), ALL_REVOKED: (2, 1)}
"""Topics and words of data of each."""


def read_event(log: Log) -> GrantEvent | None:
    """What a log of the contract tells; None for what concerns nobody here. Raises InvalidInput for a wrong shape."""
    kind = log.topics[0] if log.topics else b""
    shape = _SHAPES.get(kind)
    if shape is None:
        return None
    if (len(log.topics), len(log.data)) != (shape[0], shape[1] * WORD_BYTES):
        raise InvalidInput("a log of the session allowance has another shape than it says")
    words = [log.data[at : at + WORD_BYTES] for at in range(0, len(log.data), WORD_BYTES)]
    if kind == SPENT:
        return Spent(log.topics[1], _account(words[0]), int.from_bytes(words[1], "big"), words[2])
    if kind == REGISTERED:
        return GrantKnown(log.topics[1])
    if kind == ALL_REVOKED:
        return AllRevoked(_account(log.topics[1]), int.from_bytes(words[0], "big"))
    return GrantEnded(words[0] if kind == REVOKED else log.topics[1])


def _account(word: bytes) -> str:
    return checksum_address("0x" + word[-20:].hex())
