"""The conductor's side of the actors' processes: starts them, gives orders, reads answers."""

import json
import sys
from pathlib import Path
from typing import Any

from valetkey.cli.children import Child, own_environment
from valetkey.cli.complaint import Complaint
from valetkey.wire.errors import Exit


class Actor:
    """One actor's process. `tell` waits for its answer; `order` and `answer` let several work at once."""

    def __init__(
        self, name: str, folder: Path, keep: Path | None, part: str = "", **environment: str
    ) -> None:
        """`part`: the role's name, where it is not the actor's."""
        self.name = name
        home = folder / name
        home.mkdir(mode=0o700, parents=True)
        if keep:
            environment["VALETKEY_DEMO_KEEP"] = str(keep)
        self.child = Child(
            name,
            [sys.executable, "-m", "valetkey.cli.demo.actor", part or name],
            environment=own_environment(VALETKEY_HOME=str(home / "state"), **environment),
            log=home / "process.log",
            talks=True,
        )

    def order(self, do: str, **given: Any) -> None:
        assert self.child.process.stdin is not None
        line = json.dumps({"do": do, **given}) + "\n"
        try:
            self.child.process.stdin.write(line.encode())
            self.child.process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def answer(self) -> dict[str, Any]:
        assert self.child.process.stdout is not None
        line = self.child.process.stdout.readline()
        if not line:
            raise self._gone()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, do: str, **given: Any) -> dict[str, Any]:
        self.order(do, **given)
        return self.answer()

    def leave(self) -> None:
        """Let it end by itself: its standard input closes."""
        assert self.child.process.stdin is not None
        self.child.process.stdin.close()
        self.child.process.wait(10)

    def stop(self) -> None:
        self.child.stop()

    def _gone(self) -> Complaint:
        return Complaint(f"the {self.name} process ended:\n{self.child.last_words()}", Exit.BUG)
