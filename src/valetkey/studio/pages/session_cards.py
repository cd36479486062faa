"""The cards of a session's page, each made of what the SDK answered."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

from valetkey.core.errors import ValetkeyError
from valetkey.studio.audit_trail import Trail, facts_of_entry, trail_of
from valetkey.studio.elements.html import Tag, div, facts, link, paragraph, span
from valetkey.studio.elements.spend_chart import SpendChart, points_of
from valetkey.studio.words.amounts import grouped, money, share, short_address
from valetkey.studio.words.chains import chain_name, title_of
from valetkey.studio.words.events import STATES, facts_in_words, kind_in_words, refusal_in_words
from valetkey.studio.words.refusals import binding, explained
from valetkey.studio.words.rows import name_of
from valetkey.studio.words.times import about, exact, moment, seconds_of
from valetkey.studio.words.times import span as length
from valetkey.wire.granting import ExposureView, GrantView
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import RefusalEntry, SessionView
from valetkey.wire.spends import SpendPage, SpendView

T = TypeVar("T")
SIGNED = "unknown"
ROWS_SHOWN = 25


def tiles(view: SessionView, now: int, zone: tzinfo) -> None:
    """The figures that are looked at first."""
    left, budget = view.remaining_usdc, view.budget_usdc
    part = share(left, budget)
    tone = "" if part is None or part >= 20 else "bad" if part == 0 else "warn"
    _tile("Left", "unlimited" if left is None else grouped(left), "USDC", f"of {money(budget)}", tone)
    _tile(
        "Spent",
        grouped(view.spent_usdc),
        "USDC",
        f"in {view.spends:,} spend{'' if view.spends == 1 else 's'}",
    )
    _tile("Held", grouped(view.held_usdc), "USDC", "placed and not settled")
    worst = view.worst_case_loss_usdc
    _tile(
        "Worst-case loss",
        "unlimited" if worst is None else grouped(worst),
        "USDC",
        "the most it could still cost",
        "warn" if worst is None or worst.strip("0.") else "",
    )
    for one in view.limits:
        _tile(
            f"{one.currency} left",
            "unlimited" if one.remaining is None else grouped(one.remaining),
            one.currency,
            f"{grouped(one.spent)} spent, {grouped(one.held)} held",
        )
    if (health := view.health) is not None:
        often = health.refused_last_hour
        _tile("Refused", f"{often:,}", "", "spends in the last hour", "bad" if often else "")
        if health.unknown_since is not None:
            age = about(max(0, now - seconds_of(health.unknown_since)))
            _tile("Not proven", f"{health.unknown:,}", "", f"the oldest for {age}", "warn")
    over = view.expiry <= now
    _tile(
        "Ended" if over else "Ends in",
        about(abs(view.expiry - now)) + (" ago" if over else ""),
        "",
        moment(view.expiry, now, zone),
    )


def _tile(name: str, figure: str, unit: str, below: str, tone: str = "") -> None:
    with div("tile", role="listitem"):
        paragraph(name, "small quiet")
        with paragraph("", f"figure {tone}"):
            span(figure)
            if unit:
                span(unit, "unit")
        paragraph(below, "small quiet")


def next_refusal(view: SessionView, now: int, zone: tzinfo) -> None:
    """What the next spend may be at most, and which rule says so."""
    told = view.next_refusal
    if told is None or told.code is None:
        return
    most = told.most_usdc
    stopped = most is None or not most.strip("0.")
    with div("callout" + (" warn" if stopped else ""), style="margin-top: var(--s3)"):
        if stopped:
            paragraph(f"The next spend is refused. {explained(told.code)[0]}")
        else:
            whose = "" if told.session_id is None else ", of the session that it was made out of"
            paragraph(f"The next spend may be {money(most)} at most: that is {binding(told.code)}{whose}.")
        if told.resets_at:
            paragraph(f"More passes {moment(told.resets_at, now, zone)}.", "small quiet")


def windows(view: SessionView) -> None:
    """What each window leaves."""
    if not view.windows:
        paragraph("None: the budget alone counts.", "quiet")
    for one in view.windows:
        part = share(one.left_usdc, one.limit_usdc) or 0
        with div("", style="margin-bottom: var(--s3)"):
            with div("buttons"):
                span(f"Any {length(one.seconds)}", "strong stretch")
                span(f"{grouped(one.left_usdc)} of {money(one.limit_usdc)} left", "quiet small")
            _meter(part, f"{part} % left")


def _meter(part: int, words: str) -> None:
    tone = "meter out" if part == 0 else "meter low" if part < 20 else "meter"
    with span("", tone, role="img", aria_label=words):
        Tag("i", style=f"width: {part}%")


def chart(view: SessionView, found: Sequence[SpendView], now: int) -> None:
    """What was spent and held, over time."""
    points = points_of(view, found, now)
    if not points:
        paragraph("Nothing was spent yet.", "empty")
        return
    SpendChart(points, view)


def spends(page: SpendPage, now: int, zone: tzinfo) -> None:
    """Holds and payments, newest first, and what is signed and not proven."""
    if not page.spends:
        paragraph("There are none.", "empty")
        return
    signed = [one for one in page.spends if one.state == SIGNED]
    if signed:
        with div("callout warn", style="margin-bottom: var(--s3)"):
            paragraph(f"{len(signed)} signed, outcome not proven: this money may still move.", "strong")
            for one in signed[:5]:
                paragraph(
                    f"{money(one.amount, one.currency)} to {short_address(one.payee) or 'nobody named'}, signed"
                    f" {moment(seconds_of(one.placed_at), now, zone)}; {_can_move(one, now, zone)}",
                    "small",
                )
    with div("scroll"), Tag("table", "", "table"):
        Tag("caption", "Spends", "unseen")
        with Tag("thead"), Tag("tr"):
            for words, classes in (
                ("State", ""),
                ("Amount", "number"),
                ("To", ""),
                ("For", ""),
                ("When", ""),
                ("Proof", ""),
            ):
                Tag("th", words, classes, scope="col")
        with Tag("tbody"):
            for one in page.spends[:ROWS_SHOWN]:
                _spend(one, now, zone)
    if page.total > ROWS_SHOWN:
        paragraph(f"The newest {ROWS_SHOWN} of {page.total:,}.", "small quiet")


def _can_move(one: SpendView, now: int, zone: tzinfo) -> str:
    """Until when what was signed can still move."""
    if one.movable_until is None:
        return "it can move until it is proven, and stays held until then."
    until = seconds_of(one.movable_until)
    if until <= now:
        return f"it could move until {moment(until, now, zone)}, and stays held until that is proven."
    return f"it can still move until {moment(until, now, zone)}, and stays held until proof."


def _spend(one: SpendView, now: int, zone: tzinfo) -> None:
    at = seconds_of(one.placed_at)
    with Tag("tr", data_spend=one.spend_id):
        with Tag("td"), span("", f"status {one.state}"):
            span(STATES.get(one.state, one.state))
        Tag("td", money(one.captured or one.amount, one.currency), "number")
        Tag("td", short_address(one.payee) or "–", "mono nowrap", title=one.payee)
        Tag("td", one.note or one.service_id or one.operation, "", title=one.operation)
        Tag("td", moment(at, now, zone), "nowrap", title=exact(at, zone))
        Tag(
            "td",
            short_address(one.reference or one.transaction_id) or "–",
            "mono nowrap",
            title=one.reference,
        )


def refusals(found: Sequence[RefusalEntry], now: int, zone: tzinfo) -> None:
    """What was refused, why, and what would help."""
    if not found:
        paragraph("Nothing was refused.", "empty")
    for one in found[:10]:
        with div("refusal"):
            with div("buttons"):
                span(refusal_in_words(one), "strong stretch")
                span(
                    moment(seconds_of(one.at), now, zone),
                    "small quiet",
                    title=exact(seconds_of(one.at), zone),
                )
            for code in one.codes:
                why, helps = explained(code)
                with paragraph("", "small"):
                    span(f"{why} ")
                    span(helps, "quiet")
            with div("buttons"):
                for rule in one.rules or one.codes:
                    span(rule, "tag bad")


def tree(view: SessionView, found: Sequence[SessionView]) -> None:
    """What was made out of the session, below it."""
    if view.parent_id is not None:
        with paragraph("", "small"):
            span("Made out of ")
            link(view.parent_id, f"/sessions/{view.parent_id}", "mono")
    below = [one for one in found if one.session_id != view.session_id]
    if not below:
        paragraph("No session was made out of it.", "quiet")
    for one in below[:ROWS_SHOWN]:
        depth = max(0, one.depth - view.depth - 1)
        with div("tree-row", style=f"padding-left: {depth * 1.25}rem"):
            with span("", f"status {one.status}", title=one.status):
                span(one.status, "unseen")
            link(name_of(one), f"/sessions/{one.session_id}", "stretch")
            span(f"{money(one.spent_usdc)} spent", "small quiet nowrap")
    if len(below) > ROWS_SHOWN:
        paragraph(f"{len(below) - ROWS_SHOWN:,} more.", "small quiet")


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says, or why it could not be asked."""

    exposure: ExposureView | None
    grant: GrantView | None
    problem: str = ""


