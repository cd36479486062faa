"""An embedded chain as a process of its own: started, waited for until it answers, and ended with whoever started it.

Only the standard library is imported here: callers start quickly, and the engines live in the child alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import IO, Any

from valetkey.core.errors import EnvironmentFailure

STOP_SECONDS = 10.0
LAST_WORDS_BYTES = 2_000


class DevChainError(EnvironmentFailure):
    """The development chain could not start: a taken port, a folder in use, an engine that is missing."""

    code = "devchain_failed"
    retryable = False


class Child:
    """The process of a chain. It ends with `stop`, or when this process ends, however that happens."""

    def __init__(self, module: str, options: list[str], timeout: float) -> None:
        """Run one of our modules and return when it has told its facts: one JSON line. Raises DevChainError."""
        # -P: the folder where this runs must not stand in for the modules of the chain.
        command = [sys.executable, "-P", "-m", module, *options]
        with tempfile.TemporaryFile() as errors:
            # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                start_new_session=True,
            )
            try:
                self.facts = _facts(self._process, timeout, errors)
            except BaseException:
                _end(self._process, kill=True)
                raise

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and wait until it is gone. Safe to call twice."""
        _end(self._process)


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
