"""The site is built without a warning, has every page, and asks nothing of any other host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import valetkey

ROOT = Path(__file__).parents[2]
ASKED = re.compile(r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//([^/"']+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`make site`: a link that leads nowhere, or a page that the navigation does not name, is an error."""
    into = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", into],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return into


def test_every_page_of_docs_is_on_the_site(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 60
    assert not [str(page) for page in pages if not (site / page).exists()]


def test_every_public_name_is_told(site: Path) -> None:
    told = (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert not [name for name in valetkey.__all__ if f'id="valetkey.{name}"' not in told]


def test_nothing_is_asked_of_another_host(site: Path) -> None:
    asked = {
        host for page in site.rglob("*.html") for host in ASKED.findall(page.read_text(encoding="utf-8"))
    }
    assert not asked
