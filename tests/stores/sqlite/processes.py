"""Starting spenders (spender.py of a store's tests) on the database of a test."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Spender:
    """A running spender, which waits for `go`."""

    def __init__(self, module: str = "tests.stores.sqlite.spender", **order: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.tell(json.dumps(order))

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def rest(self) -> list[str]:
        """What it told until its end. A last line that was cut off by its death was not acknowledged to anybody."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()
        return text[: text.rfind("\n") + 1].split("\n")[:-1]
