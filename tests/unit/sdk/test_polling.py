"""`poll_for_purchases` on lists that a test writes: every page, each purchase once, through every outage."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.sdk.canned import Canned, Reply
from tests.unit.sdk.test_checkout import VIEW
from valetkey import AsyncSellerAgent, SellerAgent, SessionRevoked, Unauthenticated
from valetkey.sdk.errors import Forbidden, PlatformError
from valetkey.wire.http import encode
from valetkey.wire.transactions import TransactionView


def purchase(number: int) -> TransactionView:
    second = f"2026-03-01T00:00:{number % 60:02d}.{number:03d}Z"
    return msgspec.structs.replace(VIEW, id=f"txn_{number}", created_at=second)


def page(*numbers: int, total: int | None = None) -> Reply:
    """Newest first, as the platform lists them."""
    data = {
        "transactions": [purchase(number) for number in sorted(numbers, reverse=True)],
        "total": len(numbers) if total is None else total,
        "limit": 50,
        "offset": 0,
    }
    return Reply(encode({"success": True, "data": data}))


def no(status: int, code: str) -> Reply:
    return Reply(json.dumps({"success": False, "error": "no", "code": code}).encode(), status)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    for module in ("connection", "seller"):
        monkeypatch.setattr(f"valetkey.sdk._sync.{module}.sleep", found.append)
    return found


def polled(tmp_path: Path, replies: list[Reply], count: int, **more: Any) -> tuple[list[str], Canned]:
    """The first so many purchases, and the platform that was asked."""
    with (
        Canned(*replies) as platform,
        SellerAgent("key", base_url=platform.url, state_dir=tmp_path) as seller,
    ):
        found = []
        for one in seller.poll_for_purchases(**more):
            found.append(one.id)
            if len(found) == count:
                seller.stop()
        return found, platform


def names(*numbers: int) -> list[str]:
    return [f"txn_{number}" for number in numbers]


def test_oldest_first_and_each_once(tmp_path: Path) -> None:
    replies = [page(1, 2, 3), page(1, 2, 3), page(2, 3, 4)]
    found, platform = polled(tmp_path, replies, 4)
    assert found == names(1, 2, 3, 4)
    assert "role=seller&status=escrowed&limit=50&offset=0" in platform.asked[0].path


def test_every_page(tmp_path: Path) -> None:
    replies = [page(*range(70, 120), total=120), page(*range(20, 70), total=120), page(*range(20), total=120)]
    found, platform = polled(tmp_path, replies, 120)
    assert found == sorted(names(*range(120)), key=lambda name: purchase(int(name[4:])).created_at)
    assert [one.path.rpartition("offset=")[2] for one in platform.asked] == ["0", "50", "100"]


def test_pages_that_end_early_are_followed_by_what_comes_after_them(tmp_path: Path) -> None:
    """Long payloads end a page before its limit, with one purchase at least."""
    replies = [page(5, total=5), page(3, 4, total=5), page(1, 2, total=5)]
    found, platform = polled(tmp_path, replies, 5)
    assert found == names(1, 2, 3, 4, 5)
    assert [one.path.rpartition("offset=")[2] for one in platform.asked] == ["0", "1", "3"]


def test_a_total_that_is_never_reached_ends_with_an_empty_page(tmp_path: Path) -> None:
    found, _ = polled(tmp_path, [page(1, total=9), page(total=9), page(1, 2)], 2)
    assert found == names(1, 2)


def test_a_purchase_that_one_look_missed_is_not_yielded_again(tmp_path: Path) -> None:
    """It slipped from one page to the one before while the pages were read."""
    found, _ = polled(tmp_path, [page(1, 2, 3), page(2, 3), page(1, 2, 3), page(1, 2, 3, 4)], 4)
    assert found == names(1, 2, 3, 4)


def test_one_that_slips_into_two_pages_comes_once(tmp_path: Path) -> None:
    replies = [page(*range(2, 52), total=52), page(1, 2, total=52), page(0)]
    found, _ = polled(tmp_path, replies, 52)
    assert sorted(found) == sorted(names(*range(52)))


@pytest.mark.parametrize(
    "outage",
    [Reply(hang_up=True), Reply(b"<html>", 502), Reply(b"", 204), Reply(b"{}"), no(503, "environment"),
     no(503, "chain_unavailable"), no(429, "rate_limited"), no(500, "internal"), Reply(b'{"success":true,"data":5}')],
    ids=["hang up", "html", "204", "empty", "503", "chain", "429", "500", "shape"],
)  # fmt: skip
def test_it_goes_on_through_outages(tmp_path: Path, outage: Reply) -> None:
    found, _ = polled(tmp_path, [page(1), *[outage] * 9, page(1, 2)], 2)
    assert found == names(1, 2)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(no(401, "unauthenticated"), Unauthenticated), (no(401, "session_revoked"), SessionRevoked),
     (no(403, "forbidden"), Forbidden), (no(418, "internal"), PlatformError)],
)  # fmt: skip
def test_a_no_ends_it(tmp_path: Path, answer: Reply, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        polled(tmp_path, [page(1), answer], 2)


def test_a_pause_that_the_platform_asks_for_is_kept_within_reason(
    tmp_path: Path, pauses: list[float]
) -> None:
    limited = no(429, "rate_limited")
    long = Reply(limited.body, 429, (("Retry-After", "90000"),))
    polled(tmp_path, [*[long] * 4, page(1)], 1, interval=5)
    # Each a little longer by chance: who was sent away together does not come back together.
    assert all(30 <= one <= 45 for one in pauses[:3])
    assert pauses[3:] == [300]


def test_the_statuses_that_are_asked_for(tmp_path: Path) -> None:
    found, platform = polled(tmp_path, [page(1), page(2)], 2, statuses=("escrowed", "pending"))
    assert found == names(1, 2)
    assert [one.path.partition("status=")[2].partition("&")[0] for one in platform.asked] == [
        "escrowed",
        "pending",
    ]


def test_the_async_side_does_the_same(tmp_path: Path) -> None:
    async def look(url: str) -> list[str]:
        found = []
        async with AsyncSellerAgent("key", base_url=url, state_dir=tmp_path) as seller:
            async for one in seller.poll_for_purchases(interval=0.01):
                found.append(one.id)
                if len(found) == 3:
                    seller.stop()
        return found

    with Canned(page(1, 2), no(503, "environment"), page(1, 2, 3)) as platform:
        assert asyncio.run(look(platform.url)) == names(1, 2, 3)
