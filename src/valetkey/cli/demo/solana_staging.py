"""The demo on Solana: starts the embedded cluster, owner and delegate, and has the story played."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table

from valetkey.cli.children import TemporaryFolder
from valetkey.cli.demo.cast import Actor
from valetkey.cli.demo.show import Result, change_text, show_step, usdc_text
from valetkey.cli.demo.telling import StoryDiffers
from valetkey.cli.dev import progress
from valetkey.cli.dev_rpc import DevRpc
from valetkey.cli.stack import RunningChain


class Cluster(Protocol):
    """What run.py knows about the embedded cluster."""

    def start(self) -> RunningChain: ...


def staged_on_solana(cluster: Cluster) -> Callable[[Console, Result, bool], None]:
    """What plays the story."""
    return lambda console, result, quiet: _play(cluster, console, result, quiet=quiet)


def _play(cluster: Cluster, console: Console, result: Result, *, quiet: bool) -> None:
    keep = os.environ.get("VALETKEY_DEMO_KEEP")
    kept = Path(keep) if keep else None
    with ExitStack() as cleanup:
        waiting = cleanup.enter_context(ExitStack())
        say = waiting.enter_context(progress(console, "valetkey demo", silent=quiet))
        say("starting the cluster")
        chain = cluster.start()
        cleanup.callback(chain.stop)
        # What it needs is installed with the cluster.
        from valetkey.cli.demo.solana_story import SolanaStory

        temporary = None if kept else cleanup.enter_context(TemporaryFolder())
        folder = kept or (temporary.path if temporary else Path())
        say("starting owner and delegate")
        actors = {}
        for name in ("owner", "delegate"):
            actors[name] = Actor(name, folder / "actors", kept, part=f"solana-{name}")
            cleanup.callback(actors[name].stop)
            if temporary:
                temporary.wait_for(actors[name].child.pid)
        pids = {name: actor.answer()["result"]["pid"] for name, actor in actors.items()}
        rpc = DevRpc(chain.rpc_url)
        cleanup.callback(rpc.close)
        waiting.close()
        if not quiet:
            told_pids = ", ".join(f"{name} {pid}" for name, pid in pids.items())
            console.print(f"\n[bold]A valet key on Solana[/bold]  ({chain.rpc_url})")
            console.print(f"Processes: {told_pids}, cluster {chain.pid}\n", highlight=False)
        story = SolanaStory(
            rpc=rpc,
            owner=actors["owner"],
            delegate=actors["delegate"],
            file=str(folder / "sessions.db"),
            told=(lambda _step: None) if quiet else (lambda step: show_step(console, step)),
        )
        result.story = story
        result.tables = lambda: _tables(story)
        with suppress(StoryDiffers):
            story.play()
            result.finished = True
        for actor in actors.values():
            if actor.child.alive:
                actor.leave()
        if kept:
            _keep_secrets(kept)


def _keep_secrets(kept: Path) -> None:
    """One file of every secret of this run, for the test that searches for them."""
    known: dict[str, str] = {}
    for part in sorted(kept.glob("*.secrets.json")):
        known |= json.loads(part.read_text(encoding="utf-8"))
        part.unlink()
    descriptor = os.open(kept / "secrets.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(known, file)


def _tables(story: "object") -> list[Table]:
    from valetkey.cli.demo.solana_story import SolanaStory

    assert isinstance(story, SolanaStory)
    assert story.books is not None
    books, accounts = story.books, list(story.books.accounts.values())
    usdc = Table(title="USDC", title_justify="left", show_footer=True)
    before, after = sum(one.units_before for one in accounts), sum(one.units_after for one in accounts)
    usdc.add_column("account", footer="together")
    usdc.add_column("before", justify="right", footer=usdc_text(before))
    usdc.add_column("change", justify="right", footer=change_text(after - before))
    usdc.add_column("after", justify="right", footer=usdc_text(after))
    usdc.add_column("as expected", justify="center", footer="✓" if books.agree else "✗")
    lamports = Table(title="SOL, in lamports", title_justify="left", show_footer=True)
    had, has = sum(one.lamports_before for one in accounts), sum(one.lamports_after for one in accounts)
    for name, figure in (
        ("account", f"together, and {books.fees} of fees"),
        ("before", str(had)),
        ("change", f"{has - had:+d}"),
        ("after", str(has)),
    ):
        lamports.add_column(name, footer=figure, justify="left" if name == "account" else "right")
    for one in accounts:
        if one.units_before or one.units_after or one.expected:
            usdc.add_row(
                one.name,
                usdc_text(one.units_before),
                change_text(one.units_after - one.units_before),
                usdc_text(one.units_after),
                "✓" if one.units_after == one.units_before + one.expected else "✗",
            )
        if one.lamports_before or one.lamports_after:
            change = one.lamports_after - one.lamports_before
            lamports.add_row(one.name, str(one.lamports_before), f"{change:+d}", str(one.lamports_after))
    return [usdc, lamports]
