"""What is told of a whole run, docs/reports/schemathesis.md: written by `make schemathesis`."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.attacks.fuzzing.explained import EVERY, explained
from tests.attacks.fuzzing.running import Finding, Run

PAGE = Path(__file__).parents[3] / "docs" / "reports" / "schemathesis.md"
PLAN = (
    ("owner", ("coverage", "fuzzing", "stateful"), 10),
    ("session", ("coverage",), 1),
    ("reader", ("coverage",), 1),
    ("operator", ("coverage",), 1),
    ("nobody", ("coverage",), 1),
)
"""Who calls, in which phases, with how many examples of each operation."""

HEAD = """\
# Schemathesis

`make schemathesis` runs it over every operation of `spec/openapi.json`, with every check that it has, against a
platform that has a session, spends, purchases, services, keys, claims and alerts, and as several callers. An id in the
document is then that of a real thing, and every other one is to be refused. A finding is mended, or it is
[explained](explained.md); one that is neither, and an explanation of what is not found any more, fails. A shorter run
of the same is among the tests.
"""


def unexplained(runs: list[Run]) -> dict[Finding, str]:
    """What was found and is in no table."""
    known = explained()
    return {
        one: what
        for run in runs
        for one, what in run.findings.items()
        if one not in known and replace(one, operation=EVERY) not in known
    }


def outdated(runs: list[Run]) -> list[str]:
    """Explanations of what is not found any more: of a row with several codes, one is enough."""
    found = {(one.operation, one.check, one.code) for run in runs for one in run.findings}
    found |= {(EVERY, check, code) for _, check, code in found}
    rows: dict[tuple[str, str, str], set[str]] = {}
    for one, why in explained().items():
        rows.setdefault((one.operation, one.check, why), set()).add(one.code)
    return [
        f"{operation} {check}"
        for (operation, check, _), codes in rows.items()
        if not any((operation, check, code) in found for code in codes)
    ]


def render(runs: list[Run], version: str) -> str:
    """The page."""
    everywhere = set().union(*(run.asked for run in runs))
    succeeded = set().union(*(run.succeeded for run in runs))
    findings = {one for run in runs for one in run.findings}
    never = sorted(everywhere - succeeded)
    checks = sum((run.checks for run in runs), Counter[str]())
    lines = [
        HEAD,
        "## The last run\n",
        f"Version {version} of the tool.\n",
        "| caller | phases | operations | cases | checks | findings | explained |",
        "|---|---|---|---|---|---|---|",
    ]
    phases = {caller: ", ".join(names) for caller, names, _ in PLAN}
    for run in runs:
        known = len(run.findings) - len(unexplained([run]))
        lines.append(
            f"| {run.caller} | {phases[run.caller]} | {len(run.asked)} | {run.cases} | {run.checks.total()} |"
            f" {len(run.findings)} | {known} |"
        )
    known = len(findings) - len(unexplained(runs))
    lines.append(
        f"| all | | {len(everywhere)} | {sum(run.cases for run in runs)} | {checks.total()} |"
        f" {len(findings)} | {known} |\n"
    )
    lines += [
        "| check | times |",
        "|---|---|",
        *(f"| `{name}` | {checks[name]} |" for name in sorted(checks)),
        "",
    ]
    lines += [
        f"{len(succeeded)} of {len(everywhere)} operations were answered with a success. These were not:\n"
    ]
    lines += [*(f"- `{one}`" for one in never), ""]
    return "\n".join(lines)
