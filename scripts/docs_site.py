"""What the site has beside docs/: the house, security and changes out of the root, the examples, and the API.

A hook of mkdocs, named in mkdocs.yml. The API's page is made of `valetkey.__all__`; mkdocstrings reads the docstrings.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

import valetkey

ROOT = Path(__file__).parents[1]
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "examples/README.md": "examples/index.md",
}
"""What does not stand in docs/: its path in the repository, and on the site."""

LINK = re.compile(r"\]\(([^)#:\s]+\.(?:md|py))(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every decision has its place in the navigation, which knows no patterns."""
    assert config.nav is not None
    decisions = sorted(page.name for page in (ROOT / "docs" / "decisions").glob("*.md"))
    config.nav.append({"Decisions": [f"decisions/{name}" for name in decisions]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for source, address in PAGES.items():
        if address != "index.md":
            files.append(File.generated(config, address, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "reference/api.md", content=api()))
    for program in sorted((ROOT / "examples").rglob("*.py")):
        text = f"# {program.name}\n\n```python\n{program.read_text(encoding='utf-8')}```\n"
        address = str(program.relative_to(ROOT).with_suffix(".md"))
        files.append(File.generated(config, address, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """A link that leads somewhere in the repository leads to the same page on the site."""
    address = page.file.src_uri
    source = next((path for path, here in PAGES.items() if here == address != "index.md"), f"docs/{address}")

    def followed(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        there = PAGES.get(target, target.removeprefix("docs/").replace(".py", ".md"))
        return f"]({posixpath.relpath(there, posixpath.dirname(address) or '.')}{found[2] or ''})"

    return LINK.sub(followed, markdown)


def api() -> str:
    """The page of the public names, in groups, each as its docstring tells it."""
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Errors": []}
    for name in valetkey.__all__:
        kinds[kind_of(getattr(valetkey, name))].append(name)
    lines = [
        "# The API\n",
        "Everything that `import valetkey` names, out of its docstrings. What begins with `Async` (or `async_`) is the "
        "original, and the other is its generated twin; [the SDK](sdk.md) tells them by what you want to do.\n",
    ]
    for kind, names in kinds.items():
        lines.append(f"## {kind}\n")
        lines += [f"::: valetkey.{name}\n" for name in names]
    return "\n".join(lines)


def kind_of(thing: Any) -> str:
    """The heading that a public name stands under."""
    if not isinstance(thing, type):
        return "Functions"
    return "Errors" if issubclass(thing, Exception) else "Classes"
