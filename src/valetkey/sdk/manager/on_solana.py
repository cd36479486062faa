"""What the parts that are about delegations work with: the owner's accounts on a cluster, and what reads of it."""

from dataclasses import dataclass

from valetkey.ports.chain import PaymentReader
from valetkey.ports.delegations import Delegations
from valetkey.sdk.manager.local import Local


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSolana(Local):
    """A manager's share of a cluster."""

    delegations: Delegations
    reader: PaymentReader
