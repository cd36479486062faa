"""Paying over HTTP: the client of a session against the official server and facilitator, on a real chain."""

import asyncio
import io
import logging
import signal
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures_stack import RunningStack
from tests.fixtures_x402 import X402Lab
from tests.x402.faults import FaultyProxy, fail, lose
from tests.x402.resources import METERED, OfficialSeller
from tests.x402.victim import Victim, open_session
from valetkey import AsyncBuyerAgent, BuyerAgent
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.sdk._sync import x402_payer
from valetkey.sdk.errors import (
    ApprovalRequired,
    BodyNotReplayable,
    BudgetExceeded,
    HostNotAllowed,
    InsufficientFunds,
    NotConfigured,
    OfferAboveMax,
    PayeeChanged,
    PaymentNotAccepted,
)

CENT = 10_000


def until(what: Any, wanted: Any, seconds: float = 90.0) -> None:
    # What was looked at before its block was final is looked at again after the lease, which is 30 seconds.
    ends = time.monotonic() + seconds
    while what() != wanted and time.monotonic() < ends:
        time.sleep(0.2)
    assert what() == wanted


def test_a_session_pays_and_the_chain_proves_it(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim
) -> None:
    with victim.agent.http() as http:
        assert http.get(f"{x402_seller.url}/free").json() == {"free": "yes"}
        answer = http.get(f"{x402_seller.url}/weather")
        assert answer.json() == {"weather": "sunny"}
        assert http.post(f"{x402_seller.url}/jobs", json={"n": 1}).json() == {"done": {"n": 1}}
    told = answer.extensions["valetkey.spend"]
    hold = victim.agent.get_spend(told["spend_id"])
    assert (hold.view.operation, hold.view.payee) == ("x402", x402_seller.pay_to.lower())
    assert hold.view.note == f"GET {x402_seller.url.removeprefix('http://')}/weather"
    assert hold.view.reference == told["reference"]
    assert told["reference"].startswith(
        f"eip3009:{x402_lab.asset.address.lower()}:{victim.wallet.lower()}:0x"
    )
    # Nobody told the platform: its reconciler read it from the chain.
    until(victim.states, ["captured", "captured"])
    assert x402_lab.payments_of(victim.wallet) == [CENT, 50_000]
    assert victim.moved() == victim.counted() == 60_000


def test_an_owner_s_session_and_the_async_client(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim, tmp_path: Path
) -> None:
    with victim.session.http(max_amount="0.01", hosts=["127.0.0.1"]) as http:
        assert http.get(f"{x402_seller.url}/weather").status_code == 200
        with pytest.raises(OfferAboveMax) as told:
            http.post(f"{x402_seller.url}/jobs", json={})
        assert told.value.reasons[0].limit == "0.01"

    async def ask() -> int:
        async with AsyncBuyerAgent(base_url=victim.stack.base_url, state_dir=tmp_path / "async") as agent:
            await agent.init_with_session(victim.session.serialize())
            async with agent.http() as http:
                answers = await asyncio.gather(*(http.get(f"{x402_seller.url}/weather") for _ in range(3)))
        return sum(one.status_code == 200 for one in answers)

    assert asyncio.run(ask()) == 3
    assert x402_lab.payments_of(victim.wallet) == [CENT] * 4


def test_over_budget_is_refused_before_anything_is_signed(
    x402_seller: OfficialSeller, stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path
) -> None:
    poor = open_session(stack, x402_owner, tmp_path / "poor", budget_usdc="0.005", per_spend_usdc=None)
    signer, signed = poor.agent._need_signer(), []
    poor.agent._signer = type(
        "Watched",
        (),
        {
            "address": signer.address,
            "sign_typed_data": lambda _, data: signed.append(data) or signer.sign_typed_data(data),
            "sign_message": signer.sign_message,
            "sign_transaction": signer.sign_transaction,
        },
    )()
    with poor.agent.http() as http, pytest.raises(BudgetExceeded) as told:
        http.get(f"{x402_seller.url}/weather")
    assert (told.value.remaining, signed) == ("0.005", [])
    assert (poor.moved(), poor.counted(), poor.states()) == (0, 0, [])
    assert x402_seller.served["/weather"] == 0
    poor.close()


