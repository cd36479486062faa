"""Money that comes home: a session's wallet is swept, or its grant is revoked on chain."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import ClassVar

from valetkey.core.errors import InvalidInput
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.studio.deeds.asking import Fields, signer_of
from valetkey.studio.deeds.deed import Deed
from valetkey.studio.deeds.doing import Doing
from valetkey.studio.deeds.facts import TRANSFER_GAS, Facts, coin
from valetkey.studio.deeds.offered import UNSETTLED
from valetkey.studio.wizard.browser_wallet import BrowserSigner
from valetkey.studio.words.amounts import grouped, money, short_address
from valetkey.studio.words.rows import ENDED
from valetkey.wire.sessions import SessionView

RELAYER = "relayer"


def defaults(facts: Facts) -> dict[str, str]:
    """The relayer where there is one, and it is not known to have failed; otherwise whoever signs."""
    if has_relayer(facts):
        return {"signing": RELAYER}
    return {"signing": "operator" if facts.operator else "browser"}


def has_relayer(facts: Facts) -> bool:
    """Whether the platform revokes the grant by itself."""
    return facts.view.funding_mode == "grant" and facts.view.network.relayer is not None


def said(fields: Fields, facts: Facts) -> Iterator[str]:
    """What will happen, and what it costs. Raises InvalidInput."""
    view = facts.view
    if facts.lives:
        yield (
            "It still lives, so it is revoked first, and for ever: its token opens nothing any more, and neither do"
            " those of the sessions that were made out of it. Each of those has a wallet of its own."
        )
    if view.funding_mode == "grant":
        yield from _ungranted(fields, facts)
        return
    has = facts.wallet
    if has is None:
        yield ("What its wallet holds could not be asked now; whatever it is comes home.")
    elif not has.usdc and not has.wei:
        yield ("Its wallet is empty: there is nothing to bring home.")
    else:
        what = f"{grouped(format(has.usdc, 'f'))} USDC, and of {coin(has.wei)} what the way home leaves"
        yield (f"{what}, go to your wallet, {short_address(view.owner_wallet)}.")
        yield (
            f"The way costs about {coin(2 * TRANSFER_GAS * has.wei_per_gas)}, of the session's own gas; where that is"
            " too little, your wallet lends it."
        )
    yield ("Your wallet's signature opens the recovery copy of the session's key, which signs the way home.")
    signer_of(fields, facts)


def _ungranted(fields: Fields, facts: Facts) -> Iterator[str]:
    left = None if facts.exposure is None else facts.exposure.grant_usdc
    yield "Nothing lies in the session: its money is yours, and stays where it is."
    if left is not None:
        yield (
            f"Until the chain says that its grant is revoked, a key that leaked could still take {money(left)}."
        )
    if fields.get("signing") == RELAYER:
        if not has_relayer(facts):
            raise InvalidInput("this platform has no relayer: choose who signs", field="signing")
        yield (
            "The platform's relayer revokes it with what you signed when you gave the grant, and pays the gas: you sign"
            " nothing."
        )
        return
    signer_of(fields, facts)
    if facts.home is not None:
        yield (
            f"You revoke it by a transaction of your own, of about {coin(TRANSFER_GAS * facts.home.wei_per_gas)}."
        )


class Reclaiming(Doing):
    """What is left of one session comes home."""

    titles: ClassVar[Mapping[str, str]] = {
        "ended": "Session revoked",
        "opened": "Recovery copy opened by your wallet",
        "lent": "Gas lent for the way home",
        "swept": "Wallet emptied",
        "revoked": "Grant revoked on chain",
    }

    @staticmethod
    def steps_of(deed: Deed, view: SessionView) -> tuple[str, ...]:
        """See Doing."""
        steps = ["ended"] if view.status not in ENDED or "ended" in deed.done else []
        if view.funding_mode == "grant":
            return (*steps, "revoked")
        return (*steps, "opened", *(("lent",) if deed["signing"] == "browser" else ()), "swept")

    def _do_all(self, agent: BuyerAgent) -> None:
        if "ended" in self.steps:
            self._do("ended", lambda: self._ended(agent))
        if self.view.funding_mode == "grant":
            self._do("revoked", lambda: self._revoked(agent))
            return
        self._lend_wallet(agent)
        self._begin("opened")
        keys = self._keys(agent)
        self._done("opened", "")
        if "lent" in self.steps:
            self._do("lent", lambda: self._lend_gas(agent, keys.wallet_address))
        if "swept" in self.record.done:
            return
        self._begin("swept")
        found = self._found(agent, keys.wallet_address)
        sweep = agent.sweep_session(self.view.owner_wallet, session=keys, chain=self._chain)
        self._done("swept", _came_home(found, sweep.token_tx_hash, sweep.gas_tx_hash))

    def _ended(self, agent: BuyerAgent) -> str:
        agent.revoke_session(self.view.session_id)
        return ""

    def _found(self, agent: BuyerAgent, wallet: str) -> tuple[Decimal, int]:
        """What there was before the first attempt to bring it home."""
        kept = self.record.asked.get("found")
        if kept is None:
            has = agent.holdings(wallet, self._chain)
            kept = self.record.asked["found"] = f"{has.usdc} {has.wei}"
            self._keep()
        usdc, _, wei = kept.partition(" ")
        return Decimal(usdc), int(wei)

    def _revoked(self, agent: BuyerAgent) -> str:
        given = agent.find_grant(self.view.session_id)
        if given is None or given.status not in UNSETTLED:
            return (given and given.revocation_tx_hash) or "revoked before"
        if self.deed["signing"] == RELAYER:
            self._wait(lambda: agent.get_grant(self.view.session_id).status == "revoked")
            return agent.get_grant(self.view.session_id).revocation_tx_hash or ""
        self._lend_wallet(agent)
        if not isinstance(agent._signer, BrowserSigner):
            return agent.revoke_grant(self.view.session_id)
        call = agent.grant_revocation(self.view.session_id)
        return self._send_once(
            agent, "revoked", call, lambda: agent.get_grant(self.view.session_id).status == "revoked"
        )


def _came_home(found: tuple[Decimal, int], token_tx: str | None, gas_tx: str | None) -> str:
    usdc, wei = found
    if not usdc and not wei:
        return "nothing was left"
    told = []
    if usdc:
        told.append(
            f"{grouped(format(usdc, 'f'))} USDC came home{'' if token_tx is None else f': {token_tx}'}"
        )
    if wei:
        told.append(f"what was left of {coin(wei)} came home{'' if gas_tx is None else f': {gas_tx}'}")
    return "; ".join(told)
