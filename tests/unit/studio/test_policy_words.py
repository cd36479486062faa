"""A policy in words says every rule, and none that is not there."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.studio.sessions import FRIDAY, NETWORKS, NOW, session
from valetkey.studio.words.policy import policy_in_words
from valetkey.wire.limits import LimitView, WindowView

BERLIN = ZoneInfo("Europe/Berlin")
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
PLAIN = "May spend up to 5,000 USDC on Base until Friday 18:00"

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("plain", {}, PLAIN + "."),
    (
        "the sentence of the issue",
        {
            "windows": [WindowView(86_400, "100", "100")],
            "allowed_payees": [PAYEE],
        },
        PLAIN + ", at most 100 USDC in any day, only to the payee 0x5290…9EE7.",
    ),
    ("unlimited", {"budget_usdc": None}, "May spend any amount of USDC on Base until Friday 18:00."),
    ("nothing", {"budget_usdc": "0"}, "May spend nothing of USDC on Base until Friday 18:00."),
    (
        "any chain",
        {"allowed_chains": None},
        "May spend up to 5,000 USDC on every chain that is served until Friday 18:00.",
    ),
    ("no chain", {"allowed_chains": []}, "May spend up to 5,000 USDC on no chain until Friday 18:00."),
    (
        "two chains, one unknown",
        {"allowed_chains": [84532, 10]},
        "May spend up to 5,000 USDC on Base Sepolia and chain 10 until Friday 18:00.",
    ),
    (
        "begins later",
        {"not_before": NOW + 86_400},
        "May spend up to 5,000 USDC on Base from tomorrow 11:00 until Friday 18:00.",
    ),
    ("begun long ago", {"not_before": NOW - 86_400}, PLAIN + "."),
    (
        "each spend, and how many",
        {"per_spend_usdc": "12.5", "spends_max": 1},
        PLAIN + ", at most 12.50 USDC at a time, in 1 spend at most.",
    ),
    (
        "windows of odd lengths",
        {"windows": [WindowView(5_400, "7", "7"), WindowView(1_209_600, "9.999999", "1")]},
        PLAIN + ", at most 7 USDC in any 90 minutes, at most 9.999999 USDC in any 2 weeks.",
    ),
    (
        "another currency",
        {"limits": [LimitView("ETH", "0.1", "0.1", "0", "0"), LimitView("DAI", None, None, "0", "0")]},
        "May spend up to 5,000 USDC and up to 0.10 ETH and any amount of DAI on Base until Friday 18:00.",
    ),
    ("nobody", {"allowed_payees": []}, PLAIN + ", only to no payee at all."),
    (
        "many services",
        {"allowed_service_ids": ["svc_1", "svc_2", "svc_3", "svc_4"]},
        PLAIN + ", only at 4 services.",
    ),
    (
        "two operations and a token",
        {"allowed_operations": ["swap", "transfer"], "allowed_assets": [f"eip155:8453/erc20:{PAYEE}"]},
        PLAIN + ", only with the token 0x5290…9EE7, only for the operations swap and transfer.",
    ),
    ("asks", {"approval_above_usdc": "50"}, PLAIN + ", and asks its owner first above 50 USDC."),
    (
        "a seller",
        {"role": "seller", "budget_usdc": "0"},
        "May sell and deliver for its owner, and spend nothing of USDC on Base until Friday 18:00.",
    ),
    ("over", {"status": "revoked"}, PLAIN.replace("May", "Could") + "."),
]


@pytest.mark.parametrize(("_name", "members", "words"), CASES, ids=[name for name, _, _ in CASES])
def test_policy_in_words(_name: str, members: dict[str, Any], words: str) -> None:
    assert policy_in_words(session(**members), NETWORKS, NOW, BERLIN) == words


def test_a_hostile_name_is_a_text_like_any_other() -> None:
    told = policy_in_words(session(allowed_operations=["<script>"], expiry=FRIDAY), NETWORKS, NOW, BERLIN)
    assert told.endswith("only for the operation <script>.")
