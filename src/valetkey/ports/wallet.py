"""What a wallet does on a chain, as values: a call to make, the signed bytes of it, and what became of it."""

from dataclasses import dataclass

from valetkey.core.errors import EnvironmentFailure, ValetkeyError


class CallReverts(ValetkeyError):
    """The contract would refuse this call now; it was not sent. The text is the contract's reason, when it gave one."""

    code = "call_reverts"


class NotAccepted(EnvironmentFailure):
    """The node did not take a transaction: too little gas money, a fee that is too low, a nonce that is used."""

    code = "transaction_not_accepted"


class WrongChain(EnvironmentFailure):
    """The node serves another chain than the one that was meant: nothing was signed."""

    code = "wrong_chain"
    retryable = False


class StillPending(EnvironmentFailure):
    """A sent transaction is not in a block yet. Doing the same again goes on with the same bytes."""

    code = "transaction_pending"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an account or contract. `to` is EIP-55, `value` is wei, `data` is calldata."""

    to: str
    data: bytes = b""
    value: int = 0


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that whoever has its bytes can send: it is stored before it is sent, and sent again as it is.

    `tx_hash` is 0x and 64 hex digits; `nonce` is the account's; `cost_max` is the most that it may take, wei.
    """

    raw: bytes
    tx_hash: str
    nonce: int
    cost_max: int

    def __repr__(self) -> str:
        return f"<SignedTransaction {self.tx_hash} nonce={self.nonce}>"


@dataclass(frozen=True, slots=True)
class Mined:
    """What became of a transaction that is in a block."""

    tx_hash: str
    succeeded: bool
    block_number: int
