"""Schemathesis finds nothing at any operation that is not explained in docs/reports/explained.md."""

import pytest

from tests.attacks.fuzzing.explained import EVERY, explained
from tests.attacks.fuzzing.report import PLAN, outdated, unexplained
from tests.attacks.fuzzing.running import play
from tests.attacks.matrix.served import ENVIRONMENT
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Server
from valetkey.platform.api import ENDPOINTS

LABELS = {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}


def told(found: dict[object, str]) -> str:
    return "\n\n".join(f"{one}\n{what}" for one, what in found.items())


def test_a_short_run_finds_nothing_that_is_not_explained(start: Start) -> None:
    run = play(start(**ENVIRONMENT), "owner", phases=("fuzzing",), examples=1)
    assert run.asked == LABELS
    assert run.errors == []
    assert len(run.checks) >= 12
    assert not unexplained([run]), told({**unexplained([run])})


def test_what_is_explained_is_about_operations_that_exist() -> None:
    assert {one.operation for one in explained()} <= {*LABELS, EVERY}
    assert all(len(why) > 20 for why in explained().values())


@pytest.mark.slow
def test_a_whole_run_finds_what_is_explained_and_nothing_else(start: Start) -> None:
    """What `make schemathesis` does, without its page."""
    server = start(**ENVIRONMENT)
    runs = [play(server, caller, phases=phases, examples=examples) for caller, phases, examples in PLAN]
    assert [problem for run in runs for problem in run.errors] == []
    assert not unexplained(runs), told({**unexplained(runs)})
    assert outdated(runs) == []


@pytest.mark.parametrize("chain", [2**53 + 1, 2**63, 2**64, 10**30])
def test_a_chain_that_no_number_of_javascript_is_gets_into_no_policy(server: Server, chain: int) -> None:
    """Found by it: whoever reads a policy back would read another chain."""
    owner = server.register()
    rules = {"budgetUsdc": 1, "allowedChains": [chain]}
    for path, body in (
        ("/policies/diff", {"a": rules, "b": rules}),
        ("/agents/session", {**rules, "expiry": 60}),
    ):
        answer = owner.ask("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
