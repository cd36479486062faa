"""What an alert says on the page: amounts have their asset, moments are the viewer's."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from valetkey.core.alerts import AlertKind
from valetkey.studio.words.alerts import alert_in_words
from valetkey.wire.alerts import AlertView

NOW = 1_795_182_120
"""Friday, 20 November 2026, 13:42 UTC."""


def alert(**members: Any) -> AlertView:
    told = {
        "alert_id": "alr_1",
        "session_id": "ses_1",
        "kind": "budget",
        "raised_at": "",
        "message": "As told.",
    }
    return AlertView(**(told | members))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {"label": "Orders", "percent": 50, "budget": "5000", "spent": "2026", "held": "640.5"},
            'The session "Orders" has reached 50 % of its budget of 5,000 USDC: 2,026 USDC spent, 640.50 USDC held.',
        ),
        (
            {"percent": 80, "budget": "2", "spent": "1.6", "held": "0", "currency": "ETH"},
            "The session has reached 80 % of its budget of 2 ETH: 1.60 ETH spent, 0 ETH held.",
        ),
        (
            {"label": "Calls", "expires_at": "2026-11-20T14:24:00.000Z"},
            'The session "Calls" ends today 15:24.',
        ),
        (
            {"label": "Calls", "expires_at": "2026-11-19T14:24:00.000Z"},
            'The session "Calls" ended yesterday 15:24.',
        ),
        (
            {"label": "Feed", "last_hour": "27.5", "mean_hour": "8.889583"},
            'The session "Feed" spent 27.50 USDC in the last hour; its mean hour of the day before is 8.89 USDC.',
        ),
        (
            {"label": "Feed", "last_hour": "0.01", "mean_hour": "0.000012"},
            'The session "Feed" spent 0.01 USDC in the last hour; its mean hour of the day before is 0.000012 USDC.',
        ),
        ({"label": "Reader", "claim_id": "clm_1"}, "As told."),
    ],
)
def test_an_alert_in_words(members: dict[str, Any], words: str) -> None:
    assert alert_in_words(alert(**members), NOW, ZoneInfo("Europe/Berlin")) == words


def test_a_kind_that_is_not_known_here_says_what_the_platform_says() -> None:
    assert alert_in_words(alert(kind=AlertKind.UNASKED, amount="3"), NOW, UTC) == "As told."
