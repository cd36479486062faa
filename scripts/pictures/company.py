"""A company of some forty sessions, and its week. Figures follow from a seed; who they are about is made up."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pictures.moments import DAY, HOUR, NOW
from valetkey.crypto.keys import checksum_address

SEED = 7
OFFICE = range(7, 19)
"""Hours of the day, UTC, in which the agents are busy."""
LAST = NOW - 50 * 60
"""From here on somebody watches: what happens later is planned below, one by one."""


def at(vendor: str) -> str:
    """Where a vendor is paid."""
    return checksum_address("0x" + hashlib.sha256(vendor.encode()).hexdigest()[:40])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A session and its habits. `born` and `lives` are hours; `to` and `notes` are what it pays, and what for.

    `every`: hours between two payments, `each`: the least and the most USDC of one, `share`: how much of the budget it
    has paid by now; 1 for all of it.
    """

    key: str
    label: str
    agent: str
    budget: int
    born: float
    lives: float
    each: tuple[float, float] = (0, 0)
    every: float = 4
    share: float = 0.5
    to: Sequence[str] = ()
    notes: Sequence[str] = ()
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def begins(self) -> int:
        return NOW - round(self.born * HOUR)

    @property
    def ends(self) -> int:
        return self.begins + round(self.lives * HOUR)


@dataclass(frozen=True)
class Event:
    """Something that happens to a session at a moment (unix seconds); `what` is a method of filling.Company."""

    at: int
    key: str
    what: str
    amount: str = ""
    to: str = ""
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    is_habit: bool = False


ATLAS = ("Northline Data", "Papergate", "Quill Translations", "Signal Panels", "Orbis Filings")
SUPPLY = ("Harlow Paper", "Brightside Cleaning", "Kestrel Freight", "Mori Components")
CLOUD = ("Stratus Compute", "Namefold Domains")
LABEL = ("Annotate Guild", "Second Look QA")
RISK = ("Clearlist", "Vouch ID")
PAID_BACK = ("customer 20418", "customer 20455", "customer 20467", "customer 20502", "customer 20511")

