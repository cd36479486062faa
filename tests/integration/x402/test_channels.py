"""Paying through channels (x402, `batch-settlement`): the client of a session against the official server."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures_stack import RunningStack
from tests.fixtures_x402 import ChannelLab
from tests.integration.x402.test_paying import until
from tests.x402.channels import METERED, ChannelSeller, in_channel
from tests.x402.faults import FaultyProxy, lose
from tests.x402.victim import Victim, open_session
from valetkey import AsyncBuyerAgent, BuyerAgent
from valetkey.core.errors import ValetkeyError
from valetkey.sdk.errors import (
    BudgetExceeded,
    OfferAboveMax,
    OfferChannelRefused,
    OfferSchemeUnknown,
    PaymentNotAccepted,
    PerSpendExceeded,
)

CENT = 10_000


def ask(victim: Victim, url: str, *, deposit: str | None = "0.10", **more: Any) -> httpx.Response | Exception:
    """One answer, or what was raised."""
    with victim.agent.http(max_deposit=deposit, timeout=30) as http:
        try:
            return http.get(url, **more)
        except (ValetkeyError, httpx.HTTPError) as error:
            return error


def paid(answer: httpx.Response | Exception) -> Any:
    assert isinstance(answer, httpx.Response), answer
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def rich(stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path) -> Iterator[Victim]:
    """A session without a limit for one spend, whose budget gets back what comes back."""
    made = open_session(stack, x402_owner, tmp_path / "rich", per_spend_usdc=None, refunds_restore=True)
    yield made
    made.close()


def test_twenty_requests_of_one_deposit(channel_lab: ChannelLab, rich: Victim) -> None:
    seller = channel_lab.sell(least="200000")
    with rich.agent.http(max_deposit="0.20", hosts=["127.0.0.1"]) as http:
        answers = [http.get(f"{seller.url}/quote") for _ in range(20)]
    assert [one.json() for one in answers] == [{"from": "/quote"}] * 20
    (opened,) = channel_lab.facilitator.of(rich.wallet, "deposit")
    assert opened.payload["deposit"]["amount"] == "200000"
    assert len({one.extensions["valetkey.spend"]["spend_id"] for one in answers}) == 1
    assert rich.moved() == rich.counted() == 20 * CENT
    # The money is the seller's once its vouchers are claimed: all twenty by the last one.
    seller.claim()
    assert channel_lab.stack.units(seller.pay_to) == 20 * CENT
    seller.stop()


@pytest.mark.slow
def test_the_chain_proves_a_deposit(channel_seller: ChannelSeller, victim: Victim) -> None:
    paid(ask(victim, f"{channel_seller.url}/quote"))
    # Nobody told the platform: its reconciler read it from the chain.
    until(victim.states, ["captured"], 60)
    assert victim.moved() == victim.counted() == 10 * CENT


def test_the_spend_of_a_deposit_says_what_its_channel_is(
    channel_seller: ChannelSeller, victim: Victim
) -> None:
    paid(ask(victim, f"{channel_seller.url}/quote"))
    (spend,) = list(victim.agent.iter_spends())
    assert (spend.amount, spend.operation) == ("0.1", "x402")
    assert spend.payee == channel_seller.pay_to.lower()
    assert spend.channel is not None
    assert (spend.channel.payer, spend.channel.payer_authorizer) == (victim.wallet, victim.wallet)
    assert in_channel(victim.stack, spend.channel.channel_id) == (10 * CENT, 0)


def test_a_used_up_channel_is_followed_by_another(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    for _ in range(11):
        paid(ask(victim, f"{channel_seller.url}/quote"))
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 2
    assert channel_seller.charged() == 11 * CENT
    assert victim.counted() == 20 * CENT


def test_over_budget_or_limit_is_refused_before_anything_is_signed(
    channel_lab: ChannelLab, stack: RunningStack, x402_owner: BuyerAgent, victim: Victim, tmp_path: Path
) -> None:
    seller = channel_lab.sell(least="150000")
    assert isinstance(ask(victim, f"{seller.url}/quote", deposit="0.20"), PerSpendExceeded)
    poor = open_session(stack, x402_owner, tmp_path / "poor", budget_usdc="0.14", per_spend_usdc=None)
    assert isinstance(ask(poor, f"{seller.url}/quote", deposit="0.20"), BudgetExceeded)
    told = ask(poor, f"{seller.url}/quote", deposit="0.149999")
    assert isinstance(told, OfferAboveMax)
    assert (told.rule, told.limit, told.asked) == ("max_deposit", "0.149999", "0.15")
    for one in (victim, poor):
        assert (one.moved(), one.counted(), one.states()) == (0, 0, [])
    assert seller.served["/quote"] == 0
    poor.close()
    seller.stop()


def test_without_max_deposit_no_channel_is_opened_and_exact_is_paid(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    told = ask(victim, f"{channel_seller.url}/quote", deposit=None)
    assert isinstance(told, OfferSchemeUnknown)
    assert "max_deposit" in (told.hint or "")
    assert victim.states() == []
    assert paid(ask(victim, f"{channel_seller.url}/both", deposit=None)) == {"from": "/both"}
    assert victim.counted() == CENT
    assert paid(ask(victim, f"{channel_seller.url}/both")) == {"from": "/both"}
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert victim.counted() == 11 * CENT


def test_a_session_that_draws_on_its_owner_opens_no_channel(
    channel_seller: ChannelSeller, stack: RunningStack, tmp_path: Path
) -> None:
    key = stack.wallet(10 * 10**6)
    owner = BuyerAgent.register(
        key, f"channels-{tmp_path.name}", base_url=stack.base_url, state_dir=tmp_path / "owner"
    )
    owner.init_eoa_wallet(key)
    session = owner.create_session(budget_usdc="1", expiry=3_600, funding="grant")
    agent = BuyerAgent(base_url=stack.base_url, state_dir=tmp_path / "granted")
    agent.init_with_session(session.serialize())
    with agent.http(max_deposit="0.10") as http, pytest.raises(OfferChannelRefused):
        http.get(f"{channel_seller.url}/quote")
    agent.close()
    owner.close()


def test_what_a_seller_charges_less_is_left_for_later(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    for _ in range(20):
        assert paid(ask(victim, f"{channel_seller.url}/meter")) == {"used": METERED}
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == 20 * METERED


def test_a_seller_that_forgot_the_channel_goes_on_with_it(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    for _ in range(3):
        paid(ask(victim, f"{channel_seller.url}/quote"))
    channel_seller.forget()
    for _ in range(3):
        paid(ask(victim, f"{channel_seller.url}/quote"))
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == 6 * CENT


def test_what_failed_costs_nothing_and_is_tried_again(channel_seller: ChannelSeller, victim: Victim) -> None:
    fails, quote = f"{channel_seller.url}/fails", f"{channel_seller.url}/quote"
    channel_seller.failing = True
    assert getattr(ask(victim, fails), "status_code", 0) == 500
    # The deposit was not brought in: another request carries it.
    assert paid(ask(victim, quote)) == {"from": "/quote"}
    assert getattr(ask(victim, fails), "status_code", 0) == 500
    assert paid(ask(victim, quote)) == {"from": "/quote"}
    channel_seller.failing = False
    assert paid(ask(victim, fails)) == {"from": "/fails"}
    assert paid(ask(victim, quote)) == {"from": "/quote"}
    assert channel_seller.charged() == 4 * CENT
    assert victim.counted() == 10 * CENT


def test_NO_OVERSPEND_of_many_at_once_in_several_processes(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    url, home = f"{channel_seller.url}/quote", str(victim.agent._state.home)

    async def crowd() -> list[Any]:
        async with AsyncBuyerAgent(base_url=victim.stack.base_url, state_dir=home) as agent:
            await agent.init_with_session(victim.session.serialize())
            async with agent.http(max_deposit="0.10", timeout=60) as http:
                asked = [http.get(url) for _ in range(6)]
                return await asyncio.gather(*asked, return_exceptions=True)

    arguments = [victim.stack.base_url, home, victim.session.serialize(), url, "nothing", "4"]
    other = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE)
    answers = asyncio.run(crowd())
    told, _ = other.communicate(timeout=60)
    assert [one.status_code for one in answers] == [200] * 6
    assert told.split() == [b"200"] * 4
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == 10 * CENT
    assert channel_seller.served["/quote"] == 10


KILLED = """
import os, signal, sys
from valetkey import BuyerAgent
from valetkey.sdk._sync import holds, x402_channel_payer, x402_payer
from valetkey.sdk.x402 import channels, notes

