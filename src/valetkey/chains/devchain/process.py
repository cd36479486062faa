"""The handle of a development chain: starts it as a process of its own, waits until it answers, stops it.

Only the standard library is imported here: callers start quickly, and py-evm lives in the child alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from valetkey.core.errors import EnvironmentFailure

CHAIN_ID = 84532
START_SECONDS = 60.0
STOP_SECONDS = 10.0
ENGINES = ("auto", "anvil", "py-evm")
LAST_WORDS_BYTES = 2_000


class DevChainError(EnvironmentFailure):
    """The development chain could not start: a taken port, a folder in use, an engine that is missing."""

    code = "devchain_failed"
    retryable = False


class DevChain:
    """A running development chain. It ends with `stop`, or when this process ends, however that happens."""

    def __init__(self, process: "subprocess.Popen[bytes]", facts: dict[str, Any]) -> None:
        self._process = process
        self.rpc_url: str = facts["rpc_url"]
        self.chain_id: int = facts["chain_id"]
        self.engine: str = facts["engine"]

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
        # -P: the folder where this runs must not stand in for the modules of the chain.
        command = [sys.executable, "-P", "-m", "valetkey.chains.devchain"]
        command += ["--port", str(port), "--chain-id", str(chain_id), "--engine", engine]
        if data_dir is not None:
            command += ["--data", str(data_dir)]
        with tempfile.TemporaryFile() as errors:
            # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                start_new_session=True,
            )
            try:
                return cls(process, _facts(process, timeout, errors))
            except BaseException:
                _end(process, kill=True)
                raise

    @property
    def pid(self) -> int:
        """The id of the chain's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and wait until it is gone. Safe to call twice."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """Ours, without the settings and secrets of Valetkey, which are none of the chain's business."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    if anvil := os.environ.get("VALETKEY_ANVIL"):
        kept["VALETKEY_ANVIL"] = anvil
    return kept


def _facts(process: "subprocess.Popen[bytes]", timeout: float, errors: IO[bytes]) -> dict[str, Any]:
    """The line that the child prints when it answers."""
    line: list[bytes] = []
    output = process.stdout
    assert output is not None
    reader = threading.Thread(target=lambda: line.append(output.readline()), daemon=True)
    reader.start()
    reader.join(timeout)
    if reader.is_alive():
        # The reader ends with the process; nobody closes a file under its hands.
        process.kill()
        reader.join()
        raise DevChainError(f"the development chain did not answer within {timeout:g} s")
    try:
        facts = json.loads(line[0])
    except (IndexError, ValueError):
        facts = {}
    if isinstance(facts, dict) and "rpc_url" in facts:
        return facts
    if isinstance(facts, dict) and "error" in facts:
        raise DevChainError(str(facts["error"]))
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
    words = errors.read().decode("utf-8", "replace").strip().splitlines()
    why = words[-1] if words else "no reason given"
    raise DevChainError(f"the development chain ended while it started (exit {process.returncode}): {why}")


def _end(process: "subprocess.Popen[bytes]", *, kill: bool = False) -> None:
    if kill:
        process.kill()
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
