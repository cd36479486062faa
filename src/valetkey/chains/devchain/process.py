"""The handle of a development chain: starts it as a process of its own, waits until it answers, stops it."""

from pathlib import Path
from typing import Self

from valetkey.chains.child import Child
from valetkey.chains.child import DevChainError as DevChainError

CHAIN_ID = 84532
START_SECONDS = 60.0
ENGINES = ("auto", "anvil", "py-evm")


class DevChain:
    """A running development chain. It ends with `stop`, or when this process ends, however that happens."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.rpc_url: str = child.facts["rpc_url"]
        self.chain_id: int = child.facts["chain_id"]
        self.engine: str = child.facts["engine"]

    @classmethod
    def start(
        cls,
        *,
        port: int = 0,
        data_dir: Path | None = None,
        engine: str = "auto",
        chain_id: int = CHAIN_ID,
        timeout: float = START_SECONDS,
    ) -> Self:
        """Start a chain on loopback and return when it answers. Raises DevChainError.

        Port 0 is any free one. With `data_dir` the chain is kept there; without, it is gone when it stops.
        `timeout` is in seconds.
        """
        if engine not in ENGINES:
            raise DevChainError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
        options = ["--port", str(port), "--chain-id", str(chain_id), "--engine", engine]
        if data_dir is not None:
            options += ["--data", str(data_dir)]
        return cls(Child("valetkey.chains.devchain", options, timeout))

    @property
    def pid(self) -> int:
        """The id of the chain's process."""
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