async def chain_facts(agent: Any, session_id: str) -> OnChain:
    """What a leaked key could take, and the grant; a chain that does not answer is told of, and no failure."""
    exposure, grant = await asyncio.gather(
        _or_problem(agent.exposure(session_id)), _or_problem(agent.find_grant(session_id))
    )
    problems = [one for one in (exposure, grant) if isinstance(one, ValetkeyError)]
    return OnChain(
        exposure if isinstance(exposure, ExposureView) else None,
        grant if isinstance(grant, GrantView) else None,
        str(problems[0]) if problems else "",
    )


async def _or_problem(asked: Awaitable[T]) -> T | ValetkeyError:
    try:
        return await asked
    except ValetkeyError as error:
        return error


def chain(view: SessionView, found: OnChain, now: int, zone: tzinfo) -> None:
    """What the key could take on chain, and how the grant stands there."""
    if found.problem:
        paragraph(f"The chain could not be asked: {found.problem}", "callout warn small")
    if (seen := found.exposure) is not None:
        facts(
            {
                "A thief could take": money(seen.worst_case_usdc),
                "In its wallet": money(seen.wallet_usdc),
                "Out of the grant": money(seen.grant_usdc) if view.funding_mode != "wallet" else None,
                "Signed, not settled": money(seen.signed_usdc),
                "Read at block": f"{seen.block:,}",
            }
        )
    if (given := found.grant) is not None:
        div("", style="height: var(--s3)")
        known = given.known_at and moment(seconds_of(given.known_at), now, zone)
        facts(
            {
                "Grant": given.status,
                "Contract": given.contract,
                "Known on chain": known or "not yet",
                "Revoked": given.revoked_at and moment(seconds_of(given.revoked_at), now, zone),
                "Revoked by": given.revocation_tx_hash,
            }
        )


