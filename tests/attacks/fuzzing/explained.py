"""What is found and is no fault: the table of docs/reports/explained.md, by operation, check and code."""

import re
from pathlib import Path

from tests.attacks.fuzzing.running import Finding

PAGE = Path(__file__).parents[3] / "docs" / "reports" / "explained.md"
EVERY = "every"
_ROW = re.compile(r"\| (?:`([A-Z]+ /[^`]*)`|every) \| `(\w+)` \| (`\w+`(?:, `\w+`)*) \| (.+) \|")


def explained() -> dict[Finding, str]:
    """Why, for each finding that is known; what holds of all operations is at EVERY."""
    found: dict[Finding, str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = _ROW.fullmatch(line)
        if row:
            operation, check, codes, why = row.groups()
            found |= {Finding(operation or EVERY, check, code): why for code in re.findall(r"\w+", codes)}
    return found
