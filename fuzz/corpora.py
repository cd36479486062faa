"""Corpora: the whole one between runs, and the part of it that is committed."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from fuzz import places
from fuzz.target import Target

COMMITTED_FILES_MAX = 96
COMMITTED_BYTES_MAX = 49_152
"""Of one target. All of them together stay below 2 MB."""


def working(target: Target) -> Path:
    """The whole corpus of a target: what is committed, what earlier runs left here, and its seeds."""
    folder = places.WORK / target.name / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    committed = places.CORPUS / target.name
    kept = [one.read_bytes() for one in committed.iterdir()] if committed.exists() else []
    write(folder, (*kept, *target.seeds()), target.bytes_max)
    return folder


def write(folder: Path, inputs: Iterable[bytes], bytes_max: int) -> None:
    """Put inputs into a corpus, each under the name of its hash, as libFuzzer does."""
    for data in inputs:
        if len(data) <= bytes_max:
            (folder / name_of(data)).write_bytes(data)


def name_of(data: bytes) -> str:
    """What libFuzzer calls an input."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def commit(target: Target, merged: Path) -> tuple[int, int]:
    """Replace the committed corpus by the shortest inputs of a merged one. How many files, and how many bytes."""
    folder = places.CORPUS / target.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = total = 0
    for path in sorted(merged.iterdir(), key=lambda one: (one.stat().st_size, one.name)):
        size = path.stat().st_size
        if files == COMMITTED_FILES_MAX or total + size > COMMITTED_BYTES_MAX:
            break
        shutil.copyfile(path, folder / path.name)
        files, total = files + 1, total + size
    return files, total
