"""The root of every error that Valetkey raises on purpose. A refusal is not an error: see refusal.py."""


class ValetkeyError(Exception):
    """Anything Valetkey raises on purpose; `.code` is stable and may be switched on."""

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class InvalidInput(ValetkeyError, ValueError):
    """A value that cannot be meant: refused before anything is computed or stored.

    `field` names the member of a request that holds it, when that is known.
    """

    code = "invalid_input"
    field: str | None = None

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class InvalidAmount(InvalidInput):
    """An amount of money that is not a plain, non-negative, exactly representable number."""

    code = "invalid_amount"


class Contradiction(ValetkeyError):
    """A step that the state it was asked of does not allow, such as capturing a voided hold."""

    code = "contradiction"


class EnvironmentFailure(ValetkeyError):
    """The world did not answer as it should: a node, a host, a disk. Not the caller's fault.

    `retryable`: the same call may succeed later; nothing was lost by trying.
    """

    code = "environment"
    retryable: bool = True


class ChainUnavailable(EnvironmentFailure):
    """No node of the network answered."""

    code = "chain_unavailable"
