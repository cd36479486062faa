"""`valetkey demo`: has a story played and shows it, for people or as data."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from valetkey.cli.complaint import Complaint
from valetkey.cli.demo.telling import Step
from valetkey.cli.dev import Stopped, stop_on_signals
from valetkey.core.money import format_units
from valetkey.wire.errors import Exit
from valetkey.wire.timestamps import iso_timestamp

INTERRUPTED = 130
WIDTH_PIPED = 130
STYLES = {"owner": "green", "delegate": "cyan", "seller": "magenta"}
REFUSAL_LINES = ("message", "rule", "asked", "limit", "remaining", "resets_at", "hint")


def run_demo(play: Callable[[Console, "Result", bool], None], *, as_json: bool) -> int:
    """Play the story; 0 when everything came as it must, otherwise an exit code of wire.errors.Exit."""
    began = time.monotonic()
    # Somewhere to be told: on a terminal as it is, in a file wide enough for a hash.
    shown = Console(stderr=as_json)
    console = shown if shown.is_terminal else Console(stderr=as_json, width=WIDTH_PIPED)
    result = Result()
    with suppress(Stopped), stop_on_signals():
        try:
            play(console, result, as_json)
        except Complaint as complaint:
            result.problem = str(complaint)
        seconds = time.monotonic() - began
        if as_json:
            print(json.dumps(result.as_data(seconds)), flush=True)
        else:
            _end(console, result, seconds)
        return Exit.OK if result.ok else Exit.BUG
    return INTERRUPTED


class Figures(Protocol):
    """What everybody had before and after."""

    def as_data(self) -> dict[str, Any]: ...


class Played(Protocol):
    """A story, so far as it was played."""

    @property
    def steps(self) -> list[Step]: ...

    @property
    def books(self) -> Figures | None: ...


class Result:
    """What came of it."""

    def __init__(self) -> None:
        self.story: Played | None = None
        self.tables: Callable[[], list[Table]] = list
        self.finished = False
        self.problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.finished and self.story is not None and all(step.ok for step in self.story.steps)

    def as_data(self, seconds: float) -> dict[str, Any]:
        books = self.story.books if self.story else None
        data: dict[str, Any] = {
            "ok": self.ok,
            "seconds": round(seconds, 2),
            "steps": [step.as_data() for step in self.story.steps] if self.story else [],
            "balances": books.as_data() if books else None,
        }
        return data | ({"problem": self.problem} if self.problem else {})


def show_step(console: Console, step: Step) -> None:
    mark = Text("✓ " if step.ok else "✗ ", style="green" if step.ok else "bold red")
    line = mark + Text(f"{step.actor:<9}", style=STYLES.get(step.actor, "")) + Text(step.text)
    if step.units is not None:
        line.append(f" {format_units(step.units, 6)} USDC", style="bold")
    console.print(line)
    if step.tx_hash:
        console.print(Text(f"{'':11}tx {step.tx_hash}", style="dim"), soft_wrap=True)
    if step.refusal:
        refusal = step.refusal
        code = refusal.get("code", "error")
        console.print(Text(f"{'':11}refused: {code}", style="yellow") + Text(f" ({refusal['error']})"))
        for name in REFUSAL_LINES:
            if name in refusal:
                console.print(Text(f"{'':13}{name}: {_told(refusal, name)}", style="dim"))


def _told(refusal: dict[str, Any], name: str) -> str:
    """A fact of a refusal as people read it: times as dates, amounts with their currency."""
    value = str(refusal[name])
    if name == "resets_at" or (name == "limit" and refusal.get("rule") == "expires_at"):
        return iso_timestamp(int(value))
    return f"{value} USDC" if name in ("asked", "limit", "remaining") else value


def _end(console: Console, result: Result, seconds: float) -> None:
    if result.story and result.story.books and result.finished:
        console.print()
        for table in result.tables():
            console.print(table)
    if result.problem:
        console.print(Text(result.problem, style="red"))
    if result.ok:
        console.print(f"[bold green]Everything came as it must[/bold green], in {seconds:.1f} s.")
    else:
        console.print("[bold red]Something differs from what must come of it.[/bold red]")


def usdc_text(units: int) -> str:
    whole, _, part = format_units(units, 6).partition(".")
    return f"{whole}.{part:0<6}"


def change_text(units: int) -> str:
    return ("-" if units < 0 else "+") + usdc_text(abs(units))
