"""How a command that fails says so: a sentence and a hint for people, one JSON document for programs."""

import json
import sys
from typing import Any

from valetkey.cli.complaint import Complaint
from valetkey.cli.printing import note
from valetkey.core.errors import ValetkeyError
from valetkey.wire.errors import Exit, exit_code_of, row_of
from valetkey.wire.timestamps import iso_timestamp

INTERRUPTED, READER_GONE = 130, 141
"""A shell's own codes: for Ctrl-C, and for a pipe whose reader went away."""

USAGE = "usage"

_FAMILIES = {
    Exit.BUG: "internal",
    Exit.INPUT: "invalid_input",
    Exit.REFUSED: "forbidden",
    Exit.CREDENTIAL: "unauthenticated",
    Exit.NOT_FOUND: "not_found",
    Exit.CONFLICT: "conflict",
    Exit.ENVIRONMENT: "environment",
    Exit.PROOF: "unproven",
}
"""The code of a complaint of ours, which has an exit code and no code of its own."""


def tell_failure(error: ValetkeyError, *, as_json: bool) -> int:
    """Say what went wrong on standard error; the exit code."""
    code = error.exit_code if isinstance(error, Complaint) else exit_code_of(error)
    facts = facts_of(error, code)
    if as_json:
        print(json.dumps(facts), file=sys.stderr)
        return code
    note(f"valetkey: {error}")
    for name in ("hint", "resets_at", "approval_id", "request_id"):
        if facts.get(name) is not None:
            note(f"  {name.replace('_', ' ')}: {facts[name]}")
    return code


def tell_usage(message: str, command: str, *, as_json: bool) -> int:
    """Say that the command was not written as it must be; the exit code."""
    hint = f"try '{command} --help'"
    if as_json:
        facts = {
            "code": USAGE,
            "message": message,
            "exit_code": int(Exit.INPUT),
            "retryable": False,
            "hint": hint,
        }
        print(json.dumps(facts), file=sys.stderr)
    else:
        note(f"valetkey: {message}\n  {hint}")
    return Exit.INPUT


def tell_bug(error: Exception) -> int:
    """Say to a program that this is a bug of ours; people get its traceback."""
    facts = {
        "code": "internal",
        "message": f"a bug: {type(error).__name__}",
        "exit_code": int(Exit.BUG),
        "retryable": False,
    }
    print(json.dumps(facts), file=sys.stderr)
    return Exit.BUG


def facts_of(error: ValetkeyError, exit_code: int) -> dict[str, Any]:
    """What a program is told: always code, message, exit_code and retryable, and what else is known."""
    told: dict[str, Any] = {
        "code": _FAMILIES[Exit(exit_code)] if isinstance(error, Complaint) else str(error.code),
        "message": str(error),
        "exit_code": int(exit_code),
        "retryable": bool(getattr(error, "retryable", row_of(error).retryable)),
    }
    for name in (
        *("rule", "asked", "limit", "remaining", "resets_at", "hint", "approval_id"),
        *("field", "request_id", "retry_after", "tx_hash"),
    ):
        value = getattr(error, name, None)
        if value not in (None, ""):
            told[name] = value
    if isinstance(told.get("resets_at"), int):
        told["resets_at"] = iso_timestamp(told["resets_at"])
    reasons = getattr(error, "reasons", None)
    if reasons:
        from valetkey.cli.told import plain

        told["reasons"] = plain(reasons)
    return told
