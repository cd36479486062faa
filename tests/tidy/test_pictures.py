"""The pictures of the pages: each is there, is shown somewhere with words for who does not see it, and is small."""

import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
BYTES_MAX, ALL_BYTES_MAX = 150_000, 1_500_000
TOLD = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
"""What a picture consists of; nothing about the machine that took it."""


def shown() -> list[tuple[Path, str, Path]]:
    """Each picture of a page: the page, its words, the file."""
    return [
        (page, words, (page.parent / target).resolve())
        for page in PAGES
        for words, target in SHOWN.findall(page.read_text())
        if "://" not in target
    ]


def test_every_picture_of_a_page_is_there_and_has_words() -> None:
    assert shown()
    for page, words, picture in shown():
        where = f"{page.relative_to(ROOT)}: {picture.name}"
        assert picture.is_file(), where
        assert picture.is_relative_to(IMAGES), where
        assert len(words) > 8, where


def test_every_picture_is_on_a_page() -> None:
    there = {one for one in IMAGES.rglob("*") if one.is_file()}
    assert {one.suffix for one in there} == {".png", ".svg"}
    assert there - {picture for _, _, picture in shown()} == set()


@pytest.mark.parametrize("path", sorted(IMAGES.rglob("*.svg")), ids=lambda path: path.stem)
def test_a_drawing_is_small_names_itself_and_runs_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) <= BYTES_MAX
    assert "<title" in text
    assert not re.search(r"<script|<foreignObject|href=|\son\w+=|@import|<!ENTITY", text)


@pytest.mark.parametrize("path", sorted(IMAGES.rglob("*.png")), ids=lambda path: path.stem)
def test_a_picture_is_small_and_tells_nothing_but_itself(path: Path) -> None:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) <= BYTES_MAX
    at, found = 8, set()
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        found.add(kind)
        at += length + 12
    assert found == TOLD


def test_all_pictures_together_are_small() -> None:
    assert sum(one.stat().st_size for one in IMAGES.rglob("*.*")) <= ALL_BYTES_MAX
