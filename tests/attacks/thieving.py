"""What a thief can have: everything on the wire, in environments and argument lists, and processes of its own."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.e2e.searching import files

ROOT = Path(__file__).parents[2]


class Wire:
    """Forwards to a port of this machine, and records every byte in both directions."""

    def __init__(self, port: int) -> None:
        self.seen = bytearray()
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Closing alone would not wake the thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                # The platform has ended, and something that still asks for it is told so.
                near.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65_536):
                self.seen += piece
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One of the two hung up.
            return


class Holder:
    """A process of tests/attacks/holder.py: a delegate, or a thief who uses what it stole."""

    def __init__(self, base_url: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._log = open(folder / "stderr.log", "ab")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.holder", base_url, str(folder / "state")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
        )

    def begin(self, do: str, **order: Any) -> None:
        """Give an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the last one; {} when the process died of it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {}
        return found

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        self.begin(do, **order)
        return self.answer()

    def shown(self) -> list[tuple[str, bytes]]:
        """What everybody on this machine may see of the process, and what it left on the disk."""
        place = Path(f"/proc/{self.process.pid}")
        return [
            ("environment", (place / "environ").read_bytes()),
            ("arguments", (place / "cmdline").read_bytes()),
            *files(self.folder),
        ]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
