"""The cards of a session's page that say what it did: its spends, what was refused, and its log."""

from collections.abc import Sequence
from datetime import tzinfo

from valetkey.studio.audit_trail import Trail, facts_of_entry
from valetkey.studio.elements.html import Tag, div, paragraph, span
from valetkey.studio.elements.spend_chart import SpendChart, points_of
from valetkey.studio.words.amounts import money, short_address
from valetkey.studio.words.events import STATES, facts_in_words, kind_in_words, refusal_in_words
from valetkey.studio.words.refusals import explained
from valetkey.studio.words.times import exact, moment, seconds_of
from valetkey.wire.sessions import RefusalEntry, SessionView
from valetkey.wire.spends import SpendPage, SpendView

SIGNED = "unknown"
ROWS_SHOWN = 25


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
