"""`valetkey demo`: starts the stack and the actors, plays the story and shows it, for people or as data."""

import json
import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from valetkey.cli.children import TemporaryFolder
from valetkey.cli.complaint import Complaint
from valetkey.cli.demo.books import Books
from valetkey.cli.demo.cast import Actor
from valetkey.cli.demo.story import Funding, Step, Story, StoryDiffers
from valetkey.cli.dev import Stopped, progress, stop_on_signals
from valetkey.cli.rpc import DevRpc
from valetkey.cli.serving import listen
from valetkey.cli.stack import LOOPBACK, Chains, Plan, Stack, running_stack, url_of
from valetkey.core.money import format_units
from valetkey.wire.errors import Exit
from valetkey.wire.timestamps import iso_timestamp

INTERRUPTED = 130
WIDTH_PIPED = 130
STYLES = {"owner": "green", "delegate": "cyan", "seller": "magenta"}
REFUSAL_LINES = ("message", "rule", "asked", "limit", "remaining", "resets_at", "hint")


def run_demo(chains: Chains, *, as_json: bool, funding: Funding = "wallet") -> int:
    """Play the story; 0 when everything came as it must, otherwise an exit code of wire.errors.Exit."""
    began = time.monotonic()
    # Somewhere to be told: on a terminal as it is, in a file wide enough for a hash.
    shown = Console(stderr=as_json)
    console = shown if shown.is_terminal else Console(stderr=as_json, width=WIDTH_PIPED)
    result = Result()
    with suppress(Stopped), stop_on_signals():
        try:
            _play(chains, console, result, funding, quiet=as_json)
        except Complaint as complaint:
            result.problem = str(complaint)
        seconds = time.monotonic() - began
        if as_json:
            print(json.dumps(result.as_data(seconds)), flush=True)
        else:
            _end(console, result, seconds)
        return Exit.OK if result.ok else Exit.BUG
    return INTERRUPTED


class Result:
    """What came of it."""

    def __init__(self) -> None:
        self.story: Story | None = None
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


def _play(chains: Chains, console: Console, result: Result, funding: Funding, *, quiet: bool) -> None:
    keep = os.environ.get("VALETKEY_DEMO_KEEP")
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(listen(LOOPBACK, 0))
        kept = Path(keep) if keep else None
        temporary = None if kept else cleanup.enter_context(TemporaryFolder())
        folder = kept or (temporary.path if temporary else Path())
        waiting = cleanup.enter_context(ExitStack())
        say = waiting.enter_context(progress(console, "valetkey demo"))
        say("starting owner, delegate and seller")
        actors = {}
        for name in ("owner", "delegate", "seller"):
            actors[name] = Actor(name, folder / "actors", kept, VALETKEY_BASE_URL=url_of(listener))
            cleanup.callback(actors[name].stop)
            if temporary:
                temporary.wait_for(actors[name].child.pid)
        plan = Plan(test_mode=True, data=kept / "stack" if kept else None)
        stack = cleanup.enter_context(running_stack(plan, chains, say, listener))
        rpc = DevRpc(stack.rpc_url)
        cleanup.callback(rpc.close)
        pids = {name: actor.answer()["result"]["pid"] for name, actor in actors.items()}
        waiting.close()
        if not quiet:
            _begin(console, stack, pids)
        told = (lambda _step: None) if quiet else (lambda step: _show(console, step))
        cast = (actors["owner"], actors["delegate"], actors["seller"])
        result.story = Story(stack, rpc, *cast, told, funding)
        with suppress(StoryDiffers):
            result.story.play()
            result.finished = True
        for actor in actors.values():
            if actor.child.alive:
                actor.leave()
        if kept:
            _keep_secrets(kept, stack)


def _keep_secrets(kept: Path, stack: Stack) -> None:
    """One file of every secret of this run, for the test that searches for them."""
    known = {
        "stack_owner_key": stack.owner_key.to_hex(prefix=False),
        "webhook_secret": stack.webhook_secret.reveal(),
        "operator_token": stack.operator_token.reveal(),
        "relayer_key": stack.folder.relayer_key().to_hex(prefix=False),
        "master_secret": stack.folder.master_secret().reveal(),
    }
    for part in sorted(kept.glob("*.secrets.json")):
        known |= json.loads(part.read_text(encoding="utf-8"))
        part.unlink()
    descriptor = os.open(kept / "secrets.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(known, file)


def _begin(console: Console, stack: Stack, pids: dict[str, int]) -> None:
    console.print()
    console.print(f"[bold]A valet key, from end to end[/bold]  (chain {stack.chain_id}, {stack.base_url})")
    told = ", ".join(f"{name} {pid}" for name, pid in pids.items())
    console.print(
        f"Processes: {told}, platform {stack.platform.pid}, chain {stack.chain.pid}", highlight=False
    )
    console.print()


def _show(console: Console, step: Step) -> None:
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
        console.print(_usdc_table(result.story.books))
        console.print(_eth_table(result.story.books))
    if result.problem:
        console.print(Text(result.problem, style="red"))
    if result.ok:
        console.print(f"[bold green]Everything came as it must[/bold green], in {seconds:.1f} s.")
    else:
        console.print("[bold red]Something differs from what must come of it.[/bold red]")


def _usdc_table(books: Books) -> Table:
    table = Table(title="USDC", title_justify="left", show_footer=True)
    table.add_column("account", footer="together")
    table.add_column("before", justify="right", footer=_usdc(books.units_before))
    table.add_column("change", justify="right", footer=_change(books.units_after - books.units_before))
    table.add_column("after", justify="right", footer=_usdc(books.units_after))
    table.add_column("as expected", justify="center", footer="✓" if books.agree else "✗")
    for account in books.accounts.values():
        table.add_row(
            account.name,
            _usdc(account.units_before),
            _change(account.units_after - account.units_before),
            _usdc(account.units_after),
            "✓" if account.units_after == account.units_before + account.expected_units else "✗",
        )
    return table


def _eth_table(books: Books) -> Table:
    total_in = sum(a.wei_in for a in books.accounts.values())
    total_out = sum(a.wei_out for a in books.accounts.values())
    table = Table(title="ETH, in wei", title_justify="left", show_footer=True)
    for name, figure in (
        ("account", "together"),
        ("before", str(books.wei_before)),
        ("received", f"+{total_in}"),
        ("sent", f"-{total_out}"),
        ("gas", f"-{books.fees}"),
        ("after", str(books.wei_after)),
    ):
        justify: JustifyMethod = "left" if name == "account" else "right"
        table.add_column(name, footer=figure, justify=justify, overflow="fold")
    for a in books.accounts.values():
        if a.wei_before or a.wei_in:
            table.add_row(
                a.name, str(a.wei_before), f"+{a.wei_in}", f"-{a.wei_out}", f"-{a.fees}", str(a.wei_after)
            )
    return table


def _usdc(units: int) -> str:
    whole, _, part = format_units(units, 6).partition(".")
    return f"{whole}.{part:0<6}"


def _change(units: int) -> str:
    return ("-" if units < 0 else "+") + _usdc(abs(units))