base_url, home, bundle, url, moment, times = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

agent = BuyerAgent(base_url=base_url, state_dir=home)
agent.init_with_session(bundle)
if moment == "held":
    x402_channel_payer.make_voucher = die
elif moment == "signed":
    notes.Notes.keep = lambda *given: die() if given[2].voucher else keep(*given)
    keep = notes.Notes.keep
elif moment == "kept":
    holds.Hold.mark_signed = die
elif moment == "counted":
    channels.Channels.keep = lambda *given: die()
elif moment == "vouched":
    kept = channels.Channels.keep
    channels.Channels.keep = lambda *given: kept(*given) if given[2].pending else die()
elif moment == "sent":
    x402_payer.with_payment = die
elif moment == "answered":
    notes.Notes.finish = die
with agent.http(max_deposit="0.10", timeout=60) as http:
    for _ in range(int(times)):
        print(http.get(url).status_code)
"""


def killed(victim: Victim, url: str, moment: str) -> None:
    home = str(victim.agent._state.home)
    arguments = [victim.stack.base_url, home, victim.session.serialize(), url, moment, "1"]
    died = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


SLOW = pytest.mark.slow


@pytest.mark.parametrize("moment", [pytest.param("held", marks=SLOW), "kept", "counted", "sent"])
def test_IDEMPOTENT_a_payer_killed_while_it_opens_a_channel_pays_once(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim, moment: str
) -> None:
    url = f"{channel_seller.url}/quote"
    killed(victim, url, moment)
    assert paid(ask(victim, url)) == {"from": "/quote"}
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == CENT
    assert victim.moved() == victim.counted() == 10 * CENT


def test_IDEMPOTENT_a_payer_killed_after_its_deposit_was_settled_pays_once(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    url = f"{channel_seller.url}/quote"
    killed(victim, url, "answered")
    # It was served: the same payment buys nothing again. Whatever else is asked for goes on with the channel.
    assert isinstance(ask(victim, url), PaymentNotAccepted)
    assert paid(ask(victim, f"{channel_seller.url}/other")) == {"from": "/other"}
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == 2 * CENT
    assert victim.moved() == 10 * CENT


def test_IDEMPOTENT_a_payer_killed_before_its_seller_remembered_the_deposit_pays_once(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim
) -> None:
    url = f"{channel_seller.url}/quote"
    killed(victim, url, "answered")
    channel_seller.forget()
    assert paid(ask(victim, url)) == {"from": "/quote"}
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1
    assert channel_seller.charged() == CENT


@pytest.mark.parametrize(
    "moment",
    [
        *(pytest.param(one, marks=SLOW) for one in ("held", "signed", "counted")),
        "vouched",
        "sent",
        "answered",
    ],
)
def test_IDEMPOTENT_a_payer_killed_at_a_voucher_pays_once(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, victim: Victim, moment: str
) -> None:
    url = f"{channel_seller.url}/quote"
    paid(ask(victim, f"{channel_seller.url}/other"))
    killed(victim, url, moment)
    answer = ask(victim, url)
    if moment == "answered":
        assert isinstance(answer, PaymentNotAccepted)
    else:
        assert paid(answer) == {"from": "/quote"}
    assert channel_seller.charged() == 2 * CENT
    paid(ask(victim, f"{channel_seller.url}/other"))
    assert channel_seller.charged() == 3 * CENT
    assert len(channel_lab.facilitator.of(victim.wallet, "deposit")) == 1


def test_an_answer_lost_on_the_wire_is_paid_once(channel_lab: ChannelLab, victim: Victim) -> None:
    seller = channel_lab.sell()
    with FaultyProxy(seller.url, lose, times=1) as proxy:
        assert isinstance(ask(victim, f"{proxy.url}/quote"), httpx.HTTPError)
        assert isinstance(ask(victim, f"{proxy.url}/quote"), PaymentNotAccepted)
        paid(ask(victim, f"{proxy.url}/other"))
    assert seller.charged() == 2 * CENT
    seller.stop()


def test_REVOKED_IS_DEAD_no_voucher_is_signed_after_a_revoke(
    channel_seller: ChannelSeller, victim: Victim
) -> None:
    paid(ask(victim, f"{channel_seller.url}/quote"))
    victim.owner.revoke_session(victim.session)
    assert isinstance(ask(victim, f"{channel_seller.url}/quote"), ValetkeyError)
    assert channel_seller.charged() == CENT


def test_a_paused_session_signs_no_voucher(channel_seller: ChannelSeller, victim: Victim) -> None:
    paid(ask(victim, f"{channel_seller.url}/quote"))
    victim.owner.pause_session(victim.session)
    told = ask(victim, f"{channel_seller.url}/quote")
    assert getattr(told, "code", None) == "session_paused", told
    victim.owner.resume_session(victim.session)
    paid(ask(victim, f"{channel_seller.url}/quote"))
    assert channel_seller.charged() == 2 * CENT


def test_what_is_left_comes_back_and_is_counted_by_proof(channel_seller: ChannelSeller, rich: Victim) -> None:
    for _ in range(3):
        paid(ask(rich, f"{channel_seller.url}/quote"))
    assert (rich.moved(), rich.counted()) == (10 * CENT, 10 * CENT)
    (closed,) = rich.agent.close_channels()
    assert (closed.state, closed.left, str(closed.deposited)) == ("closed", 0, "0.1")
    assert rich.moved() == 3 * CENT
    until(lambda: str(rich.agent.get_spend(closed.spend_id).view.refunded), "0.07")
    assert rich.counted() == 3 * CENT
    assert rich.agent.close_channels() == []
    # The next one is another channel.
    paid(ask(rich, f"{channel_seller.url}/quote"))
    assert rich.counted() == 13 * CENT


def test_what_was_not_charged_before_its_channel_closed_is_paid_out_of_another(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, rich: Victim
) -> None:
    fails = f"{channel_seller.url}/fails"
    paid(ask(rich, f"{channel_seller.url}/quote"))
    channel_seller.failing = True
    assert getattr(ask(rich, fails), "status_code", 0) == 500
    (closed,) = rich.agent.close_channels()
    assert closed.state == "closed"
    channel_seller.failing = False
    assert paid(ask(rich, fails)) == {"from": "/fails"}
    assert len(channel_lab.facilitator.of(rich.wallet, "deposit")) == 2
    assert rich.moved() == 11 * CENT


def test_a_channel_that_its_seller_emptied_is_followed_by_another(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, rich: Victim
) -> None:
    paid(ask(rich, f"{channel_seller.url}/quote"))
    channel_seller.give_back()
    assert rich.moved() == CENT
    told = ask(rich, f"{channel_seller.url}/quote")
    assert isinstance(told, PaymentNotAccepted)
    assert told.rule == "channel"
    paid(ask(rich, f"{channel_seller.url}/quote"))
    assert len(channel_lab.facilitator.of(rich.wallet, "deposit")) == 2


def test_an_owner_begins_to_take_back_what_its_delegate_left(
    channel_seller: ChannelSeller, rich: Victim
) -> None:
    paid(ask(rich, f"{channel_seller.url}/quote"))
    rich.owner.revoke_session(rich.session)
    (begun,) = rich.owner.withdraw_channels(rich.session)
    assert begun.state == "withdrawing"
    assert begun.ready_at is not None
    (again,) = rich.owner.withdraw_channels(rich.session)
    assert (again.ready_at, str(again.left)) == (begun.ready_at, "0.1")
    # The seller has that long to claim its due.
    channel_seller.claim()
    (left,) = rich.owner.withdraw_channels(rich.session)
    assert str(left.left) == "0.09"
