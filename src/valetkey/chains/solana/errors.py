"""What can go wrong on a cluster beside a silent node."""

from typing import Any

from valetkey.core.errors import EnvironmentFailure, InvalidInput
from valetkey.ports.wallet import CallReverts
from valetkey.ports.wallet import NotAccepted as NotAccepted
from valetkey.ports.wallet import StillPending as StillPending
from valetkey.ports.wallet import WrongChain as WrongChain


class TokenMismatch(InvalidInput):
    """A mint that is not what it is taken for: other decimals, another program, or extensions that take part in
    transfers."""

    code = "token_mismatch"


class SessionClosed(InvalidInput):
    """The session's account is not there any more, or has no delegate: there is nothing to spend from."""

    code = "session_closed"


class RevocationDead(InvalidInput):
    """A revocation that was signed in advance and cannot be executed any more: its nonce was used otherwise."""

    code = "revocation_dead"


class TransactionRefused(CallReverts):
    """The programs refuse this transaction. `error` is the cluster's own, such as {"InstructionError": [0, ...]}.

    `landed` tells whether it is in a block, where it took its fee and did nothing else.
    """

    code = "transaction_refused"

    def __init__(self, message: str, error: Any, *, landed: bool) -> None:
        super().__init__(message)
        self.error = error
        self.landed = landed

    @property
    def custom(self) -> int | None:
        """The number with which a program said no: of SPL Token 1 is too little, 4 the wrong owner or delegate."""
        return custom_error(self.error)


class TooOld(NotAccepted):
    """The blockhash of a transaction does not count any more, or its nonce was used. It may have landed before."""


class Lapsed(EnvironmentFailure):
    """A transaction did not come into a block while it could. Nothing moved by it, and nothing ever will: proven."""

    code = "transaction_lapsed"


def custom_error(error: Any) -> int | None:
    """The number with which a program refused an instruction; None for any other error."""
    if not isinstance(error, dict) or not isinstance(why := error.get("InstructionError"), list):
        return None
    reason = why[1] if len(why) == 2 else None
    number = reason.get("Custom") if isinstance(reason, dict) else None
    return number if isinstance(number, int) else None
