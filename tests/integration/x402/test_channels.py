"""Paying through channels (x402, `batch-settlement`): the client of a session against the official server."""

import asyncio
import signal
import subprocess
import sys
from decimal import Decimal
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
from valetkey.sdk.errors import (
    BudgetExceeded,
    ChannelChanged,
    OfferAboveMax,
    OfferChannelRefused,
    OfferSchemeUnknown,
    PaymentNotAccepted,
    PerSpendExceeded,
    Unauthenticated,
)

CENT = 10_000


def ask(victim: Victim, url: str, *, deposit: str = "0.10", **more: Any) -> Any:
    """The JSON of one answer, or what was raised."""
    with victim.agent.http(max_deposit=deposit, timeout=30) as http:
        answer = http.get(url, **more)
    return answer.json() if answer.is_success else answer


@pytest.fixture
def rich(stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path) -> Any:
    """A session without a limit for one spend, whose budget gets back what comes back."""
    made = open_session(stack, x402_owner, tmp_path / "rich", per_spend_usdc=None, refunds_restore=True)
    yield made
    made.close()


def test_twenty_requests_of_one_deposit(
    channel_lab: ChannelLab, channel_seller: ChannelSeller, rich: Victim
) -> None:
    with rich.agent.http(max_deposit="0.20", hosts=["127.0.0.1"]) as http:
        answers = [http.get(f"{channel_seller.url}/quote") for _ in range(20)]
    assert [one.json() for one in answers] == [{"from": "/quote"}] * 20
    assert channel_seller.served["/quote"] == 20
    (opened,) = channel_lab.facilitator.of(rich.wallet, "deposit")
    assert opened.payload["deposit"]["amount"] == "100000"
    # The seller's own wish is ten requests: so there were two deposits, one after the other.
    assert channel_seller.charged() == 20 * CENT