PLANS = (
    Plan(
        key="atlas",
        label="Market research, November",
        agent="atlas-research",
        budget=1_200,
        born=118,
        lives=166.3,
        each=(6, 34),
        every=2.3,
        share=0.62,
        to=ATLAS,
        notes=("panel wave 3", "filings, 12 companies", "survey translation", "price history", "papers"),
        rules={
            "per_spend_usdc": 120,
            "windows": {DAY: 420, 7 * DAY: 1_100},
            "approval_above_usdc": 90,
            "allowed_payees": [at(one) for one in ATLAS],
            "allowed_chains": [84532],
            "funding": "grant",
        },
    ),
    Plan(
        key="orders",
        label="Weekly supplier orders",
        agent="procurement-desk",
        budget=5_000,
        born=152,
        lives=336,
        each=(60, 290),
        every=6,
        share=0.58,
        to=SUPPLY,
        notes=("PO 1182", "PO 1185", "PO 1190", "PO 1191", "PO 1197"),
        rules={"per_spend_usdc": 800, "approval_above_usdc": 500, "windows": {DAY: 1_500}},
    ),
    Plan(
        key="office",
        label="Office supplies",
        agent="procurement-desk",
        budget=400,
        born=100,
        lives=240,
        each=(8, 36),
        every=7,
        share=0.42,
        to=SUPPLY[:2],
        notes=("toner", "coffee", "chairs"),
    ),
    Plan(
        key="freight",
        label="Freight quotes",
        agent="procurement-desk",
        budget=150,
        born=52,
        lives=96,
        each=(2, 9),
        every=3,
        share=0.36,
        to=SUPPLY[2:3],
        notes=("Rotterdam", "Gdansk", "Genoa"),
        rules={"per_spend_usdc": 12},
    ),
    Plan(
        key="refunds-eu",
        label="Support refunds, Europe",
        agent="support-triage",
        budget=900,
        born=140,
        lives=168,
        each=(5, 34),
        every=2.4,
        share=0.71,
        to=PAID_BACK,
        notes=("late parcel", "wrong size", "broken seal", "charged twice"),
        rules={"per_spend_usdc": 40, "windows": {DAY: 220}},
    ),
    Plan(
        key="refunds-us",
        label="Support refunds, Americas",
        agent="support-triage",
        budget=900,
        born=140,
        lives=168,
        each=(5, 34),
        every=3.5,
        share=0.44,
        to=PAID_BACK,
        notes=("late parcel", "wrong colour", "charged twice"),
        rules={"per_spend_usdc": 40, "windows": {DAY: 220}},
    ),
    Plan(
        key="tickets",
        label="Ticket translation",
        agent="support-triage",
        budget=120,
        born=70,
        lives=96,
        each=(5, 14),
        every=1.5,
        share=1,
        to=ATLAS[2:3],
        notes=("tickets, Polish", "tickets, Greek"),
    ),
    Plan(
        key="batch-14",
        label="Image labels, batch 14",
        agent="labelling-crew",
        budget=600,
        born=150,
        lives=192,
        each=(26, 58),
        every=2.5,
        share=1,
        to=LABEL,
        notes=("500 images", "250 images", "second look"),
    ),
    Plan(
        key="batch-15",
        label="Image labels, batch 15",
        agent="labelling-crew",
        budget=600,
        born=46,
        lives=120,
        each=(18, 44),
        every=1.5,
        share=0.86,
        to=LABEL,
        notes=("500 images", "250 images", "second look"),
        rules={"windows": {DAY: 400}},
    ),
    Plan(
        key="audio",
        label="Audio labels, pilot",
        agent="labelling-crew",
        budget=80,
        born=96,
        lives=48,
        each=(4, 11),
        every=3,
        share=0.7,
        to=LABEL[:1],
        notes=("20 clips", "40 clips"),
    ),
    Plan(
        key="treasury",
        label="Treasury rebalancing",
        agent="treasury-bot",
        budget=8_000,
        born=160,
        lives=480,
        each=(240, 900),
        every=19,
        share=0.45,
        to=("Reserve vault",),
        notes=("weekly target", "reserve ratio"),
        rules={
            "approval_above_usdc": 1_000,
            "windows": {DAY: 2_500},
            "allowed_payees": [at("Reserve vault")],
        },
    ),
    Plan(
        key="invoices",
        label="Invoice run",
        agent="treasury-bot",
        budget=6_400,
        born=75,
        lives=168,
        each=(120, 480),
        every=8,
        share=0.34,
        to=(*SUPPLY, *CLOUD),
        notes=("invoice 40211", "invoice 40218", "invoice 40223"),
        rules={"per_spend_usdc": 1_500},
    ),
    Plan(
        key="advances",
        label="Payroll advances",
        agent="treasury-bot",
        budget=2_000,
        born=20,
        lives=144,
        rules={"not_before": NOW + 66 * HOUR, "per_spend_usdc": 400},
    ),
    Plan(
        key="art",
        label="Newsletter art",
        agent="content-studio",
        budget=90,
        born=60,
        lives=120,
        each=(4, 12),
        every=6,
        share=0.55,
        to=("Inkwell Images",),
        notes=("cover", "two sketches"),
    ),
    Plan(
        key="podcast",
        label="Podcast transcripts",
        agent="content-studio",
        budget=60,
        born=23.3,
        lives=24,
        each=(2, 7),
        every=2,
        share=0.48,
        to=("Scribe Audio",),
        notes=("episode 41", "episode 42"),
    ),
    Plan(
        key="video",
        label="Launch video",
        agent="content-studio",
        budget=500,
        born=130,
        lives=240,
        each=(20, 70),
        every=8,
        share=0.4,
        to=("Inkwell Images",),
        notes=("storyboard", "first cut"),
    ),
    Plan(
        key="lisbon",
        label="Travel, Lisbon offsite",
        agent="travel-planner",
        budget=2_400,
        born=90,
        lives=200,
        each=(45, 210),
        every=9,
        share=0.51,
        to=("Tagus Hotels", "Iberia Rail"),
        notes=("room block", "train, 6 seats", "airport transfer"),
        rules={"approval_above_usdc": 300, "per_spend_usdc": 600},
    ),
    Plan(
        key="trade-fair",
        label="Travel, trade fair",
        agent="travel-planner",
        budget=1_800,
        born=160,
        lives=72,
        each=(60, 240),
        every=7,
        share=0.75,
        to=("Rhine Hotels", "Iberia Rail"),
        notes=("two rooms", "stand badge"),
    ),
    Plan(
        key="prices",
        label="Competitor prices",
        agent="atlas-research",
        budget=200,
        born=68,
        lives=144,
        each=(2, 8),
        every=2,
        share=0.53,
        to=ATLAS[:1],
        notes=("price list, weekly", "price list, daily"),
    ),
    Plan(
        key="papers",
        label="Academic papers",
        agent="atlas-research",
        budget=100,
        born=84,
        lives=168,
        each=(3, 12),
        every=7,
        share=0.38,
        to=ATLAS[1:2],
        notes=("two papers", "conference volume"),
        rules={"spends_max": 40},
    ),
    Plan(
        key="experts",
        label="Expert calls",
        agent="atlas-research",
        budget=600,
        born=6,
        lives=150,
        rules={"not_before": NOW + 19 * HOUR, "approval_above_usdc": 150},
    ),
    Plan(
        key="staging",
        label="Cloud credits, staging",
        agent="platform-ops",
        budget=300,
        born=110,
        lives=192,
        each=(6, 24),
        every=6,
        share=0.49,
        to=CLOUD[:1],
        notes=("compute, 12 h", "storage"),
        rules={"windows": {DAY: 80}},
    ),
    Plan(
        key="load-test",
        label="Cloud credits, load test",
        agent="platform-ops",
        budget=1_000,
        born=80,
        lives=168,
        each=(40, 120),
        every=4,
        share=0.6,
        to=CLOUD[:1],
        notes=("400 cores, 1 h",),
    ),
    Plan(
        key="domains",
        label="Domain renewals",
        agent="platform-ops",
        budget=220,
        born=64,
        lives=300,
        each=(9, 18),
        every=12,
        share=0.3,
        to=CLOUD[1:],
        notes=("renewal, .com", "renewal, .eu"),
    ),
    Plan(
        key="bridge",
        label="Incident bridge",
        agent="platform-ops",
        budget=50,
        born=58,
        lives=12,
        each=(3, 8),
        every=2,
        share=0.6,
        to=CLOUD[:1],
        notes=("pager", "call minutes"),
    ),
    Plan(
        key="fraud",
        label="Fraud checks",
        agent="risk-watch",
        budget=350,
        born=130,
        lives=180,
        each=(2, 9),
        every=1.8,
        share=0.83,
        to=RISK,
        notes=("12 orders", "9 orders", "15 orders"),
        rules={"per_spend_usdc": 10, "windows": {DAY: 75}},
    ),
    Plan(
        key="sanctions",
        label="Sanctions screening",
        agent="risk-watch",
        budget=500,
        born=96,
        lives=240,
        each=(4, 16),
        every=3,
        share=0.46,
        to=RISK[:1],
        notes=("new suppliers", "daily list"),
    ),
    Plan(
        key="vendor-trial",
        label="ID vendor trial",
        agent="risk-watch",
        budget=60,
        born=120,
        lives=168,
        each=(3, 9),
        every=9,
        share=0.4,
        to=RISK[1:],
        notes=("20 checks",),
    ),
    Plan(key="reader", label="Invoice reader", agent="finance-ops", budget=45, born=28, lives=72),
    Plan(
        key="weather",
        label="Weather oracle",
        agent="energy-desk",
        budget=40,
        born=44,
        lives=72,
        each=(0.4, 1.6),
        every=1.5,
        share=0.5,
        to=("Isobar",),
        notes=("forecast, 6 h", "wind, coast"),
    ),
    Plan(
        key="grid",
        label="Grid prices",
        agent="energy-desk",
        budget=130,
        born=92,
        lives=144,
        each=(1, 4),
        every=1.5,
        share=0.64,
        to=("Gridline",),
        notes=("day ahead", "intraday"),
        rules={"windows": {HOUR: 9, DAY: 40}},
    ),
    *(
        Plan(
            key=f"feed-{day}",
            label="Market feed, daily",
            agent="market-feed",
            budget=25,
            born=24 * day + 7.6,
            lives=17.4,
            each=(0.6, 2.8),
            every=1,
            share=0.6 if day else 0.44,
            to=("Gridline", "Northline Data"),
            notes=("quotes", "order book"),
        )
        for day in range(5)
    ),
)

