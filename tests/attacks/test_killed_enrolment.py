"""A delegate that is killed between any two steps of its enrolment goes on from its state folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.enrolled import API, RULES, Recorded
from tests.attacks.test_theft_of_enrolment import Running
from tests.integration.platform.conftest import Start
from valetkey import BuyerAgent

IS_TOLD: dict[str, Callable[[Recorded], bool]] = {
    "the keys are registered": lambda one: one.path == f"{API}/enrollments",
    "it looks for its session": lambda one: (
        one.path.startswith(f"{API}/enrollments/") and b'"used"' in one.answer
    ),
    "it has its token": lambda one: one.path == f"{API}/agents/session/self",
    "it works": lambda one: one.path == f"{API}/spends",
}


@pytest.fixture
def running(start: Start, tmp_path: Path) -> Iterator[Running]:
    one = Running(start(VALETKEY_REGISTRATION_USDC="0"), tmp_path / "home")
    yield one
    one.close()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", IS_TOLD)
def test_killed_at_any_step_it_goes_on(running: Running, step: str, moment: str) -> None:
    server, owner = running.server, running.server.register()
    made: list[str] = []

    def kill(one: Recorded) -> None:
        is_look = one.path.startswith(f"{API}/enrollments/") and bool(made)
        # Before it is answered nobody can tell which look finds the session: the first one after it was made.
        if is_look if (step, moment) == ("it looks for its session", "before") else IS_TOLD[step](one):
            running.process.kill()

    setattr(running.listener, moment, kill)
    if step != "the keys are registered":
        code = running.line()
        made.append(owner.data("POST", f"/enrollments/{code}/session", RULES)["sessionId"])
    assert running.process.wait(30) == -9
    again = BuyerAgent.resume_enrollment(base_url=server.base_url, state_dir=running.home)
    if not made:
        made.append(owner.data("POST", f"/enrollments/{again.code}/session", RULES)["sessionId"])
    with again.wait(30, interval=0.05) as delegate:
        assert delegate.session is not None
        assert delegate.session.session_id == made[0]
        delegate.spend("0.25")
    assert owner.data("GET", "/agents/sessions")["total"] == 1
