"""What asking for help or for the version loads: the command line's own packages, and nothing that does the work."""

import subprocess
import sys

import pytest

LIGHT = {"valetkey", "typer", "annotated_doc", "shellingham"}
OF_A_COMMAND = {
    "msgspec",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
}
"""typer reads the options of a command by pydantic."""
FOR_HELP = {"rich", "pygments", "markdown_it", "mdurl", "attr", "attrs"}
PROGRAM = """
import sys
before = set(sys.modules)
from valetkey.cli.run import app
try:
    app(sys.argv[1:])
except SystemExit:
    pass
found = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(*found, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["--version"], LIGHT),
        (["version"], LIGHT | OF_A_COMMAND),
        (["--help"], LIGHT | FOR_HELP),
        (["session", "--help"], LIGHT | OF_A_COMMAND | FOR_HELP),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_an_answer_about_itself_loads_little(words: list[str], allowed: set[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    assert {name for name in ran.stderr.split() if not name.startswith("_")} <= allowed
