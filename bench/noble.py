"""The libraries that TypeScript clients use, doing the same work on the same core; nothing where Node.js is not."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).with_name("node")
INSTALL_SECONDS = 240
_OTHERS = {"typed data": "viem", "webhook": "node:crypto"}
"""The beginning of an operation that another library than noble does. node:crypto is OpenSSL, as ours is."""


def noble(typed_data: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """Of each operation of node/bench.mjs the library, and how often it does that in a second."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("Node.js is not here: noble and viem are left out")
        return {}
    with tempfile.TemporaryDirectory() as name:
        for file in HERE.iterdir():
            shutil.copy(file, name)
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            install, cwd=name, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            print(f"noble and viem could not be installed, and are left out: {done.stderr.strip()[-200:]}")
            return {}
        told = subprocess.run(
            ["node", "bench.mjs", json.dumps(typed_data)], cwd=name, capture_output=True, check=True
        )
    rates: dict[str, float] = json.loads(told.stdout)
    return {name: (_library(name), rate) for name, rate in rates.items()}


def _library(operation: str) -> str:
    return next((one for begin, one in _OTHERS.items() if operation.startswith(begin)), "noble")
