"""anvil as the engine: run it with the same accounts and chain id, and let nothing of it outlive us."""

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from valetkey.chains.devchain.accounts import DEV_MNEMONIC
from valetkey.chains.devchain.engines import CannotStart
from valetkey.chains.loopback import LOOPBACK

START_SECONDS = 30.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.5
STATE_SECONDS = 1
_LISTENING = re.compile(r"Listening on \S+:(\d+)\s*$")
_PR_SET_PDEATHSIG = 1


class AnvilEngine:
    """A child process of ours that dies with us."""

    name = "anvil"

    def __init__(self, program: str, port: int, state: Path | None, chain_id: int) -> None:
        command = [program, "--host", LOOPBACK, "--port", str(port), "--chain-id", str(chain_id)]
        command += ["--mnemonic", DEV_MNEMONIC, "--accounts", "10", "--balance", "10000", "--order", "fifo"]
        if state is not None:
            command += ["--state", str(state), "--state-interval", str(STATE_SECONDS)]
            command += ["--preserve-historical-states"]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the program that the user installed or named
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                preexec_fn=_die_with_parent(),
            )
        except OSError as error:
            raise CannotStart(f"cannot run {program}: {error.strerror}") from error
        assert self._process.stdout is not None
        self._port = 0
        self._said: list[str] = []
        self._told = threading.Event()
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        self._told.wait(START_SECONDS)
        if not self._port:
            self.stop()
            why = self._said[-1] if self._said else "it said nothing"
            raise CannotStart(f"anvil did not start: {why}")
        self.rpc_url = f"http://{LOOPBACK}:{self._port}"

    def _listen(self, output: IO[str]) -> None:
        """Read all it says, so that it never waits for us; the port is in it."""
        for line in output:
            if self._port:
                continue
            if found := _LISTENING.search(line):
                self._port = int(found[1])
                self._told.set()
            elif line.strip():
                self._said = [*self._said[-8:], line.strip()]
        self._told.set()

    def wait(self, stdin: int) -> None:
        while self._process.poll() is None:
            readable, _, _ = select.select([stdin], [], [], POLL_SECONDS)
            if readable and not os.read(stdin, 4096):
                return

    def stop(self) -> None:
        if self._process.poll() is None:
            # Like Ctrl-C: it writes its state before it ends.
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel ends the child when we are killed; elsewhere only our own end does."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
