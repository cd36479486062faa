"""The dry run of a new session, against what several sessions really spent."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.limits import Limit, Rules
from valetkey.studio.pages.new_session_review import told
from valetkey.studio.wizard.trying import Trial, dry_run

PAYEE = PrivateKey.generate().address
OTHER = PrivateKey.generate().address


@pytest.fixture
def spent(stack: RunningStack, tmp_path: Path) -> tuple[BuyerAgent, dict[str, str]]:
    """An owner whose three sessions spent USDC and ETH, and were refused, which is nothing that was spent."""
    key = PrivateKey.generate()
    owner = BuyerAgent.register(
        key, f"tried-{key.address[2:14]}", base_url=stack.base_url, state_dir=tmp_path / "owner"
    )
    ids = {}
    for name, amounts in {"a": ("1", "2", "7"), "b": ("3",), "c": ("0.5",)}.items():
        session = owner.create_session(
            budget_usdc=10, expiry=3_600, delegate=f"agent {name}", limits={"ETH": "1"}
        )
        ids[name] = session.session_id
        with BuyerAgent(base_url=stack.base_url, state_dir=tmp_path / name) as agent:
            agent.init_with_session(session.serialize())
            for amount in amounts:
                agent.spend(amount, payee=PAYEE if name != "c" else OTHER).void()
            if name == "b":
                agent.spend("0.2", currency="ETH", payee=PAYEE)
            assert not agent.check_spend("11", payee=PAYEE).allowed
    return owner, ids


def trial(owner: BuyerAgent, folder: Path, rules: Rules, delegate: str | None = None) -> Trial:
    async def tried() -> Trial:
        assert owner.api_key is not None
        async with AsyncBuyerAgent(owner.api_key, base_url=owner._base_url, state_dir=folder) as agent:
            return await dry_run(agent, rules, delegate, int(time.time()))

    return asyncio.run(tried())


def test_last_week_s_spends_of_several_sessions_are_tried(
    spent: tuple[BuyerAgent, dict[str, str]], tmp_path: Path
) -> None:
    owner, ids = spent
    every = trial(owner, tmp_path, Rules(budget=None, limits={"ETH": None}))
    assert (every.passed, every.refused, every.of) == (6, 0, None)
    assert told(every) == "With this policy, last week's spends: 6 pass, 0 refused."
    narrow = trial(owner, tmp_path, Rules(budget="100", per_spend="2", payees=[PAYEE], approval_above="1.5"))
    assert (narrow.passed, narrow.waiting, narrow.refused) == (2, 1, 4)
    assert dict(narrow.why) == {"per_spend_exceeded": 2, "no_limit_for_asset": 1, "payee_not_allowed": 1}
    assert narrow.why[0] == ("per_spend_exceeded", 2), "the most frequent one is first"
    assert [(one.session_id, one.amount, one.currency) for one in narrow.which] == [
        (ids["c"], "0.5", "USDC"),
        (ids["b"], "0.2", "ETH"),
        (ids["b"], "3", "USDC"),
        (ids["a"], "7", "USDC"),
    ]
    assert told(narrow) == (
        "With this policy, last week's spends: 2 pass, 1 of them after your approval, 4 refused."
    )
    # An agent that spent something is tried by its own spends, another one by all.
    own = trial(owner, tmp_path, Rules(budget="100", per_spend="2"), "agent a")
    assert (own.passed, own.refused, own.of) == (2, 1, "agent a")
    strange = trial(owner, tmp_path, Rules(budget="100", limits={"ETH": Limit("0.1")}), "nobody yet")
    assert (strange.passed, strange.refused, strange.of) == (5, 1, None)
    owner.close()
