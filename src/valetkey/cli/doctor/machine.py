"""This machine: configuration, files of secrets, state folder, keystore, extras."""

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import OTHERS, SETTINGS, Configured
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.cli.extras import EXTRAS, install, missing
from valetkey.cli.secrets_at_hand import STANDARD_INPUT, is_named_elsewhere
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.cli.place import Place


def python() -> Checks:
    """The interpreter and the version of the software."""
    from importlib.metadata import version

    yield Check("software", OK, f"valetkey {version('valetkey')}, Python {sys.version.split()[0]}")


def configuration(configured: Configured) -> Checks:
    """The configuration file, and whether others may read the files of secrets that are named."""
    try:
        members = configured.members()
    except Complaint as problem:
        yield Check("configuration", FAIL, str(problem), problem.hint or "correct it", problem.exit_code)
        return
    there = configured.path.exists()
    seen = f"{configured.path}, {len(members)} settings" if there else f"none at {configured.path}"
    todo = "" if there else "nothing is needed there; valetkey config show lists what it may hold"
    yield Check("configuration", OK if there else SKIP, seen, todo)
    for name, setting in SETTINGS.items():
        found = configured.find(name)
        if setting.is_secret and found.is_file and found.value:
            yield _secret_file(setting.meaning, found.value)


def _secret_file(meaning: str, name: str) -> Check:
    title = f"file of {meaning}"
    if name == STANDARD_INPUT or is_named_elsewhere(name):
        return Check(title, OK, name)
    path = Path(name).expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Check(title, FAIL, f"{path}: {error.strerror}", "name another file", Exit.INPUT)
    if stat.S_ISREG(mode) and mode & OTHERS:
        return Check(title, FAIL, f"{path} has mode {mode & 0o777:03o}", f"chmod 600 {path}", Exit.INPUT)
    return Check(title, OK, str(path))


def state_folder(place: "Place") -> Checks:
    """Where recovery copies and signed transactions are kept, and the keystore in it."""
    path = place.configured.folder()
    if not path.exists():
        yield Check("state folder", SKIP, f"{path} is not there yet", "it is made when it is needed")
        return
    mode = path.stat().st_mode
    if not stat.S_ISDIR(mode):
        yield Check("state folder", FAIL, f"{path} is no folder", "--home names another", Exit.INPUT)
    elif mode & OTHERS:
        todo = f"chmod 700 {path}"
        yield Check("state folder", FAIL, f"{path} has mode {mode & 0o777:03o}", todo, Exit.INPUT)
    elif not os.access(path, os.W_OK | os.X_OK):
        todo = f"make {path} writable for this user"
        yield Check("state folder", FAIL, f"{path} is not writable", todo, Exit.ENVIRONMENT)
    else:
        yield Check("state folder", OK, str(path))
    yield from _keystore(place)


def _keystore(place: "Place") -> Checks:
    try:
        path = place.keystore_path()
    except Complaint as problem:
        todo = "nothing: --out keystore:NAME makes it, or --keystore names another"
        yield Check("keystore", SKIP, str(problem), todo)
        return
    mode = path.stat().st_mode
    if mode & OTHERS:
        todo = f"chmod 600 {path}"
        yield Check("keystore", FAIL, f"{path} has mode {mode & 0o777:03o}", todo, Exit.ENVIRONMENT)
        return
    yield Check("keystore", OK, str(path), "valetkey keystore check opens every record")


def extras() -> Checks:
    """Which optional parts are installed."""
    for extra in EXTRAS:
        if absent := missing(extra):
            todo = f"{install(extra)}, if you need it"
            yield Check(f"extra {extra}", WARN, f"not installed: {', '.join(absent)}", todo)
        else:
            yield Check(f"extra {extra}", OK, "installed")
