"""What can go wrong between a wallet and its chain, beside a node that does not answer."""

from valetkey.core.errors import EnvironmentFailure
from valetkey.ports.wallet import CallReverts as CallReverts
from valetkey.ports.wallet import NotAccepted as NotAccepted
from valetkey.ports.wallet import StillPending as StillPending


class WrongChain(EnvironmentFailure):
    """The node serves another chain than the one that was meant: nothing was signed."""

    code = "wrong_chain"
    retryable = False
