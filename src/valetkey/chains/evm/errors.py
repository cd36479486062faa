"""What can go wrong between a wallet and its chain, beside a node that does not answer."""

from valetkey.core.errors import EnvironmentFailure, ValetkeyError


class WrongChain(EnvironmentFailure):
    """The node serves another chain than the one that was meant: nothing was signed."""

    code = "wrong_chain"
    retryable = False


class CallReverts(ValetkeyError):
    """The contract would refuse this call now; it was not sent. The text is the contract's reason, when it gave one."""

    code = "call_reverts"


class NotAccepted(EnvironmentFailure):
    """The node did not take a transaction: too little gas money, a fee that is too low, a nonce that is used."""

    code = "transaction_not_accepted"


class StillPending(EnvironmentFailure):
    """A sent transaction is not in a block yet. Doing the same again goes on with the same bytes."""

    code = "transaction_pending"
