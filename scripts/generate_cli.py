"""Writes the commands of docs/reference/cli.md from the commands themselves; `--check` says whether they are told.

What is written by hand stands before and after the two marks of the page.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from valetkey.cli.frame import SHARED
from valetkey.cli.run import app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
BEGIN, END = "<!-- commands: written by scripts/generate_cli.py -->", "<!-- end of commands -->"


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    root: Any = get_command(app)
    told = "\n\n".join([BEGIN, *blocks(root, "valetkey", 2), END])
    made = before + told + after
    if "--check" in sys.argv:
        if made != text:
            print(f"{PAGE} is not what the commands say: run scripts/generate_cli.py", file=sys.stderr)
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


def blocks(group: Any, path: str, level: int) -> Iterator[str]:
    """Every command of a group as paragraphs of the page."""
    for name in group.list_commands(None):
        one = group.commands[name]
        yield f"{'#' * level} {path} {name}"
        yield one.help or ""
        if hasattr(one, "commands"):
            yield from blocks(one, f"{path} {name}", level + 1)
            continue
        yield f"```sh\n{usage(one, f'{path} {name}')}\n```"
        own = [param for param in one.params if param.param_type_name == "option" and shown(param)]
        if own:
            yield "\n".join(["| option | default | meaning |", "|---|---|---|", *map(line, own)])
        shared = [param.opts[0] for param in one.params if getattr(param, "rich_help_panel", None) == SHARED]
        if shared:
            yield f"Shared: {', '.join(f'`{option}`' for option in shared)}."


def shown(param: Any) -> bool:
    """Options of this command alone: `--json` and the shared ones are told once, on top."""
    return not (param.hidden or param.name == "as_json" or param.rich_help_panel == SHARED)


def usage(command: Any, path: str) -> str:
    """How it is written: its arguments, and the options that must be there."""
    words = [path]
    for param in command.params:
        if param.param_type_name == "argument":
            words.append(
                (param.metavar or param.name.upper()).replace("[SESSION]...", "SESSION...").strip("[]")
            )
        elif param.required:
            words += [param.opts[0], param.name.upper()]
    return " ".join(words)


def line(param: Any) -> str:
    """An option as a row."""
    default = "" if param.default in (None, False, []) or param.required else str(param.default)
    if param.secondary_opts:
        default = param.opts[0] if param.default else param.secondary_opts[0]
    names = " / ".join(f"`{one}`" for one in (*param.opts, *param.secondary_opts))
    return f"| {names} | {'must be given' if param.required else default} | {param.help} |"


if __name__ == "__main__":
    sys.exit(main())
