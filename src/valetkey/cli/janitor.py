"""A script that outlives its parent to remove a temporary folder, however the parent ends. Standard library only.

Standard input brings process ids, one a line; when it closes, the janitor waits until they are gone and removes
the folder.
"""

import os
import shutil
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 15.0


def is_running(pid: int) -> bool:
    """Whether the process still runs; one that ended and was not yet collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return Path("/proc/self/stat").exists() is False
    return state not in {"Z", "X"}


def main(folder: str) -> None:
    pids = [int(line) for line in sys.stdin if line.strip().isdecimal()]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