def facts_of(view: SessionView, networks: Mapping[int, NetworkView], zone: tzinfo) -> None:
    """Names, keys and times, exactly."""
    facts(
        {
            "Session": view.session_id,
            "Network": f"{title_of(view.network.network)}, chain {view.network.chain_id}",
            "Pays with": view.funding_mode,
            "Wallet": view.session_wallet,
            "Key hash": view.session_key_hash,
            "Begins": exact(view.not_before, zone) if view.not_before else None,
            "Ends": exact(view.expiry, zone),
            "Chains": None
            if view.allowed_chains is None
            else ", ".join(chain_name(one, networks) for one in view.allowed_chains),
            "Services": ", ".join(view.allowed_service_ids) or None,
            "Payees": None if view.allowed_payees is None else ", ".join(view.allowed_payees) or "none",
            "Tokens": None if view.allowed_assets is None else ", ".join(view.allowed_assets) or "none",
            "Proof of possession": view.proof,
            "Policy": f"version {view.policy_version}",
        }
    )


async def checked(agent: Any, session_id: str) -> Trail:
    """The audit trail, checked."""
    return await trail_of(agent, session_id)


def audit(found: Trail | None, now: int, zone: tzinfo) -> None:
    """What of the log holds, and the session's own entries."""
    if found is None:
        paragraph("It could not be checked.", "callout warn")
        return
    report = found.report
    flaws = [*report.flaws, *(chain.flaw for chain in report.chains if chain.flaw is not None)]
    if flaws:
        with div("callout bad", role="alert"):
            paragraph("The log does NOT hold.", "strong")
            paragraph(f"Line {flaws[0].line}: {flaws[0].reason}", "small")
    else:
        with div("callout", role="status"):
            paragraph(
                f"{report.entries:,} entries of its tree, every hash and signature holds.", "strong good"
            )
            paragraph(f"Signed by the platform's key {short_address(report.key.hex())}.", "small quiet")
    told = [(entry, facts_of_entry(entry)) for entry in found.entries]
    # Only the entry of its placing says of which currency a hold is.
    currencies = {known.get("hold"): known["currency"] for _, known in told if "currency" in known}
    with div("log", tabindex="0", role="region", aria_label="Entries of the log"):
        for entry, known in told:
            with div("log-row"):
                span(moment(entry.at, now, zone), "quiet nowrap", title=exact(entry.at, zone))
                span(kind_in_words(entry.kind), "strong")
                span(facts_in_words(known, currencies.get(known.get("hold"))), "quiet")
    if found.more:
        paragraph("There are older ones: valetkey audit export has all of them.", "small quiet")