def test_NO_OVERSPEND_of_fifty_payments_at_once_with_money_for_twenty(
    x402_lab: X402Lab,
    x402_seller: OfficialSeller,
    stack: RunningStack,
    x402_owner: BuyerAgent,
    tmp_path: Path,
) -> None:
    crowd = open_session(stack, x402_owner, tmp_path / "crowd", budget_usdc="0.20", per_spend_usdc=None)

    async def ask() -> list[Any]:
        async with AsyncBuyerAgent(base_url=stack.base_url, state_dir=tmp_path / "crowd") as agent:
            await agent.init_with_session(crowd.session.serialize())
            async with agent.http(timeout=120) as http:
                asked = [http.get(f"{x402_seller.url}/weather") for _ in range(50)]
                return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    kinds = Counter(type(one).__name__ for one in answers)
    assert kinds == {"Response": 20, "BudgetExceeded": 30}, answers
    assert all(one.status_code == 200 for one in answers if isinstance(one, httpx.Response))
    assert x402_lab.payments_of(crowd.wallet) == [CENT] * 20
    assert x402_seller.served["/weather"] == 20
    assert crowd.moved() == crowd.counted() == 20 * CENT
    crowd.close()


@pytest.mark.parametrize("fault", [lose, fail])
def test_an_answer_lost_on_the_wire_is_paid_once(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim, fault: Any
) -> None:
    with FaultyProxy(x402_seller.url, fault) as proxy:
        first = victim.get(f"{proxy.url}/weather")
        assert isinstance(first, httpx.HTTPError) or first.status_code == 500  # type: ignore[union-attr]
        # Another process of the same delegate, with the same state folder.
        again = BuyerAgent(base_url=victim.stack.base_url, state_dir=victim.agent._state.home)
        again.init_with_session(victim.session.serialize())
        with again.http() as http, pytest.raises(PaymentNotAccepted) as told:
            http.get(f"{proxy.url}/weather")
        again.close()
        assert len(proxy.paid) == 2
        assert len(set(proxy.paid)) == 1
    (spend,) = list(victim.agent.iter_spends())
    assert spend.spend_id in told.value.reasons[0].hint
    assert x402_lab.payments_of(victim.wallet) == [CENT]
    until(victim.states, ["captured"])
    assert victim.moved() == victim.counted() == CENT


KILLED = """
import os, signal, sys
from valetkey import BuyerAgent
from valetkey.sdk._sync import holds
from valetkey.sdk.x402 import notes

base_url, home, bundle, url, moment = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

agent = BuyerAgent(base_url=base_url, state_dir=home)
agent.init_with_session(bundle)
if moment == "held":
    agent.top_up = die
    type(agent)._need_signer = die
elif moment == "kept":
    holds.Hold.mark_signed = die
elif moment == "sent":
    from valetkey.sdk._sync import x402_payer
    x402_payer.with_payment = die
elif moment == "answered":
    notes.Notes.finish = die
print(agent.http().get(url).status_code)
"""


@pytest.mark.parametrize("moment", ["held", "kept", "sent", "answered"])
def test_IDEMPOTENT_a_payer_killed_at_any_step_pays_once(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim, moment: str
) -> None:
    url = f"{x402_seller.url}/weather"
    home = str(victim.agent._state.home)
    arguments = [victim.stack.base_url, home, victim.session.serialize(), url, moment]
    died = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr
    answer = victim.get(url)
    if moment == "answered":
        # It was paid and served; what is presented again is used up.
        assert isinstance(answer, PaymentNotAccepted)
    else:
        assert isinstance(answer, httpx.Response), answer
        assert answer.status_code == 200
    assert x402_lab.payments_of(victim.wallet) == [CENT]
    until(victim.states, ["captured"])
    assert victim.moved() == victim.counted() == CENT


def test_a_request_with_a_key_of_its_own_is_paid_once_for_ever(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim, tmp_path: Path
) -> None:
    url, key = f"{x402_seller.url}/weather", {"Idempotency-Key": "order-7"}
    assert victim.get(url, headers=key).status_code == 200  # type: ignore[union-attr]
    assert isinstance(victim.get(url, headers=key), PaymentNotAccepted)
    # On another machine the bytes are not there, and no others are signed.
    far = BuyerAgent(base_url=victim.stack.base_url, state_dir=tmp_path / "far")
    far.init_with_session(victim.session.serialize())
    with far.http() as http, pytest.raises(ValetkeyError) as told:
        http.get(url, headers=key)
    assert told.value.code in ("payment_signed_elsewhere", "hold_ended")
    far.close()
    assert x402_lab.payments_of(victim.wallet) == [CENT]
    assert victim.get(url, headers={"Idempotency-Key": "order-8"}).status_code == 200  # type: ignore[union-attr]


def test_permit2_and_upto_capture_what_moved(
    x402_lab: X402Lab, x402_seller: OfficialSeller, victim: Victim
) -> None:
    assert isinstance(victim.get(f"{x402_seller.url}/permit2"), InsufficientFunds)
    assert victim.counted() == 0
    x402_lab.permit2(victim.session.bundle.wallet_private_key)
    assert victim.get(f"{x402_seller.url}/permit2").status_code == 200  # type: ignore[union-attr]
    assert victim.get(f"{x402_seller.url}/meter").json() == {"used": METERED}  # type: ignore[union-attr]
    until(victim.states, ["voided", "captured", "captured"])
    assert victim.moved() == victim.counted() == 20_000 + METERED


