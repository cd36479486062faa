"""The last step of a new session: the policy in words, last week under it, the most that it can cost, and Create."""

import time

from nicegui import ui

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.html import Tag, button, div, facts, link, paragraph, span
from valetkey.studio.page import Page
from valetkey.studio.pages.new_session_fields import Known
from valetkey.studio.wizard.draft import STEPS, Draft, FieldError
from valetkey.studio.wizard.making import Makings
from valetkey.studio.wizard.meaning import chain_of_draft, check, on_solana, rules_meant, step_of
from valetkey.studio.wizard.trying import Trial, dry_run
from valetkey.studio.wizard.words import HANDING, sentence, worst_case
from valetkey.studio.words.amounts import money
from valetkey.studio.words.refusals import explained
from valetkey.studio.words.times import moment
from valetkey.wire.network import NetworkView

SIGNING = {"operator": "The operator's key", "browser": "The wallet in this browser", "later": "Nobody now"}
FUNDING = {"grant": "Your balance, by a grant", "wallet": "A wallet of its own"}


class Review:
    """What is on it."""

    def __init__(self, page: Page, draft: Draft, makings: Makings, known: Known) -> None:
        self._page, self._draft, self._makings, self._known = page, draft, makings, known
        self._network: NetworkView | None = known.networks.get(chain_of_draft(draft) or 0)
        self._local = makings.local(page.owner)
        self._trial: Tag | None = None

    def build(self) -> None:
        """Make everything; where something cannot be meant, the way to it."""
        draft, now = self._draft, int(time.time())
        problem: FieldError | None = None
        try:
            check(draft, "money", now, self._network, self._local)
        except FieldError as error:
            problem = error
        if problem is not None or self._network is None:
            self._tell(problem or FieldError("choose the chain that it is for", field="chain"))
            return
        titles = {one: view.title for one, view in self._known.services.items()}
        rules = rules_meant(draft, now, self._network, self._local)
        paragraph(sentence(draft, self._network, titles, now, self._page.zone, self._local), "sentence")
        sells = draft.template.sells
        facts(
            {
                "Label": draft["label"],
                "Agent": draft["agent"] or None,
                "Pays with": None if sells else self._pays(),
                "Signed by": self._signed(),
                "Handed over as": self._handed(),
                "Could cost at most": worst_case(draft, rules),
            }
        )
        if not sells:
            with div("callout"):
                self._trial = paragraph("Trying last week's spends under this policy…", role="status")
            self._page.begin(self._try())
        if not self._known.keeps_keys and draft["handing"] != "enrolled":
            paragraph(
                "This studio keeps no keystore: until you have handed it over, the keys of this session are in its"
                " memory alone.",
                "quiet small",
            )
        with div("form-foot"):
            link("Back", f"/new/{draft.id}/{STEPS[-2].name}", "button")
            span("", "stretch")
            button("Create session", self._create, kind="primary", drawn="check")

    def _signed(self) -> str | None:
        return "Your key on Solana" if on_solana(self._draft) else SIGNING.get(self._draft["signing"])

    def _handed(self) -> str:
        if on_solana(self._draft):
            return "Nothing: its keys stay in this studio's keystore"
        return HANDING[self._draft["handing"]][0]

    def _pays(self) -> str:
        if on_solana(self._draft):
            return "A token account of its own, with all of its budget in it"
        funding = FUNDING.get(self._draft["funding"], "")
        amount = self._draft["amount"]
        return (
            f"{funding}, filled with {money(amount)}"
            if self._draft["funding"] == "wallet" and amount
            else funding
        )

    def _tell(self, problem: FieldError) -> None:
        with div("callout bad", role="alert"):
            paragraph(f"{str(problem)[:1].upper()}{str(problem)[1:]}.")
        with div("form-foot"):
            span("", "stretch")
            link("Mend it", f"/new/{self._draft.id}/{step_of(problem)}?fix=1", "button primary")

    async def _try(self) -> None:
        assert self._network is not None
        assert self._trial is not None
        draft, now = self._draft, int(time.time())
        try:
            rules = rules_meant(draft, now, self._network, self._local)
            trial = await dry_run(self._page.agent, rules, draft["agent"] or None, now)
        except ValetkeyError as error:
            self._trial.say(f"Last week's spends could not be tried: {error}")
            return
        self._trial.say(told(trial))
        if trial.why:
            with self._trial.parent_slot.parent:  # type: ignore[union-attr]
                self._why(trial, now)

    def _why(self, trial: Trial, now: int) -> None:
        with Tag("ul", "", "said"):
            for code, count in trial.why:
                Tag("li", f"{count:,} × {explained(code)[0]}", "small quiet")
        with Tag("details", "", "more"):
            Tag("summary", "Which ones")
            with Tag("ul", "", "said"):
                for one in trial.which:
                    with Tag("li", "", "small"):
                        when = moment(one.at, now, self._page.zone)
                        link(f"{money(one.amount, one.currency)}, {when}", f"/sessions/{one.session_id}")
                        span(f": {explained(one.code)[0]}", "quiet")
            if trial.refused > len(trial.which):
                paragraph(f"The newest {len(trial.which)} of {trial.refused:,}.", "small quiet")

    def _create(self) -> None:
        draft = self._makings.drafts.find(self._draft.id, self._page.owner)
        if not draft.is_begun:
            now = int(time.time())
            try:
                check(draft, "money", now, self._network, self._local)
            except FieldError as error:
                ui.navigate.to(f"/new/{draft.id}/{step_of(error)}?fix=1")
                return
            draft.fixed_at = now
            # From here on it is this session and no other, whoever clicks again or kills the studio.
            self._makings.drafts.keep(draft)
        if self._network is not None and "made" not in draft.done:
            self._makings.begin(draft, self._page.owner, self._network)
        ui.navigate.to(f"/new/{draft.id}/made")


def told(trial: Trial) -> str:
    """What came of a dry run, in a sentence: with this policy, last week's spends: 212 pass, 3 refused."""
    whose = f"last week's spends of {trial.of}" if trial.of is not None else "last week's spends"
    if not trial.total:
        return "There were no spends last week to try it on."
    waits = f", {trial.waiting:,} of them after your approval" if trial.waiting else ""
    newest = f" (the newest {trial.total:,})" if trial.is_cut else ""
    return f"With this policy, {whose}{newest}: {trial.passed:,} pass{waits}, {trial.refused:,} refused."
