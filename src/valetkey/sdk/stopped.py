"""What came of stopping everything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Swept:
    """A session's wallet. `tx_hash` is of the last transfer of money, None for none; `problem` says why not."""

    session_id: str
    tx_hash: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """`frozen` is the hash of the transaction that froze the grants; None when they were, or the network has none.
    `problem` says why they could not be frozen. `also_frozen` are the hashes on further networks."""

    frozen: str | None
    swept: tuple[Swept, ...]
    problem: str | None = None
    also_frozen: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the grants stand still and every wallet could be swept."""
        return self.problem is None and all(one.problem is None for one in self.swept)
