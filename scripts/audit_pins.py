"""`make audit`: what is pinned for those who install Valetkey, under which licences, and what is known against it.

Licences are read from what is installed, and written to docs/reference/licences.md. Advisories are asked for over the
network and kept in docs/reference/advisories.json, so that a check of them needs none.
Usage: python scripts/audit_pins.py [--offline]
"""

import importlib.metadata
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "reference" / "licences.md"
ADVISORIES = ROOT / "docs" / "reference" / "advisories.json"
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)

READ_BY_HAND = {
    "apsw": ("Zlib", "its LICENSE, which its metadata calls any-OSI"),
    "docutils": (
        "BSD-2-Clause",
        "its COPYING: the GPL is that of one file for an editor, which no wheel has",
    ),
    "jsonalias": ("MIT", "the pyproject.toml of its repository; what is installed says nothing"),
    "pyrage": ("MIT", "its LICENSE; its metadata says nothing"),
    "solders": ("Apache-2.0", "its LICENSE; its metadata says nothing"),
}
"""What metadata does not say, or not clearly, and where it was read."""

SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD, Public Domain": "BSD-2-Clause AND Unlicense",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
PERMITTED = frozenset(
    {
        *(
            "0BSD",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "CNRI-Python",
            "ISC",
            "MIT",
            "MIT-0",
            "MPL-2.0",
        ),
        *("PSF-2.0", "Unlicense", "Zlib"),
    }
)
"""Nothing stronger than MPL-2.0, whose copyleft ends with the file."""

HEAD = """\
# What is installed with Valetkey, and under which licences

`make audit` writes this page from `requirements.lock`, which has what `valetkey[all]` brings along. Nothing in it is
stronger than MPL-2.0: no GPL, LGPL, AGPL or SSPL. `tests/tidy/test_pins.py` compares the page with the lock. What only
developers install, `requirements-dev.lock`, is not shipped and not listed.
"""


@dataclass(frozen=True)
class Pin:
    """One line of the lock."""

    name: str
    version: str


def pins(text: str) -> list[Pin]:
    """What a lock file pins."""
    return [Pin(name.lower(), version) for name, version in PIN.findall(text)]


def licence_of(name: str) -> tuple[str, str]:
    """The licence of an installed package as an SPDX expression, and where it was read. Raises PackageNotFoundError."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    told = importlib.metadata.metadata(name)
    expression = told.get("License-Expression")
    if expression:
        return expression, "metadata"
    line = (told.get("License") or "").strip().partition("\n")[0]
    if line:
        return SPDX.get(line, line), "metadata"
    found = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    return " OR ".join(SPDX.get(one, one) for one in found), "classifiers"


def is_permitted(expression: str) -> bool:
    """Whether whoever ships it has to do no more than MPL-2.0 asks: of an OR one side is enough."""
    return any(
        all(word.strip(" ()") in PERMITTED for word in side.split(" AND "))
        for side in re.sub(r"\(([^()]*)\)", lambda found: found[1].split(" OR ")[0], expression).split(" OR ")
    )


def page(found: list[Pin]) -> str:
    """The page of licences, and of the last look for advisories."""
    rows = [f"| {pin.name} | {pin.version} | {' | '.join(licence_of(pin.name))} |" for pin in found]
    told = advisories()
    lines = [
        HEAD,
        "| package | version | licence | read from |",
        "|---|---|---|---|",
        *rows,
        "",
        "## Advisories",
        "",
    ]
    if told["asked"] is None:
        lines.append(
            "Nobody asked yet: an index of packages that knows advisories could not be reached where this was made.\n"
            "`make audit` asks with `pip-audit` and keeps the answers in `advisories.json`, beside this page. From\n"
            "then on tests fail when the answers are of other pins, or name an advisory that is not in its\n"
            "`ignored`, with a reason."
        )
    else:
        lines += [f"Asked on {told['asked']}: {len(told['advisories'])} about these pins.", ""]
        lines += [f"- `{one['id']}` {one['package']} {one['version']}: {told['ignored'].get(one['id'], 'open')}"
                  for one in told["advisories"]]  # fmt: skip
    return "\n".join([*lines, ""])


def advisories() -> dict[str, Any]:
    """The kept answers: when they were asked for, of which pins, what is known, what is ignored and why."""
    told: dict[str, Any] = json.loads(ADVISORIES.read_text(encoding="utf-8"))
    return told


def asked(answer: dict[str, Any], found: list[Pin], ignored: dict[str, str]) -> dict[str, Any] | None:
    """What pip-audit answered, as it is kept; None when it could not look every pin up."""
    dependencies = answer["dependencies"]
    looked = {one["name"].lower() for one in dependencies if "skip_reason" not in one}
    if looked < {pin.name for pin in found}:
        return None
    known = [
        {
            "id": one["id"],
            "package": each["name"].lower(),
            "version": each["version"],
            "fixed": one["fix_versions"],
        }
        for each in dependencies
        for one in each.get("vulns", [])
    ]
    return {
        "asked": datetime.now(UTC).date().isoformat(),
        "pins": {pin.name: pin.version for pin in found},
        "advisories": sorted(known, key=lambda one: (one["package"], one["id"])),
        "ignored": ignored,
    }


def ask(found: list[Pin]) -> dict[str, Any] | None:
    """Ask pip-audit about every pin; None when no index that knows advisories answers."""
    command = [
        str(Path(sys.executable).parent / "pip-audit"),
        "--disable-pip",
        "--no-deps",
        "--format",
        "json",
    ]
    done = subprocess.run(
        [*command, "--progress-spinner", "off", "-r", str(LOCK)], capture_output=True, text=True, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return None
    return asked(answer, found, advisories()["ignored"])


def problems(found: list[Pin], told: dict[str, Any]) -> list[str]:
    """What is wrong with the pins: a licence that is too strong, answers of other pins, an open advisory."""
    wrong = [
        f"{pin.name}: {licence_of(pin.name)[0]}" for pin in found if not is_permitted(licence_of(pin.name)[0])
    ]
    if told["asked"] is not None:
        if told["pins"] != {pin.name: pin.version for pin in found}:
            wrong.append("the advisories are of other pins: run make audit")
        wrong += [
            f"{one['package']}: {one['id']}" for one in told["advisories"] if one["id"] not in told["ignored"]
        ]
        wrong += [
            f"{one} is ignored without a reason" for one, why in told["ignored"].items() if len(why) < 20
        ]
    return wrong


def main(arguments: list[str]) -> int:
    """Ask, write the page, and tell what is wrong."""
    found = pins(LOCK.read_text(encoding="utf-8"))
    if "--offline" not in arguments:
        answer = ask(found)
        if answer is None:
            print(
                "no index of packages that knows advisories could be reached: what was known before is kept"
            )
        else:
            ADVISORIES.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    wrong = problems(found, advisories())
    print("\n".join([*wrong, str(PAGE.relative_to(ROOT))]))
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
