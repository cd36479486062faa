"""One actor's process: reads orders from standard input, one JSON object a line, and answers on standard output.

What an actor knows it made itself or read from that pipe. The delegate starts with a base URL and nothing else.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from valetkey.core.errors import ValetkeyError

REFUSAL_FIELDS = ("code", "rule", "asked", "limit", "remaining", "resets_at", "hint")


class Role(Protocol):
    """An actor's part: every public method is an order that it takes."""

    def secrets(self) -> Mapping[str, str]:
        """Every secret that it came to know, by name."""
        ...


def main(name: str) -> None:
    """Play one role until standard input ends."""
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    role = _parts(name)[name]()
    _say(answers, {"ok": True, "result": {"pid": os.getpid()}})
    for line in sys.stdin:
        order = json.loads(line)
        _say(answers, perform(role, order.pop("do"), order))
    keep_secrets(name, role)


def _parts(name: str) -> dict[str, Callable[[], Role]]:
    """The roles of the story that this one is in: the other's need what may not be installed."""
    if name.startswith("solana-"):
        from valetkey.cli.demo import solana_roles

        return {"solana-owner": solana_roles.Owner, "solana-delegate": solana_roles.Delegate}
    from valetkey.cli.demo import roles

    return {"owner": roles.Owner, "seller": roles.Seller, "delegate": roles.Delegate}


def perform(role: Role, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Carry one order out; a refusal is an answer too. A bug ends the process, and the log tells where."""
    try:
        return {"ok": True, "result": getattr(role, name)(**given) or {}}
    except ValetkeyError as error:
        return {"ok": False, "refusal": told(error)}


def told(error: ValetkeyError) -> dict[str, Any]:
    """An error as data: its class, its message, and the figures of a refusal."""
    facts: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    for name in REFUSAL_FIELDS:
        value = getattr(error, name, None)
        if value is not None:
            facts[name] = value if isinstance(value, int) else str(value)
    return facts


def keep_secrets(name: str, role: Role) -> None:
    """Write what the role knows to a file of its own, when a test asks for it: it then searches for every one."""
    folder = os.environ.get("VALETKEY_DEMO_KEEP")
    if folder:
        path = os.path.join(folder, f"{name}.secrets.json")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(role.secrets()), file)


def _say(answers: TextIO, answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