def test_what_an_owner_has_to_approve_is_paid_afterwards(
    x402_seller: OfficialSeller, stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path
) -> None:
    asked = open_session(stack, x402_owner, tmp_path / "asked", approval_above_usdc="0.001")
    answer = asked.get(f"{x402_seller.url}/weather")
    assert isinstance(answer, ApprovalRequired)
    assert answer.approval_id is not None
    x402_owner.approve(answer.approval_id)
    assert asked.get(f"{x402_seller.url}/weather").status_code == 200  # type: ignore[union-attr]
    assert len(asked.states()) == 1
    asked.close()


def test_what_a_client_may_not(x402_seller: OfficialSeller, victim: Victim) -> None:
    url = f"{x402_seller.url}/jobs"
    with victim.agent.http(hosts=["api.example.com", "*.example.org:8443"]) as http:
        with pytest.raises(HostNotAllowed):
            http.post(url, json={})
    with victim.agent.http() as http:
        with pytest.raises(BodyNotReplayable):
            http.post(url, content=iter([b"{}"]))
        with pytest.raises(InvalidInput, match="payment header"):
            http.get(url, headers={"X-PAYMENT": "mine"})
    for wrong in (
        {"mounts": {}},
        {"proxy": "http://127.0.0.1:1"},
        {"hosts": "api.example.com"},
        {"hosts": ["a b"]},
    ):
        with pytest.raises(InvalidInput):
            victim.agent.http(**wrong)
    with pytest.raises(NotConfigured):
        victim.owner.http()
    assert victim.states() == []


def test_a_host_that_changes_its_payee(
    victim: Victim, hostile: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A logger that no earlier test of this process has told anything.
    told, warned = logging.Logger("told"), io.StringIO()
    told.addHandler(logging.StreamHandler(warned))
    monkeypatch.setattr(x402_payer, "_log", told)
    seller, others = hostile(), iter([hostile().pay_to, hostile().pay_to, hostile().pay_to])
    seller.behaviour = lambda asked: (
        seller.asks(seller.offer(payTo=next(others))) if asked.payment is None else _ok()
    )
    assert victim.get(f"{seller.url}/a").status_code == 200  # type: ignore[union-attr]
    with caplog.at_level(logging.DEBUG):
        assert victim.get(f"{seller.url}/b").status_code == 200  # type: ignore[union-attr]
    assert "wants" in warned.getvalue()
    assert not any(header in caplog.text + warned.getvalue() for header in seller.payment_headers)
    with victim.agent.http(pin_payees=True) as http, pytest.raises(PayeeChanged):
        http.get(f"{seller.url}/c")


def _ok() -> Any:
    from tests.x402.hostile import Reply

    return Reply()


def test_a_wallet_that_is_empty_holds_nothing(
    x402_seller: OfficialSeller, x402_owner: BuyerAgent, stack: RunningStack, tmp_path: Path
) -> None:
    session = x402_owner.create_session(budget_usdc=1, expiry=3_600)
    with session.http() as http, pytest.raises(InsufficientFunds):
        http.get(f"{x402_seller.url}/weather")
    (shown,) = [one for one in x402_owner.sessions() if one.session_id == session.session_id]
    assert Decimal(shown.held_usdc) == 0


def test_a_session_with_a_grant_draws_what_it_pays(
    x402_lab: X402Lab, x402_seller: OfficialSeller, stack: RunningStack, tmp_path: Path
) -> None:
    key = stack.wallet(10 * 10**6)
    owner = BuyerAgent.register(
        key, f"granting-{tmp_path.name}", base_url=stack.base_url, state_dir=tmp_path / "owner"
    )
    owner.init_eoa_wallet(key)
    session = owner.create_session(budget_usdc="0.02", expiry=3_600, funding="grant")
    agent = BuyerAgent(base_url=stack.base_url, state_dir=tmp_path / "granted")
    agent.init_with_session(session.serialize())
    with agent.http() as http:
        assert [http.get(f"{x402_seller.url}/weather").status_code for _ in range(2)] == [200, 200]
        with pytest.raises(BudgetExceeded):
            http.get(f"{x402_seller.url}/weather")
    assert x402_lab.payments_of(session.wallet_address) == [CENT, CENT]
    assert x402_lab.units(session.wallet_address) == 0
    assert x402_lab.units(key.address) == 10 * 10**6 - 2 * CENT
    agent.close()
    owner.close()
