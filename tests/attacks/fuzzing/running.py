"""One run: every operation of the committed document, every check, as one caller."""

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.engine import Status, events, from_schema

from tests.attacks.matrix.stages import OPERATOR_TOKEN, Stage
from tests.integration.platform.serving import Server
from valetkey.core.api_key import Scope
from valetkey.platform.api import ENDPOINTS

DOCUMENT = Path(__file__).parents[3] / "spec" / "openapi.json"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
SEED = 1

NUMBERS = {
    "a_fraction": re.compile(r"Expected `int(?: \| null)?`, got `float`"),
    "many_digits": re.compile(
        r"an amount has at most 30 digits|an amount of this currency has at most \d+ decimals"
    ),
}
"""Numbers that a schema of numbers cannot exclude, by what the details of the refusal say. At which operation one
turns up is chance, so that they are explained for all."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a check found at an operation, and the code of the answer; the status when it has none, and one of NUMBERS
    when a body was refused for such a number."""

    operation: str
    check: str
    code: str


@dataclass
class Run:
    """What came of it."""

    caller: str
    cases: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    findings: dict[Finding, str] = field(default_factory=dict)
    """With the request and the answer of one of them."""
    asked: set[str] = field(default_factory=set)
    """Operations that were called."""
    succeeded: set[str] = field(default_factory=set)
    """Operations that were answered with a success."""
    errors: list[str] = field(default_factory=list)
    """What the tool itself could not do."""


def callers(stage: Stage) -> dict[str, str | None]:
    """Who calls, by name."""
    return {
        "owner": stage.owner.credential,
        "reader": stage.scoped(Scope.READ),
        "session": stage.session.credential,
        "operator": OPERATOR_TOKEN,
        "nobody": None,
    }


def document_of(stage: Stage) -> Any:
    """The committed document, in which ids are those of real things: any other one is an id that must be refused."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for endpoint in ENDPOINTS:
        for parameter in document["paths"][endpoint.path][endpoint.method.lower()]["parameters"]:
            if parameter["in"] == "path":
                at = endpoint.path.split("/").index(f"{{{parameter['name']}}}")
                known = stage.path(endpoint).split("/")[at]
                if endpoint.method == "DELETE" and "/session/" in endpoint.path:
                    # The one that calls, and made everything else, lives on.
                    known = stage.sibling.session_id
                parameter["schema"] = {"type": "string", "enum": [known]}
    return document


def play(server: Server, caller: str, *, phases: tuple[str, ...], examples: int) -> Run:
    """Run it as this caller, on a stage of its own."""
    stage = Stage(server)
    stage.made_before()
    _ = stage.recovery
    credential = callers(stage)[caller]
    config: dict[str, Any] = {
        "base-url": server.base_url,
        "seed": SEED,
        "continue-on-failure": True,
        "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
        "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        "checks": {"enabled": True},
    }
    if credential is not None:
        config["headers"] = {"X-API-Key": credential}
    schema = schemathesis.openapi.from_dict(
        copy.deepcopy(document_of(stage)), config=schemathesis.Config.from_dict(config)
    )
    run = Run(caller)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _take(run, event.recorder)
        elif isinstance(event, events.NonFatalError):
            run.errors.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return run


def _take(run: Run, recorder: Any) -> None:
    run.cases += len(recorder.interactions)
    for case_id, told in recorder.interactions.items():
        operation = recorder.cases[case_id].value.operation.label
        run.asked.add(operation)
        if told.response is not None and told.response.status_code < 300:
            run.succeeded.add(operation)
    for finding, what in _found(run, recorder):
        run.findings.setdefault(finding, what)


def _found(run: Run, recorder: Any) -> Iterator[tuple[Finding, str]]:
    for case_id, nodes in recorder.checks.items():
        operation = recorder.cases[case_id].value.operation.label
        for node in nodes:
            run.checks[node.name] += 1
            if node.status is Status.SUCCESS:
                continue
            told = recorder.interactions.get(case_id)
            answer = None if told is None else told.response
            sent = (
                "" if told is None else f"{told.request.method} {told.request.uri} {told.request.body!r:.300}"
            )
            text = b"" if answer is None else answer.content
            why = node.failure_info.failure.message if node.failure_info else ""
            yield Finding(operation, node.name, _code(answer)), f"{sent}\n{text!r:.300}\n{why:.300}"


def _code(answer: Any) -> str:
    if answer is None:
        return "none"
    try:
        told = json.loads(answer.content)
        code = str(told["code"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
    messages = [str(one.get("message")) for one in told.get("details") or [] if isinstance(one, dict)]
    named = (
        name for name, said in NUMBERS.items() if messages and all(said.fullmatch(one) for one in messages)
    )
    return next(named, code)
