"""ARCHITECTURE.md and CONTRIBUTING.md say what is there: each folder has its line, each path and target exists."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "valetkey"
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
ENDS = "py|vy|json|yml|md|toml"


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rooms() -> str:
    found = re.search(r"^## Rooms\n+```\n(.*?)^```", text_of("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)
    assert found, "ARCHITECTURE.md lists no rooms"
    return found[1]


def tops() -> list[str]:
    """The folders that are shipped with the sources, which is all of them."""
    project = tomllib.loads(text_of("pyproject.toml"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    return [name for one in shipped if (ROOT / (name := one.strip("/"))).is_dir()]


def inside() -> list[str]:
    """Rooms and single files of the package."""
    dunders = {"__init__.py", "__main__.py", "__pycache__"}
    return [
        f"{one.name}/" if one.is_dir() else one.name
        for one in sorted(SRC.iterdir())
        if one.name not in dunders and (one.is_dir() or one.suffix == ".py")
    ]


@pytest.mark.parametrize("name", tops())
def test_every_folder_has_its_line(name: str) -> None:
    assert re.search(rf"^{re.escape(name)}/", rooms(), re.MULTILINE), name


@pytest.mark.parametrize("name", inside())
def test_every_room_has_its_line(name: str) -> None:
    assert re.search(rf"^  {re.escape(name)} ", rooms(), re.MULTILINE), name


def test_every_kind_of_test_is_named() -> None:
    told = rooms()[rooms().index("\ntests/") :]
    kinds = {one.parent.relative_to(ROOT / "tests").parts[0] for one in (ROOT / "tests").glob("*/**/*.py")}
    assert {kind for kind in kinds if f"{kind}/" not in told} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    spoken = "\n".join(re.findall(r"```.*?```|`[^`\n]+`|\]\([^)]+\)", text_of(page), re.DOTALL))
    named = set(re.findall(rf"[\w.*/-]*\w\.(?:{ENDS})\b|[\w.]+/(?:[\w.*]+/?)*", spoken))
    # A line of a folder names what is inside of it.
    places = [ROOT / name for name in tops()]
    missing = {
        one
        for one in named
        if next(ROOT.glob(one.strip("/")), None) is None
        and not any(next(place.rglob(one.strip("/")), None) for place in places)
    }
    assert missing <= {"I/O", "api/v1/agents/session/self"}


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), re.MULTILINE)) <= targets
