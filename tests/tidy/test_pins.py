"""What is pinned for those who install Valetkey: its licences as the page tells them, and nothing open against it."""

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_pins", ROOT / "scripts" / "audit_pins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def listed(audit: ModuleType) -> list[tuple[str, str, str]]:
    rows = re.findall(
        r"^\| ([a-z0-9._-]+) \| (\S+) \| (.+?) \| .+ \|$", audit.PAGE.read_text("utf-8"), re.MULTILINE
    )
    return [(name, version, licence) for name, version, licence in rows if name != "package"]


def test_the_page_has_what_the_lock_pins(audit: ModuleType) -> None:
    found = audit.pins(audit.LOCK.read_text("utf-8"))
    assert len(found) > 100
    assert [(name, version) for name, version, _ in listed(audit)] == [
        (pin.name, pin.version) for pin in found
    ]


def test_the_page_tells_the_licence_of_what_is_installed(audit: ModuleType) -> None:
    """Another system has other packages: of those that are here every one is compared."""
    compared = 0
    for name, version, licence in listed(audit):
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed == version:
            assert audit.licence_of(name)[0] == licence, name
            compared += 1
    assert compared > 100


def test_nothing_that_is_shipped_is_stronger_than_mpl(audit: ModuleType) -> None:
    assert [row for row in listed(audit) if not audit.is_permitted(row[2])] == []


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND LGPL-2.1-only", False),
        ("AGPL-3.0-only", False),
        ("SSPL-1.0", False),
        ("", False),
    ],
)
def test_what_is_permitted(audit: ModuleType, expression: str, permitted: bool) -> None:
    assert audit.is_permitted(expression) is permitted


def test_what_is_kept_of_advisories_is_of_these_pins_and_nothing_is_open(audit: ModuleType) -> None:
    assert audit.problems(audit.pins(audit.LOCK.read_text("utf-8")), audit.advisories()) == []


def test_an_advisory_that_nobody_gave_a_reason_for_is_told(audit: ModuleType) -> None:
    pins = [audit.Pin("mcp", "1.0")]
    answer = {
        "dependencies": [{"name": "mcp", "version": "1.0", "vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}]
    }
    told = audit.asked(answer, pins, {})
    assert audit.problems(pins, told) == ["mcp: X-1"]
    told["ignored"] = {"X-1": "only whoever parses tarballs, which nobody here does"}
    assert audit.problems(pins, told) == []
    assert audit.problems([audit.Pin("mcp", "1.1")], told) == [
        "the advisories are of other pins: run make audit"
    ]


def test_an_index_that_knows_nothing_is_no_answer(audit: ModuleType) -> None:
    pins = [audit.Pin("mcp", "1.0")]
    skipped = {"dependencies": [{"name": "mcp", "skip_reason": "Dependency not found"}]}
    assert audit.asked(skipped, pins, {}) is None
