"""The same with real processes and SIGKILL: what is on the disk, and nothing else, is what the next process has."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict

import msgspec
import pytest

from tests.integration.pipeline.plant import Plant
from tests.integration.pipeline.test_every_step import agree, made

EVERY = 17
"""In the fast tier; the numbers of the steps differ from run to run by none."""


def run(plant: Plant, story: dict[str, object], at: int | None) -> int:
    path = plant.folder / "story.json"
    path.write_text(json.dumps(story | {"at": at}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.pipeline.process", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def killed(plant: Plant, again: Callable[[], None], every: int) -> int:
    """Kill after each n-th call until a process lives to the end; how many were killed."""
    signed, hold, asked = made(plant)
    story: dict[str, object] = {
        "rpc_url": plant.chain.rpc_url,
        "deployed": asdict(plant.at),
        "folder": str(plant.folder),
        "keys": [key.to_hex() for key in (plant.owner_key, plant.session_key, plant.relayer_key)],
        "session_id": signed.session_id,
        "hold_id": hold.id,
        "asked": msgspec.structs.asdict(asked),
    }
    database = plant.folder / "valetkey.db"
    original = database.read_bytes()
    at, count = 1, 0
    while run(plant, story, at) != 0:
        assert run(plant, story, None) == 0, f"killed after call {at}, it did not go on"
        agree(plant)
        again()
        for part in plant.folder.glob("valetkey.db*"):
            part.unlink()
        database.write_bytes(original)
        at, count = at + every, count + 1
    agree(plant)
    return count


def test_kill_9_at_steps_all_over(plant: Plant, again: Callable[[], None]) -> None:
    count = killed(plant, again, EVERY)
    print(f"{count} processes were killed")
    assert count >= 3


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_kill_9_at_every_step(plant: Plant, again: Callable[[], None]) -> None:
    assert killed(plant, again, 1) >= 40