LAST_HOUR = (
    Event(NOW - 47 * 60, "fraud", "refuse", "14", "Vouch ID", "28 orders"),
    Event(NOW - 44 * 60, "orders", "wait", "640", "Mori Components", "PO 1203, 40 controllers"),
    Event(NOW - 41 * 60, "atlas", "pay", "23.40", "Northline Data", "price history"),
    Event(NOW - 38 * 60, "refunds-eu", "refuse", "59.90", "customer 20511", "broken seal"),
    Event(NOW - 36 * 60, "lisbon", "wait", "412.50", "Tagus Hotels", "room block, second night"),
    Event(NOW - 33 * 60, "orders", "leave", "148.20", "Kestrel Freight", "PO 1201"),
    Event(NOW - 31 * 60, "refunds-eu", "refuse", "44", "customer 20502", "charged twice"),
    Event(NOW - 28 * 60, "atlas", "refuse", "18", "Mori Components", "sensor samples"),
    Event(NOW - 26 * 60, "fraud", "refuse", "12.60", "Clearlist", "25 orders"),
    Event(NOW - 24 * 60, "batch-15", "pay", "27.50", "Annotate Guild", "250 images"),
    Event(NOW - 21 * 60, "atlas", "leave", "31.80", "Papergate", "conference volume"),
    Event(NOW - 19 * 60, "grid", "leave", "2.10", "Gridline", "day ahead"),
    Event(NOW - 16 * 60, "atlas", "draw", "19.25", "Quill Translations", "survey translation"),
    Event(NOW - 14 * 60, "atlas", "wait", "96", "Signal Panels", "panel wave 4"),
    Event(NOW - 12 * 60, "treasury", "wait", "1250", "Reserve vault", "reserve ratio"),
    Event(NOW - 9 * 60, "atlas", "refuse", "150", "Orbis Filings", "filings, whole sector"),
    Event(NOW - 7 * 60, "fraud", "refuse", "11", "Vouch ID", "22 orders"),
    Event(NOW - 5 * 60, "staging", "hold", "18", "Stratus Compute", "compute, 12 h"),
    Event(NOW - 4 * 60, "atlas-patents", "pay", "8.75", "Orbis Filings", "patent families"),
    Event(NOW - 3 * 60, "atlas", "hold", "14.60", "Northline Data", "panel weights"),
    Event(NOW - 2 * 60, "batch-15", "pay", "24", "Second Look QA", "second look"),
    Event(NOW - 60, "refunds-eu", "pay", "12.30", "customer 20467", "late parcel"),
)


