"""Where a run keeps what it knows."""

from pathlib import Path

ROOM = Path(__file__).parent
CORPUS = ROOM / "corpus"
"""A part of each target's corpus, small enough to be committed: every fast test runs it."""

REGRESSIONS = ROOM / "regressions"
"""Inputs that broke something once. They stay."""

FINDINGS = ROOM / "findings"
"""What runs found, to be looked at: an input and its traceback each. Not committed."""

WORK = ROOM / ".work"
"""The whole corpora, between runs. Not committed."""

STATE = ROOM / "state"
"""What was run of each target, added up over runs."""

KNOWN = ROOM / "findings.toml"
"""What became of each finding, kept by hand."""

REPORT = ROOM.parent / "docs" / "reports" / "fuzz.md"
REPORT_DATA = REPORT.with_suffix(".json")
