"""The page that tells the matrix, docs/reference/who-may-call.md: written by `make matrix`, and read by tests."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.attacks.matrix.kinds import GROUPS, KINDS, Kind
from tests.attacks.matrix.playing import DENIED, Seen
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Endpoint

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "who-may-call.md"
Cells = dict[tuple[str, str], str]
"""By endpoint and kind, what was answered."""

HEAD = """\
# Who may call what

Every endpoint, asked with every kind of credential. `make matrix` plays it against a real platform and writes this
page: it says what was answered, not what was meant. `tests/attacks/test_matrix.py` asks again and compares.

| in a cell | means |
|---|---|
| `yes` | let in; what was asked for was done, or there was nothing to do it with (a platform of tests has no chain) |
| `401` | nobody who is known, or somebody whose session or key has ended, or whose proof is missing |
| `403` | somebody who is known, and may not |
| `404` | what was asked about is not there, or not for this caller: the two cannot be told apart |

An address with an id in it is about things of one owner: a session of theirs, its spend, what it bought from somebody
else, the owner's service, key, claim and alert. A call that was let in and changed something is followed by new things,
so that no cell depends on one before it. What is the same at every endpoint shares a column.
"""


def named(endpoint: Endpoint) -> str:
    """How the page calls an endpoint."""
    return f"{endpoint.method} {endpoint.path.removeprefix('/api/v1')}"


def cells_of(seen: Iterable[Seen]) -> Cells:
    """What was seen, as the page has it."""
    return {(named(one.endpoint), one.kind.name): one.verdict for one in seen}


def render(seen: list[Seen]) -> str:
    """The whole page."""
    cells = cells_of(seen)
    parts = [HEAD]
    for title, kinds in GROUPS.items():
        columns = _alike(kinds, cells)
        parts.append(f"## {title}\n")
        parts.append(_legend(columns))
        parts.append(_table(columns, cells))
    parts.append(
        "## Where nothing was\n\nA platform of tests has no chain, so these had nothing to show to anybody:\n"
    )
    parts.append(_empty(cells))
    parts.append(
        "## What is told\n\nThe codes of [refusals and errors](refusals.md) that came with each status.\n"
    )
    parts.append(_codes(seen))
    return "\n".join(parts)


def read(text: str) -> Cells:
    """The cells of a page: each kind of a column that is shared has a cell of its own."""
    cells: Cells = {}
    kinds: list[list[str]] = []
    for line in text.splitlines():
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if row[:1] == ["endpoint"]:
            kinds = [cell.replace("`", "").split(", ") for cell in row[1:]]
        elif re.match(r"`[A-Z]+ /", row[0] if row else ""):
            for names, cell in zip(kinds, row[1:], strict=True):
                cells |= {(row[0].strip("`"), name): cell for name in names}
    return cells


def _alike(kinds: list[Kind], cells: Mapping[tuple[str, str], str]) -> list[list[Kind]]:
    """Kinds that are answered alike everywhere, together."""
    found: dict[tuple[str, ...], list[Kind]] = {}
    for kind in kinds:
        found.setdefault(tuple(cells[named(one), kind.name] for one in ENDPOINTS), []).append(kind)
    return list(found.values())


def _legend(columns: list[list[Kind]]) -> str:
    lines = [f"| `{kind.name}` | {kind.says} |" for kinds in columns for kind in kinds]
    return "\n".join(["| credential | what it is |", "|---|---|", *lines, ""])


def _table(columns: list[list[Kind]], cells: Mapping[tuple[str, str], str]) -> str:
    heads = [", ".join(f"`{kind.name}`" for kind in kinds) for kinds in columns]
    lines = [f"| endpoint | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for endpoint in ENDPOINTS:
        told = [cells[named(endpoint), kinds[0].name] for kinds in columns]
        lines.append(f"| `{named(endpoint)}` | {' | '.join(told)} |")
    return "\n".join([*lines, ""])


def _empty(cells: Mapping[tuple[str, str], str]) -> str:
    """Endpoints at which nobody saw anything, as far as they were known."""
    let_in = {endpoint for (endpoint, _), cell in cells.items() if cell == "yes"}
    return "\n".join([*(f"- `{named(one)}`" for one in ENDPOINTS if named(one) not in let_in), ""])


def _codes(seen: list[Seen]) -> str:
    lines = ["| status | codes |", "|---|---|"]
    for status in DENIED:
        codes = sorted({one.code for one in seen if one.status == status})
        lines.append(f"| {status} | {', '.join(f'`{code}`' for code in codes)} |")
    return "\n".join([*lines, ""])


assert len({kind.name for kind in KINDS}) == len(KINDS), "a kind has a name of its own"