def _turns() -> tuple[Event, ...]:
    """What owners and operators did in the week."""

    def ago(hours: float) -> int:
        return NOW - round(hours * HOUR)

    patents = {"budget_usdc": 150, "label": "Research: patents", "as": "atlas-patents"}
    panels = {"budget_usdc": 90, "label": "Research: panels", "as": "atlas-panels"}
    looks = {"budget_usdc": 60, "label": "Batch 15: second look", "as": "batch-15-look"}
    return (
        Event(ago(70), "atlas", "attenuate", more=patents),
        Event(ago(66), "atlas-patents", "pay", "24.50", "Orbis Filings", "patent families"),
        Event(ago(47), "atlas-patents", "pay", "17.20", "Orbis Filings", "claims, full text"),
        Event(ago(29), "atlas", "attenuate", more=panels),
        Event(ago(27), "atlas-panels", "pay", "31", "Signal Panels", "screening, 200 people"),
        Event(ago(45), "batch-15", "attenuate", more=looks),
        Event(ago(22), "batch-15-look", "pay", "21", "Second Look QA", "sample of 80"),
        Event(ago(21), "batch-15-look", "pay", "16.50", "Second Look QA", "sample of 60"),
        *(
            Event(ago(hours), "atlas", "draw", amount, vendor, note)
            for hours, amount, vendor, note in (
                (93, "22.10", "Papergate", "papers"),
                (46, "35.60", "Northline Data", "price history"),
                (4, "28.40", "Signal Panels", "panel wave 3"),
            )
        ),
        Event(ago(49), "refunds-us", "refuse", "72", "customer 20455", "wrong colour"),
        Event(ago(26), "treasury", "refuse", "300", "Kestrel Freight", "not its own"),
        Event(ago(25), "invoices", "refuse", "1900", "Mori Components", "invoice 40230"),
        Event(ago(24.5), "reader", "intercept"),
        Event(ago(20), "refunds-us", "pause"),
        Event(ago(8), "invoices", "pause"),
        Event(ago(30), "video", "revoke"),
        Event(ago(18), "load-test", "revoke"),
        Event(ago(52), "vendor-trial", "revoke"),
        Event(ago(3), "grid", "refuse", "14", "Gridline", "backfill, a week"),
    )


REVOKED_AT = {one.key: one.at for one in _turns() if one.what in ("revoke", "pause")}


def _paid(plan: Plan) -> Iterator[Event]:
    """Its payments until somebody watches."""
    chance = random.Random(f"{SEED} {plan.key}")  # noqa: S311 - figures for pictures
    last = min(LAST - 60, plan.ends - 60, REVOKED_AT.get(plan.key, NOW) - 60)
    moment, left = plan.begins + 600, round(plan.budget * plan.share * 100)
    while plan.each[1] and left > 0:
        moment += round(plan.every * HOUR * chance.uniform(0.6, 1.4))
        if moment >= last:
            return
        if moment // HOUR % 24 not in OFFICE:
            continue
        units = min(left, round(chance.uniform(*plan.each) * 20) * 5)
        left -= units
        yield Event(
            *(
                moment,
                plan.key,
                "pay",
                f"{units / 100:.2f}",
                chance.choice(plan.to),
                chance.choice(plan.notes),
            ),
            is_habit=True,
        )


def week() -> list[Event]:
    """Everything until somebody watches, in its order."""
    made = [Event(one.begins, one.key, "make") for one in PLANS]
    paid = [event for one in PLANS for event in _paid(one)]
    return sorted([*made, *paid, *_turns()], key=lambda one: one.at)
