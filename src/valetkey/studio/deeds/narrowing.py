"""A narrower session made out of one: what it may less, in words, and how it is made."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from valetkey.core.errors import InvalidInput
from valetkey.core.money import to_decimal
from valetkey.core.policy import Policy
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk.attenuating import Narrower, narrowed
from valetkey.sdk.errors import NotFound, NotNarrower
from valetkey.sdk.limits import policy_of
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.studio.deeds.asking import Fields, amount_of, count_of, lines_of, seconds_of, signer_of
from valetkey.studio.deeds.deed import Deed, KeptDeeds
from valetkey.studio.deeds.doing import Doing
from valetkey.studio.deeds.facts import Facts
from valetkey.studio.deeds.handing_over import check_handing
from valetkey.studio.words.amounts import grouped, money
from valetkey.studio.words.times import about
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.sessions import SessionView

ROOM = "studio-children"
PURPOSE = "children in the making of the studio v1"
DAY_SECONDS = 86_400

FIELD_OF = {
    "budget": "budget",
    "per_spend": "per_spend",
    "spends_max": "spends_max",
    "approval_above": "approval_above",
    "expires_at": "expiry",
    f"window:{DAY_SECONDS}": "daily",
    "allowed_services": "services",
    "allowed_payees": "payees",
}
"""The form's names for the rules that a child can be wider in."""


def defaults(facts: Facts) -> dict[str, str]:
    """Everything as its parent has it."""
    return {"handing": "sealed", "signing": "operator" if facts.operator else "browser"}


def narrower_of(fields: Fields) -> Narrower:
    """What is meant, as the SDK writes it. Raises InvalidInput with the field that cannot be meant."""
    daily = amount_of(fields, "daily")
    return Narrower(
        budget=amount_of(fields, "budget"),
        expiry=seconds_of(fields, "expiry"),
        per_spend=amount_of(fields, "per_spend"),
        windows=None if daily is None else {DAY_SECONDS: daily},
        spends_max=count_of(fields, "spends_max"),
        approval_above=amount_of(fields, "approval_above"),
        services=lines_of(fields, "services") or None,
        payees=lines_of(fields, "payees") or None,
    )


def said(fields: Fields, facts: Facts) -> Iterator[str]:
    """By how much it is narrower. Raises InvalidInput with the field that is wider, or cannot be meant."""
    parent = policy_of(facts.view, facts.view.expiry)
    problem: NotNarrower | None = None
    try:
        child = narrowed(parent, narrower_of(fields), facts.now)
    except NotNarrower as error:
        problem = error
    if problem is not None:
        raise _wider(problem, fields, facts)
    less = list(_less(parent, child, facts))
    yield "It spends out of this session's budget, and ends with it at the latest."
    yield from less or ["It is no narrower than this session: it may all that this one may."]
    yield (
        f"All else is as here. Of this session's budget {money(facts.view.remaining_usdc)} are left, for both together."
    )
    yield ("Its wallet is its own, and empty: fund it where it pays on chain.")
    if not fields.get("label", "").strip():
        raise InvalidInput("what do you call it?", field="label")
    signer_of(fields, facts)
    check_handing(fields, is_enrolled=False)


def _less(parent: Policy, child: Policy, facts: Facts) -> Iterator[str]:
    for name, words in (
        ("budget", "In all"),
        ("per_spend", "At a time"),
        ("approval_above", "Without asking you"),
    ):
        most, asked = getattr(parent, name), getattr(child, name)
        if asked != most:
            yield f"{words}: {_usdc(asked)}, {_by(most, asked)}."
    if child.spends_max != parent.spends_max:
        has = "any number" if parent.spends_max is None else f"{parent.spends_max:,}"
        yield f"Spends: {child.spends_max:,} at most; this session has {has}."
    windows = {one.seconds: one.limit for one in parent.windows}
    for one in child.windows:
        if one.limit != windows.get(one.seconds):
            yield f"In any 24 hours: {_usdc(one.limit)}, {_by(windows.get(one.seconds), one.limit)}."
    if child.expires_at != parent.expires_at:
        sooner = parent.expires_at - child.expires_at
        yield f"It ends {about(max(0, child.expires_at - facts.now))} from now, {about(sooner)} before this session."
    for name, words in (("allowed_services", "service"), ("allowed_payees", "payee")):
        most, asked = getattr(parent, name), getattr(child, name)
        if asked != most:
            count = f"{len(asked)} {words}{'' if len(asked) == 1 else 's'}"
            yield f"Only {count}; this session may {'any' if most is None else f'pay {len(most)}'}."


def _usdc(units: int | None) -> str:
    return "unlimited" if units is None else money(format(to_decimal(units, 6), "f"))


