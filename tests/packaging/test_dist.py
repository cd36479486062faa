"""What is shipped: the same bytes from wherever it is built, all that belongs in it, and nothing else."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.e2e.optional import EXTRAS, PROJECT
from valetkey.cli.extras import EXTRAS as TOLD

ROOT = Path(__file__).parents[2]
NAME = f"valetkey-{PROJECT['version']}"
COMMITTED = 1_700_000_000
SECRET = re.compile(rb"sk_live_|-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1[A-Z0-9]{58}")


@dataclass(frozen=True)
class Built:
    """The two files of one build."""

    folder: Path

    @property
    def wheel(self) -> Path:
        return self.folder / f"{NAME}-py3-none-any.whl"

    @property
    def sdist(self) -> Path:
        return self.folder / f"{NAME}.tar.gz"


def build(tree: Path, folder: Path, **environ: str) -> Built:
    """As `make dist` does, with nothing of ours on the path of Python."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SOURCE_DATE_EPOCH")
    }
    words = [sys.executable, str(tree / "scripts" / "build_dist.py"), str(folder)]
    subprocess.run(words, env=kept | environ, cwd=folder.parent, check=True)
    return Built(folder)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from this tree."""
    return build(ROOT, tmp_path_factory.mktemp("ours") / "dist", SOURCE_DATE_EPOCH=str(COMMITTED))


@pytest.fixture(scope="module")
def theirs(ours: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built by somebody who has our sdist alone: elsewhere, later, in another zone, with another umask."""
    elsewhere = tmp_path_factory.mktemp("theirs")
    with tarfile.open(ours.sdist) as archive:
        archive.extractall(elsewhere / "some where else", filter="data")
    before = os.umask(0o077)
    try:
        return build(
            elsewhere / "some where else" / NAME, elsewhere / "dist", TZ="Pacific/Auckland", LC_ALL="C"
        )
    finally:
        os.umask(before)


def members(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {one.name.removeprefix(f"{NAME}/") for one in archive if one.isfile()}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def test_the_sdist_builds_the_same_bytes_elsewhere(ours: Built, theirs: Built) -> None:
    assert ours.wheel.read_bytes() == theirs.wheel.read_bytes()
    assert ours.sdist.read_bytes() == theirs.sdist.read_bytes()


def test_every_date_in_it_is_that_of_the_commit(ours: Built) -> None:
    with tarfile.open(ours.sdist) as archive:
        assert {one.mtime for one in archive} == {COMMITTED}


def test_the_sdist_is_the_tree(ours: Built) -> None:
    """All that is committed, or would be: who has it can test it, measure it and build it."""
    if (ROOT / ".git").exists():
        words = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
        tree = {name for name in listed if name and (ROOT / name).exists()}
    else:
        tree = members(ours.sdist) - {"PKG-INFO"}
        assert all((ROOT / name).exists() for name in tree)
    assert members(ours.sdist) == tree | {"PKG-INFO"}
    for needed in (
        "spec/openapi.json",
        "contracts/Escrow.vy",
        "requirements.lock",
        "tests/packaging/test_dist.py",
    ):
        assert needed in tree


def test_the_wheel_is_the_package_and_nothing_else(ours: Built) -> None:
    with zipfile.ZipFile(ours.wheel) as archive:
        names = set(archive.namelist())
    package = {name.removeprefix("src/") for name in members(ours.sdist) if name.startswith("src/valetkey/")}
    about = {
        f"{NAME}.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert names == package | about
    for needed in (
        "valetkey/py.typed",
        "valetkey/chains/evm/artifacts/SessionAllowance.json",
        "valetkey/studio/assets/studio.css",
        "valetkey/studio/elements/spend_chart.js",
    ):
        assert needed in names


def test_no_secret_is_shipped(ours: Built) -> None:
    with zipfile.ZipFile(ours.wheel) as archive:
        found = [name for name in archive.namelist() if SECRET.search(archive.read(name))]
    assert not found


def test_what_an_index_shows(ours: Built) -> None:
    told = metadata(ours.wheel)
    assert (told["Name"], told["Version"], told["License-Expression"]) == (
        "valetkey",
        PROJECT["version"],
        "Apache-2.0",
    )
    assert told["Requires-Python"] == ">=3.11"
    assert set(told.get_all("Provides-Extra", [])) == {*EXTRAS, "all", "dev"}
    assert told.get_payload().startswith("# Valetkey")
    supported = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
    assert supported <= set(told.get_all("Classifier", []))


def test_every_extra_is_known_to_the_command_that_misses_it() -> None:
    assert set(TOLD) == set(EXTRAS)
