"""What may be done to a session, what is said of it before, and what is kept of it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.studio.sessions import BASE, SEPOLIA, session
from valetkey.core.errors import InvalidInput
from valetkey.sdk.errors import InsufficientFunds
from valetkey.sdk.holdings import Holdings
from valetkey.studio.deeds.advice import advice
from valetkey.studio.deeds.deed import KEPT_SECONDS, Deed, KeptDeeds
from valetkey.studio.deeds.deeds import KINDS, Deeds
from valetkey.studio.deeds.doing import Place
from valetkey.studio.deeds.facts import Facts, coin
from valetkey.studio.deeds.offered import offered
from valetkey.studio.elements.transactions import explorer_of
from valetkey.studio.wizard.operator import Operator

WRITES = ("sessions:read", "sessions:write")
NOW = 1_900_000_000


class Somebody:
    """Who signs in: deeds are found by the wallet."""

    wallet, name = "0x" + "1" * 40, b"n"


def facts(*, usdc: str = "12", home: str = "100", **changed: Any) -> Facts:
    view = session(**{"expiry": NOW + 7_200, "session_wallet": "0x" + "2" * 40, **changed})
    held = Holdings(Decimal(usdc), 10**15, 10**9)
    return Facts(
        view=view, now=NOW, wallet=held, home=replace(held, usdc=Decimal(home)), operator=view.owner_wallet
    )


def said(kind: str, known: Facts, **fields: str) -> tuple[str, InvalidInput | None]:
    told: list[str] = []
    problem = None
    try:
        for one in KINDS[kind].said({**KINDS[kind].defaults(known), "handing": "plain", **fields}, known):
            told.append(one)  # noqa: PERF402 - what was said before it raised counts
    except InvalidInput as error:
        problem = error
    return " ".join(told), problem


def test_what_is_offered_follows_from_the_session_and_the_key() -> None:
    live = session(session_wallet="0x" + "2" * 40)
    assert offered(live, None, WRITES) == ("rotate", "narrow", "fund", "reclaim")
    assert offered(live, None, ("sessions:read",)) == ()
    assert offered(session(status="revoked", session_wallet="0x" + "2" * 40), None, WRITES) == ("reclaim",)
    by_grant = session(funding_mode="grant", session_wallet="0x" + "2" * 40)
    assert offered(by_grant, None, WRITES) == ("grant", "rotate", "narrow", "fund")
    assert "narrow" not in offered(session(proof="required", session_wallet="0x" + "2" * 40), None, WRITES)
    replaced = session(successor_id="ses_b", session_wallet="0x" + "2" * 40)
    assert "rotate" not in offered(replaced, None, WRITES)


def test_a_narrower_one_says_by_how_much() -> None:
    known = facts(budget_usdc="50", per_spend_usdc="20")
    text, problem = said("narrow", known, label="c", budget="5", per_spend="2", expiry="3600", daily="3")
    assert problem is None
    assert "In all: 5 USDC, 45 USDC less than this session's 50 USDC." in text
    assert "At a time: 2 USDC, 18 USDC less than this session's 20 USDC." in text
    assert "In any 24 hours: 3 USDC, where this session has no limit." in text
    assert "It ends 1 hour from now, 1 hour before this session." in text
    text, problem = said("narrow", known, label="c")
    assert problem is None
    assert "no narrower than this session" in text


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"budget": "60"}, "budget", "60 USDC is more than this session's 50 USDC"),
        ({"per_spend": "21"}, "per_spend", "21 USDC is more than this session's 20 USDC at a time"),
        ({"expiry": "86400"}, "expiry", "this session ends in 2 hours already"),
        ({"budget": "ten"}, "budget", ""),
        ({"spends_max": "-1"}, "spends_max", "whole number"),
        ({"label": ""}, "label", "what do you call it?"),
        ({"handing": "sealed"}, "recipients", "whom is it sealed to?"),
        ({"handing": "enrolled"}, "handing", "choose"),
        ({"signing": "nobody"}, "signing", "choose who signs"),
    ],
)
def test_what_is_wider_or_cannot_be_meant_is_told_at_its_field(
    fields: dict[str, str], field: str, words: str
) -> None:
    _, problem = said("narrow", facts(budget_usdc="50", per_spend_usdc="20"), **{"label": "c", **fields})
    assert problem is not None
    assert problem.field == field
    assert words in str(problem)


def test_a_rotation_says_what_becomes_of_keys_spends_and_money() -> None:
    known = facts(spent_usdc="7", budget_usdc="50")
    text, problem = said("rotate", known, grace="0", carry="on", moves="on", budget="80")
    assert problem is None
    assert "The old keys end at once" in text
    assert "What was spent, 7 USDC, counts on" in text
    assert "Its budget is 80 USDC in all; it is 50 USDC now." in text
    assert "What is in the old wallet, 12 USDC" in text
    text, _ = said("rotate", known, grace="300")
    assert "go on for 5 minutes" in text
    _, problem = said("rotate", facts(successor_id="ses_b"), grace="0")
    assert "rotated already" in str(problem)
    _, problem = said("rotate", facts(proof="required"), handing="enrolled", code="")
    assert (problem and problem.field) == "code"


def test_money_and_what_it_costs_are_said_before() -> None:
    text, problem = said("fund", facts(), amount="30")
    assert problem is None
    assert "Its wallet has 12 USDC now, and 42 then; yours 70." in text
    assert "cost about 0.000086 ETH" in text
    _, problem = said("fund", facts(), amount="101")
    assert "your wallet has 100 USDC" in str(problem)
    assert (
        "nothing to bring home"
        in said(
            "reclaim",
            Facts(
                view=session(status="expired"),
                now=NOW,
                wallet=Holdings(Decimal(0), 0, 1),
                operator=session().owner_wallet,
            ),
        )[0]
    )
    assert "It still lives, so it is revoked first" in said("reclaim", facts())[0]
    assert (coin(10**18), coin(0), coin(5)) == ("1 ETH", "0 ETH", "0.000000000000000005 ETH")


def test_one_of_a_kind_is_kept_for_each_session_and_a_stale_window_begins_nothing(tmp_path: Path) -> None:
    deeds = Deeds(Place("http://127.0.0.1:1", tmp_path, Operator()))
    owner: Any = Somebody()
    kept = deeds.place.kept
    seen = kept.open(owner, "fund", "ses_a")
    assert kept.open(owner, "fund", "ses_a").id == seen.id
    assert kept.open(owner, "rotate", "ses_a").id != seen.id != kept.open(owner, "fund", "ses_b").id
    assert deeds.unfinished(owner, "ses_a") == []
    begun = deeds.fix(seen, {"amount": "1"}, owner)
    # A second window says something else, and finds the first one's.
    assert deeds.fix(seen, {"amount": "2"}, owner).fields == {"amount": "1"}
    assert [one.id for one in deeds.unfinished(owner, "ses_a")] == [seen.id]
    begun.is_over = True
    kept.keep(begun)
    with pytest.raises(InvalidInput, match="meanwhile"):
        deeds.fix(seen, {"amount": "3"}, owner)
    assert deeds.unfinished(owner, "ses_a") == []
    begun.made_at -= KEPT_SECONDS + 60
    kept.keep(begun)
    kept.sweep(begun.made_at + 2 * KEPT_SECONDS)
    assert KeptDeeds(tmp_path).last(owner, "fund", "ses_a") is None


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_failed_says_what_that_did_to_the_money(kind: str) -> None:
    deed = Deed.new("o", kind, "ses_a")
    told = advice(deed, InsufficientFunds("too little"))
    assert told[-1].startswith("Put what is missing")
    assert any(word in told[0].lower() for word in ("money", "what it had"))
    deed.asked["funded"] = "asked"
    assert "sends nothing twice" in advice(deed, InsufficientFunds("too little"))[0]


def test_links_lead_to_explorers_of_chains_that_everybody_knows() -> None:
    assert explorer_of(BASE) == "https://basescan.org/tx/"
    assert explorer_of(SEPOLIA) is None, "its number is that of a chain on this machine alone"
