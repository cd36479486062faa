"""New keys for a session: what is meant, in words, and how it is done."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.core.tree import GRACE_SECONDS_MAX
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk.errors import IdempotencyMismatch, RecoveryFailed
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.deeds.asking import Fields, amount_of, seconds_of, signer_of
from valetkey.studio.deeds.deed import Deed
from valetkey.studio.deeds.doing import Doing
from valetkey.studio.deeds.facts import Facts, coin
from valetkey.studio.deeds.handing_over import check_handing
from valetkey.studio.words.amounts import grouped, money
from valetkey.studio.words.times import span
from valetkey.wire.sessions import SessionView

GRACES = {"0": "At once", "60": "After a minute", "300": "After 5 minutes", "900": "After 15 minutes"}
GRACES |= {str(GRACE_SECONDS_MAX): "After an hour"}


def defaults(facts: Facts) -> dict[str, str]:
    """What most people want."""
    return {
        "grace": "300",
        "carry": "on",
        "moves": "on",
        "expiry": "" if facts.view.expiry > facts.now else "86400",
        "handing": "enrolled" if facts.view.proof is not None else "sealed",
        "signing": "operator" if facts.operator else "browser",
    }


def said(fields: Fields, facts: Facts) -> Iterator[str]:
    """What will happen. Raises InvalidInput with the field that cannot be meant."""
    view = facts.view
    if view.successor_id is not None:
        raise InvalidInput("it was rotated already: rotate the one that took its place", field="grace")
    grace = seconds_of(fields, "grace", GRACES) or 0
    budget, seconds = amount_of(fields, "budget"), seconds_of(fields, "expiry")
    yield "New keys take the place of these. The rules stay as they are, unless you name others."
    if grace:
        yield (
            f"The old keys go on for {_length(grace)}; what they spend meanwhile counts in the new session too."
        )
    else:
        yield ("The old keys end at once: whoever holds them spends nothing more.")
    if fields.get("carry"):
        yield (
            f"What was spent, {money(view.spent_usdc)}, counts on, in all and in every window. What is left stays left."
        )
    else:
        yield (
            f"It begins anew: {money(view.budget_usdc)} may be spent again."
            if budget is None
            else "It begins anew."
        )
    if budget is not None:
        yield (f"Its budget is {money(format(budget, 'f'))} in all; it is {money(view.budget_usdc)} now.")
    if seconds is not None:
        yield (f"It ends {_length(seconds)} from now.")
    yield _paid(fields, facts)
    signer_of(fields, facts)
    check_handing(fields, is_enrolled=view.proof is not None)


def _paid(fields: Fields, facts: Facts) -> str:
    if facts.view.funding_mode == "grant":
        return (
            "You sign its grant, which takes the place of the one that is there, and its revocation: no gas. Where the"
            " contract has to be approved for more, that is one transaction."
        )
    has = facts.wallet
    if has is None or (not has.usdc and not has.wei):
        return "Its new wallet is empty, as the old one is: fund it."
    what = f"{grouped(format(has.usdc, 'f'))} USDC and {coin(has.wei)} for gas"
    if fields.get("moves"):
        return f"What is in the old wallet, {what}, moves to the new one: the old keys have nothing to pay with then."
    return f"What is in the old wallet, {what}, stays there: Reclaim brings it home."


def _length(seconds: int) -> str:
    words = span(seconds)
    return words if words[0].isdigit() else f"a{'n' if words == 'hour' else ''} {words}"


class Rotating(Doing):
    """The rotation of one session."""

    hands_over = True
    titles: ClassVar[Mapping[str, str]] = {
        "made": "New keys made here and kept, the platform told",
        "kept": "Recovery copy sealed to your wallet",
        "granted": "Grant signed, in the place of the old one",
        "approved": "Allowance approved on chain",
        "moved": "What was in the old wallet moved to the new one",
    }

    @staticmethod
    def steps_of(deed: Deed, view: SessionView) -> tuple[str, ...]:
        """See Doing."""
        steps = ["made"]
        if view.proof is None:
            steps.append("kept")
        if view.funding_mode == "grant":
            steps += ["granted", "approved"]
        elif deed["moves"] and view.proof is None and view.session_wallet is not None:
            steps.append("moved")
        return tuple(steps)

    def _do_all(self, agent: BuyerAgent) -> None:
        self._begin("made")
        # Who has no wallet yet asks nobody to sign: its keys are made and kept first.
        self.info = self._rotated(agent)
        self.deed.outcome = self.info.session_id
        self._done("made", self.info.session_id)
        self._lend_wallet(agent)
        if "kept" in self.steps:
            self._do("kept", lambda: agent.keep_recovery(self._made()))
        if "granted" in self.steps:
            self._do("granted", lambda: self._granted(agent))
            self._do("approved", lambda: self._approve(agent))
        if "moved" in self.steps:
            self._do("moved", lambda: self._moved(agent))

    def _granted(self, agent: BuyerAgent) -> str:
        which = self._made().session_id if self.view.proof is not None else self._made()
        return agent.grant_session(which, approve=False).id

    def _rotated(self, agent: BuyerAgent) -> SessionInfo:
        deed = self.deed
        asked: dict[str, Any] = {
            "grace_seconds": int(deed["grace"] or 0),
            "carry": bool(deed["carry"]),
            "expiry": int(deed["expiry"]) if deed["expiry"] else None,
            "label": deed["label"] or None,
            "idempotency_key": deed.key,
        }
        if deed["budget"]:
            asked["budget_usdc"] = deed["budget"]
        if deed["handing"] == "enrolled":
            asked["enrollment"] = deed["code"]
        try:
            return agent.rotate_session(self.view.session_id, **asked)
        except IdempotencyMismatch:
            # It was made, with keys that another API key of this owner seals in the state folder.
            pass
        successor = agent.get_session(self.view.session_id).successor_id
        if successor is not None:
            self._lend_wallet(agent)
            with suppress(RecoveryFailed):
                return agent.refresh_session(successor)
        raise NewKeysLost(
            "The new session was made, and its keys are sealed under the API key that began this: sign in with that"
            " one, and go on. Where that key is gone, open the new session and rotate it: nothing is lost but its keys."
        )

    def _moved(self, agent: BuyerAgent) -> str:
        self._lend_gas(agent, self.view.session_wallet or "")
        done = agent.sweep_session(self._made().wallet_address, session=self._keys(agent), chain=self._chain)
        return done.token_tx_hash or done.gas_tx_hash or "there was nothing"


class NewKeysLost(ValetkeyError):
    """A session was rotated, and its new keys cannot be opened by whoever goes on."""
