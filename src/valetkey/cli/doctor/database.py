"""The database of a platform on this machine: reachable, its version, its log, and the room on its disk."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from valetkey.cli.complaint import Complaint
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.cli.extras import install
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

FREE_WARNED, FREE_MIN = 2**30, 2**26
"""Bytes: with less than the second, the next commits fail."""


def database(environ: Mapping[str, str]) -> Checks:
    """What VALETKEY_DATABASE names; nothing on a machine that serves no platform."""
    if not environ.get("VALETKEY_DATABASE") and not environ.get("VALETKEY_DATABASE_FILE"):
        yield Check(
            "database", SKIP, "none is named", "set VALETKEY_DATABASE, on a machine that serves a platform"
        )
        return
    try:
        from valetkey.platform.settings import database_from_env

        named = database_from_env(environ)
    except InvalidInput as problem:
        yield Check("database", FAIL, str(problem), "correct it", Exit.INPUT)
        return
    if isinstance(named, Path):
        if str(named) == ":memory:":
            yield Check("database", WARN, "in memory", "it ends with the process: name a file")
            return
        if not named.exists():
            todo = "valetkey migrate makes it, and so does valetkey serve"
            yield Check("database", FAIL, f"{named} is not there", todo, Exit.ENVIRONMENT)
            return
    try:
        from valetkey.cli.embedded import peeked

        found = peeked(named)
    except ModuleNotFoundError as problem:
        yield Check("database", FAIL, f"{problem.name} is not installed", install("server"), Exit.ENVIRONMENT)
        return
    except (ValetkeyError, Complaint) as problem:
        yield Check("database", FAIL, str(problem), "is it running, and is the URL right?", Exit.ENVIRONMENT)
        return
    if found.version == found.known:
        yield Check("database", OK, f"{found.kind}, version {found.version}")
    elif found.version < found.known:
        seen = f"{found.kind}, version {found.version}, this software has {found.known}"
        yield Check("database", WARN, seen, "take a copy, then valetkey migrate")
    else:
        seen = f"{found.kind}, version {found.version}, this software has {found.known}"
        yield Check("database", FAIL, seen, "a newer software used it: start that one", Exit.CONFLICT)
    if isinstance(named, Secret):
        return
    if found.journal == "wal":
        yield Check("database's log", OK, "write-ahead log")
    else:
        todo = "stop what else uses it; valetkey serve sets it"
        yield Check("database's log", WARN, f"journal mode {found.journal}", todo)
    free = shutil.disk_usage(named.parent if str(named.parent) else Path()).free
    seen = f"{free // 2**20:,} MiB free"
    if free < FREE_MIN:
        yield Check(
            "database's disk",
            FAIL,
            seen,
            "make room: nothing can be decided on a full disk",
            Exit.ENVIRONMENT,
        )
    else:
        yield Check(
            "database's disk",
            OK if free >= FREE_WARNED else WARN,
            seen,
            "" if free >= FREE_WARNED else "make room",
        )
