"""The demo on an EVM chain: starts the stack and the actors, and has the story played."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table

from valetkey.cli.children import TemporaryFolder
from valetkey.cli.demo.books import Books
from valetkey.cli.demo.cast import Actor
from valetkey.cli.demo.show import Result, change_text, show_step, usdc_text
from valetkey.cli.demo.story import Funding, Story
from valetkey.cli.demo.telling import StoryDiffers
from valetkey.cli.dev import progress
from valetkey.cli.dev_rpc import DevRpc
from valetkey.cli.serving import listen
from valetkey.cli.stack import LOOPBACK, Chains, Plan, Stack, running_stack, url_of


def staged(chains: Chains, funding: Funding) -> Callable[[Console, Result, bool], None]:
    """What plays the story."""
    return lambda console, result, quiet: _play(chains, console, result, funding, quiet=quiet)


def _play(chains: Chains, console: Console, result: Result, funding: Funding, *, quiet: bool) -> None:
    keep = os.environ.get("VALETKEY_DEMO_KEEP")
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(listen(LOOPBACK, 0))
        kept = Path(keep) if keep else None
        temporary = None if kept else cleanup.enter_context(TemporaryFolder())
        folder = kept or (temporary.path if temporary else Path())
        waiting = cleanup.enter_context(ExitStack())
        say = waiting.enter_context(progress(console, "valetkey demo", silent=quiet))
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
        told = (lambda _step: None) if quiet else (lambda step: show_step(console, step))
        result.story = Story(
            stack=stack,
            rpc=rpc,
            owner=actors["owner"],
            delegate=actors["delegate"],
            seller=actors["seller"],
            told=told,
            funding=funding,
        )
        result.tables = lambda: _tables(result)
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


def _tables(result: Result) -> list[Table]:
    assert isinstance(result.story, Story)
    assert result.story.books is not None
    return [_usdc_table(result.story.books), _eth_table(result.story.books)]


def _usdc_table(books: Books) -> Table:
    table = Table(title="USDC", title_justify="left", show_footer=True)
    table.add_column("account", footer="together")
    table.add_column("before", justify="right", footer=usdc_text(books.units_before))
    table.add_column("change", justify="right", footer=change_text(books.units_after - books.units_before))
    table.add_column("after", justify="right", footer=usdc_text(books.units_after))
    table.add_column("as expected", justify="center", footer="✓" if books.agree else "✗")
    for account in books.accounts.values():
        table.add_row(
            account.name,
            usdc_text(account.units_before),
            change_text(account.units_after - account.units_before),
            usdc_text(account.units_after),
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