def _by(most: int | None, asked: int) -> str:
    if most is None:
        return "where this session has no limit"
    less = grouped(format(to_decimal(most - asked, 6), "f"))
    return f"{less} USDC less than this session's {_usdc(most)}"


def _wider(problem: NotNarrower, fields: Fields, facts: Facts) -> InvalidInput:
    """What is refused because it is wider, at its field and in the form's own units."""
    reasons = problem.details.get("reasons") if isinstance(problem.details, Mapping) else None
    rule = str(reasons[0].get("rule", "")) if reasons else ""
    field = FIELD_OF.get(rule)
    view = facts.view
    has: dict[str, Callable[[], str]] = {
        "budget": lambda: f"{_typed(fields, 'budget')} is more than this session's {money(view.budget_usdc)}",
        "per_spend": lambda: (
            f"{money(fields['per_spend'])} is more than this session's {money(view.per_spend_usdc)} at a time"
        ),
        "approval_above": lambda: f"this session asks above {money(view.approval_above_usdc)} already",
        "spends_max": lambda: f"this session has {view.spends_max:,} spends in all",
        "expires_at": lambda: f"this session ends in {about(max(0, view.expiry - facts.now))} already",
        f"window:{DAY_SECONDS}": lambda: "it is more than this session may in any 24 hours",
        "allowed_services": lambda: "this session may not buy at one of these",
        "allowed_payees": lambda: "this session may not pay one of these",
    }
    text = has[rule]() if rule in has else str(problem)
    return Wider(f"refused, because it would be wider: {text}", field=field)


def _typed(fields: Fields, name: str) -> str:
    amount = amount_of(fields, name)
    return "" if amount is None else money(format(amount, "f"))


class Wider(InvalidInput):
    """A rule that is wider than the parent's."""


class Narrowing(Doing):
    """The making of one child."""

    hands_over = True
    titles: ClassVar[Mapping[str, str]] = {
        "opened": "This session's key opened by your wallet",
        "made": "Narrower keys made here and kept, the platform told",
        "kept": "Recovery copy sealed to your wallet",
    }

    @staticmethod
    def steps_of(_deed: Deed, _view: SessionView) -> tuple[str, ...]:
        """See Doing."""
        return ("opened", "made", "kept")

    def _do_all(self, agent: BuyerAgent) -> None:
        self._lend_wallet(agent)
        self._begin("opened")
        child = self._kept_child() or self._new_child(agent)
        self._done("opened", "")
        self._begin("made")
        agent.register_child(child)
        self.info = child
        self._done("made", child.session_id)
        self._do("kept", lambda: agent.keep_recovery(child))

    def _new_child(self, agent: BuyerAgent) -> SessionInfo:
        """Another one, whose keys are on the disk when this returns, and nobody was told of."""
        deed = self.deed
        if deed.outcome and self._is_known(agent, deed.outcome):
            # Its keys are sealed under another API key of this owner, so nobody can hand them over.
            agent.revoke_session(deed.outcome)
        wanted = narrower_of(deed.fields)
        begun = time.time() if deed.fixed_at is None else deed.fixed_at
        expiry = None if wanted.expiry is None else max(1, wanted.expiry - int(time.time() - begun))
        child = self._keys(agent).attenuate(
            wanted.budget,
            expiry,
            wanted.services,
            label=deed["label"],
            per_spend_usdc=wanted.per_spend,
            windows=wanted.windows,
            spends_max=wanted.spends_max,
            approval_above_usdc=wanted.approval_above,
            allowed_payees=wanted.payees,
        )
        deed.outcome = child.session_id
        self._keep()
        text = child.serialize().encode("ascii")
        self._place.kept.folder.write(ROOM, deed.id, seal(self._lock(), text, deed.id.encode("ascii")))
        return child

    def _kept_child(self) -> SessionInfo | None:
        """The one that an interrupted making left, when it can be opened."""
        sealed = self._place.kept.folder.read(ROOM, self.deed.id)
        if sealed is None:
            return None
        try:
            text = unseal(self._lock(), sealed, self.deed.id.encode("ascii")).decode("ascii")
        except DecryptionFailed:
            return None
        bundle, narrowings = parse_child(text, None)
        return info_of(self.deed.outcome, bundle, None, narrowings)

    def _lock(self) -> bytes:
        """As the SDK seals sessions in the making: it follows from the API key, which opens the other half as well."""
        key = self._owner.agent.api_key
        assert key is not None, "whoever signed in has one"
        return derive_key(key.reveal().encode("utf-8"), PURPOSE)

    @staticmethod
    def _is_known(agent: BuyerAgent, session_id: str) -> bool:
        try:
            agent.get_session(session_id)
        except NotFound:
            return False
        return True


def forget_child(kept: KeptDeeds, deed: Deed) -> None:
    """Its keys were handed over."""
    kept.folder.remove(ROOM, deed.id)
