"""`valetkey serve` in a process of its own, to be killed and started again on the same file."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.integration.platform.conftest import ADDRESS, NOBODY

START_SECONDS = 60


class Killed:
    """A platform that always starts on the same port and database; its chain does not answer."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.database = folder / "valetkey.db"
        self.log = folder / "serve.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        network = {
            "network": "base-sepolia",
            "rpcUrl": NOBODY,
            "escrow": ADDRESS,
            "score": ADDRESS,
            "usdc": ADDRESS,
        }
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")},
            "VALETKEY_DATABASE": str(self.database),
            "VALETKEY_NETWORKS": json.dumps([network]),
            "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
            "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
            "VALETKEY_TEST_MODE": "1",
            **environ,
        }
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start, and wait until it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "valetkey", "serve", "--port", str(self.port)],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()[-2_000:]
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.1)
        return self.process

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def memory(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1_024
        raise AssertionError("the process has no memory")
