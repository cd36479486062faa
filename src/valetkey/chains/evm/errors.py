"""What can go wrong between a wallet and its chain, beside a node that does not answer."""

from valetkey.ports.wallet import CallReverts as CallReverts
from valetkey.ports.wallet import NotAccepted as NotAccepted
from valetkey.ports.wallet import StillPending as StillPending
from valetkey.ports.wallet import WrongChain as WrongChain
