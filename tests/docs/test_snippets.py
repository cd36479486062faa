"""Every snippet of README and docs runs: Python against a live stack, shell against Makefile and CLI."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from valetkey.cli.run import app

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if page.name != "CHANGELOG.md"]
TUTORIAL = ROOT / "docs" / "tutorial.md"
"""Its blocks run in terminals of their own, in an empty folder: tests/docs/test_tutorial.py."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = ROOT / "docs" / "reference" / "settings.md"


@dataclass(frozen=True)
class Snippet:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def snippets(*languages: str) -> list[Snippet]:
    found = []
    for page in sorted(PAGES):
        text = page.read_text()
        found += [
            Snippet(page, text[: match.start()].count("\n") + 2, match[1], match[2])
            for match in FENCE.finditer(text)
            if match[1] in languages
        ]
    return found


def test_every_fence_has_a_language_that_is_tested() -> None:
    known = {"python", "sh", "json", "text", "", "ts"}
    strange = [
        str(s)
        for s in snippets(*(m[1] for p in PAGES for m in FENCE.finditer(p.read_text())))
        if s.language not in known
    ]
    assert not strange


def test_every_call_of_another_sdk_has_its_twin_below_it() -> None:
    """What is there in TypeScript is here in Python, in the next fence, which the test below runs."""
    pages = {snippet.page for snippet in snippets("ts")}
    assert {page.name for page in pages} == {"coming-from-veridex.md", "coming-from-abba-baba.md"}
    for page in pages:
        languages = [match[1] for match in FENCE.finditer(page.read_text())]
        assert languages == ["ts", "python"] * (len(languages) // 2), page.name
        assert len(languages) >= 20


@pytest.mark.parametrize(
    "page", sorted({s.page for s in snippets("python")} - {TUTORIAL}), ids=lambda p: str(p.relative_to(ROOT))
)
def test_python_of_a_page_runs_from_top_to_bottom(page: Path, documented_world: dict[str, Any]) -> None:
    """The snippets of one page share their names, as a reader who types them along would."""
    world = dict(documented_world)
    for snippet in (s for s in snippets("python") if s.page == page):
        code = compile("\n" * (snippet.line - 1) + snippet.text, str(page), "exec")
        exec(code, world)  # the text is ours: it is the documentation


@pytest.mark.parametrize("snippet", [one for one in snippets("sh") if one.page != TUTORIAL], ids=str)
def test_shell_lines_name_things_that_exist(snippet: Snippet) -> None:
    for line in snippet.text.replace("\\\n", " ").splitlines():
        command = line.partition("#")[0].split()
        if not command:
            continue
        if command[0] == "export":
            name = command[1].partition("=")[0]
            assert f"`{name}`" in SETTINGS.read_text(encoding="utf-8"), f"{snippet}: {name} is no setting"
            continue
        if command[0] == "make":
            ran = subprocess.run(
                ["make", "-n", *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60
            )
            assert ran.returncode == 0, f"{snippet}: {line}\n{ran.stderr}"
        elif command[0] == "valetkey":
            known = options([word for word in command[1:] if not word.startswith("-")])
            unknown = {word.partition("=")[0] for word in command if word.startswith("--")} - known
            assert not unknown, f"{snippet}: {line} has no {unknown}"
        else:
            raise AssertionError(f"{snippet}: no test knows how to try {command[0]!r}")


def options(words: list[str]) -> set[str]:
    """The options of the command that these words begin with: one word, and one more for each group."""
    command = get_command(app)
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        assert word in command.commands, f"there is no command {' '.join(words)}"
        command = command.commands[word]
    return {"--help"} | {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


def test_every_page_is_on_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index.read_text())}
    lost = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")} - {
        page.relative_to(ROOT).as_posix() for page in linked | {index} if page.is_relative_to(ROOT)
    }
    assert not lost
