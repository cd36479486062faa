"""Where the audit chains of a batch's trees end, and what is kept with that: the row that is a tree's lock."""

from typing import NamedTuple

from valetkey.core.audit import GENESIS


class Chain(NamedTuple):
    """Where the chain of a locked tree, or of the owner, ends. `ahead`: the owner's chain does not say so yet."""

    number: int = 0
    head: bytes = GENESIS
    at: int = 0
    sessions: int = 0
    anchored: int = 0
    ahead: bool = False


NEW_CHAIN = Chain()
