"""The cards of a session's page that say how it stands: its figures, windows, family and facts."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from valetkey.studio.elements.html import Tag, div, facts, link, paragraph, span
from valetkey.studio.words.amounts import grouped, money, share
from valetkey.studio.words.chains import chain_name, title_of
from valetkey.studio.words.refusals import binding, explained
from valetkey.studio.words.rows import name_of
from valetkey.studio.words.times import about, exact, moment, seconds_of
from valetkey.studio.words.times import span as length
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

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
