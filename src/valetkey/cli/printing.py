"""What people see: aligned and coloured on a terminal, plain lines elsewhere. Nothing that steers a terminal passes."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from valetkey.cli.told import Facts, Raw, Rows, Shown

GAP = "  "
COLOURS = {
    "active": "green",
    "ok": "green",
    "completed": "green",
    "captured": "green",
    "pending": "yellow",
    "paused": "yellow",
    "warn": "yellow",
    "held": "yellow",
    "exhausted": "magenta",
    "disputed": "magenta",
    "expired": "dim",
    "skip": "dim",
    "revoked": "red",
    "fail": "red",
}
"""Words that have a colour wherever they stand alone in a cell."""


def show(shown: Shown, stream: TextIO | None = None) -> None:
    """Print it. Whoever reads a pipe gets no colours, no frames, and lines as long as they are."""
    out = stream or sys.stdout
    if isinstance(shown, Raw):
        print(shown.text, file=out)
    elif isinstance(shown, str):
        print(safe_lines(shown), file=out)
    elif isinstance(shown, Rows) and not shown.rows:
        note(shown.empty)
    elif out.isatty():
        _show_on_terminal(shown, out)
    else:
        for line in _plain_lines(shown):
            print(line, file=out)


def note(text: str) -> None:
    """A sentence for whoever looks, which is no part of the answer."""
    print(safe_lines(text), file=sys.stderr)


def safe(text: str) -> str:
    """A text that somebody else wrote, without what would steer a terminal or turn its reading direction."""
    return "".join(one if one.isprintable() else "?" for one in text)


def safe_lines(text: str) -> str:
    """As `safe`, line by line."""
    return "\n".join(safe(line) for line in text.split("\n"))


def colours_wanted(stream: TextIO) -> bool:
    """Colours are for terminals, and for nobody who says NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _plain_lines(shown: Rows | Facts) -> Iterable[str]:
    if isinstance(shown, Facts):
        return _aligned([(safe(name), safe(value)) for name, value in shown.facts])
    return _aligned([shown.columns, *(tuple(safe(one) for one in row) for row in shown.rows)])


def _aligned(lines: list[tuple[str, ...]]) -> Iterable[str]:
    """Columns by the width that their characters have on a screen, which is two for some of them."""
    from rich.cells import cell_len

    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        padded = [text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True)]
        yield GAP.join(padded).rstrip()


def _show_on_terminal(shown: Rows | Facts, out: TextIO) -> None:
    from rich.console import Console

    Console(file=out, no_color=not colours_wanted(out), highlight=False).print(table_of(shown))


def table_of(shown: Rows | Facts) -> object:
    """The same as something that rich prints: long values are folded, never cut off."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if isinstance(shown, Facts):
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in shown.facts:
            grid.add_row(Text(safe(name)), Text(safe(value), style=COLOURS.get(value, "")))
        return grid
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for column in shown.columns:
        table.add_column(column, overflow="fold")
    for row in shown.rows:
        table.add_row(*(Text(safe(one), style=COLOURS.get(one, "")) for one in row))
    return table
