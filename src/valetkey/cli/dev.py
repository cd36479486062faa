"""`valetkey dev`: a stack on loopback for whoever builds against it, until Ctrl-C."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from valetkey.cli.complaint import Complaint
from valetkey.cli.stack import Chains, Plan, Say, Stack, running_stack
from valetkey.cli.waiting import is_watched
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from rich.console import Console

LOOK_SECONDS = 0.25


class Stopped(BaseException):
    """A signal asked us to stop. Not an Exception: nothing between here and the door may swallow it."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into Stopped, once: a second one does not disturb the cleaning up."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress(console: "Console", title: str, *, silent: bool) -> Iterator[Say]:
    """A line that says what is waited for, to whoever watches a terminal; nothing elsewhere, and with `silent`."""
    if silent or not console.is_terminal or not is_watched():
        yield lambda _text: None
        return
    with console.status(title) as status:
        yield lambda text: status.update(f"{title}: {text}")


def postgres(url: str | None, file: Path | None) -> Secret | None:
    """The URL of a PostgreSQL database, given itself or in a file; None when neither is. Raises Complaint."""
    if url is not None and file is not None:
        raise Complaint("--database and --database-file are two names of one thing", Exit.INPUT)
    if file is not None:
        try:
            url = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise Complaint(f"{file} cannot be read", Exit.INPUT) from None
    if url is None:
        return None
    found, parts = Secret(url), None
    with suppress(ValueError):
        parts = urlsplit(url)
    if parts is None or parts.scheme not in ("postgresql", "postgres"):
        raise Complaint("a database's URL begins with postgresql://", Exit.INPUT)
    if file is None and (parts.password is not None or "password=" in parts.query):
        raise Complaint(
            "the arguments of a command can be read by everybody on this machine",
            Exit.INPUT,
            hint="write the URL into a file, for --database-file",
        )
    return found


def run_dev(plan: Plan, chains: Chains, *, as_json: bool, stop_with_stdin: bool) -> None:
    """Run a stack until a signal, the death of a child, or (when asked for) the end of standard input."""
    from rich.console import Console

    console = Console(stderr=True)
    with suppress(Stopped), stop_on_signals(), ExitStack() as starting:
        if stop_with_stdin:
            threading.Thread(target=_interrupt_at_end, daemon=True).start()
        say = starting.enter_context(progress(console, "valetkey dev", silent=as_json))
        with running_stack(plan, chains, say) as stack:
            starting.close()
            _tell(stack, as_json=as_json)
            _watch(stack)


def _sign_in_of(stack: Stack) -> str | None:
    """The address that opens the console, once; None where there is none."""
    if stack.studio_url is None or stack.studio_token is None:
        return None
    return f"{stack.studio_url}/sign-in#{stack.studio_token.reveal()}"


def _watch(stack: Stack) -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        if died := stack.who_died():
            raise Complaint(died, Exit.ENVIRONMENT)


def _interrupt_at_end() -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(stack: Stack, *, as_json: bool) -> None:
    contracts = stack.contracts
    if as_json:
        line = {
            "base_url": stack.base_url,
            "studio_url": stack.studio_url,
            "studio_sign_in": _sign_in_of(stack),
            "rpc_url": stack.rpc_url,
            "chain_id": stack.chain_id,
            "contracts": {
                "escrow": contracts.escrow,
                "score": contracts.score,
                "usdc": contracts.usdc,
                "allowance": contracts.allowance,
            },
            "webhook_secret": stack.webhook_secret.reveal(),
            "operator_token": stack.operator_token.reveal(),
            "owner_key": stack.owner_key.to_hex(),
        }
        print(json.dumps(line), flush=True)
        return
    # Keys are copied from here: a table that folds them on a narrow terminal would break them.
    print("Valetkey on loopback\n")
    for name, value in (
        ("base URL", stack.base_url),
        ("studio", _sign_in_of(stack) or "none (--no-studio, or valetkey[studio] is not installed)"),
        ("RPC URL", stack.rpc_url),
        ("chain id", str(stack.chain_id)),
        ("escrow", contracts.escrow),
        ("score", contracts.score),
        ("USDC (test)", contracts.usdc),
        ("allowance", contracts.allowance or ""),
        ("webhook secret", stack.webhook_secret.reveal()),
        ("operator token", stack.operator_token.reveal()),
        ("owner", stack.owner_key.address),
        ("owner's key", stack.owner_key.to_hex()),
        ("database", stack.database),
        ("log", str(stack.platform.log)),
    ):
        print(f"  {name:<15} {value}")
    if stack.studio_url is not None:
        print("\nThe studio's address signs its first visitor in as the owner, within an hour.")
    print(f"\nexport VALETKEY_BASE_URL={stack.base_url}\nCtrl-C stops everything.", flush=True)
