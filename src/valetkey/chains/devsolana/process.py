"""The handle of an embedded cluster: starts it as a process of its own, waits until it answers, stops it."""

from typing import Self

from valetkey.chains.child import Child
from valetkey.core.chains import SOLANA_LOCAL

START_SECONDS = 60.0
SLOT_MILLISECONDS = 400
FINALITY_SLOTS = 2
"""After how many slots a slot is final here; on the public clusters it takes 32."""


class DevSolana:
    """A running cluster. It ends with `stop`, or when this process ends, however that happens."""

    chain_id = SOLANA_LOCAL

    def __init__(self, child: Child) -> None:
        self._child = child
        self.rpc_url: str = child.facts["rpc_url"]

    @classmethod
    def start(
        cls,
        *,
        port: int = 0,
        slot_milliseconds: int = SLOT_MILLISECONDS,
        finality_slots: int = FINALITY_SLOTS,
        timeout: float = START_SECONDS,
    ) -> Self:
        """Start a cluster on loopback and return when it answers. Raises DevChainError.

        Port 0 is any free one. What is on it is gone when it stops. `timeout` is in seconds.
        """
        options = ["--port", str(port), "--slot-milliseconds", str(slot_milliseconds)]
        options += ["--finality-slots", str(finality_slots)]
        return cls(Child("valetkey.chains.devsolana", options, timeout))

    @property
    def pid(self) -> int:
        """The id of the cluster's process."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._child.alive

    def stop(self) -> None:
        """End the process and wait until it is gone. Safe to call twice."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
