"""Money for a session's wallet: what is meant, what it costs, and how it is sent, once."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import ClassVar

from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.owner import SESSION_GAS
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk.amounts import usdc_units
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.deeds.asking import Fields, amount_of, signer_of
from valetkey.studio.deeds.deed import Deed
from valetkey.studio.deeds.doing import Doing
from valetkey.studio.deeds.facts import TRANSFER_GAS, Facts, coin
from valetkey.studio.wizard.browser_wallet import BrowserSigner
from valetkey.studio.words.amounts import grouped, money
from valetkey.wire import calls
from valetkey.wire.sessions import SessionView


def defaults(facts: Facts) -> dict[str, str]:
    """Who signs; how much is nobody else's to say."""
    return {"signing": "operator" if facts.operator else "browser"}


def said(fields: Fields, facts: Facts) -> Iterator[str]:
    """What will happen, and what it costs. Raises InvalidInput with the field that cannot be meant."""
    amount = amount_of(fields, "amount")
    if not amount:
        raise InvalidInput("how much does its wallet get?", field="amount")
    has, home = facts.wallet, facts.home
    yield f"{money(format(amount, 'f'))} go from your wallet to the session's."
    if has is not None and home is not None:
        if home.usdc < amount:
            raise InvalidInput(f"your wallet has {grouped(format(home.usdc, 'f'))} USDC", field="amount")
        missing = max(0, SESSION_GAS * has.wei_per_gas - has.wei)
        gas = (
            f"{coin(missing)} for gas go with it, enough for a dozen payments"
            if missing
            else "It has enough for gas"
        )
        fees = coin((TRANSFER_GAS + 21_000) * home.wei_per_gas)
        yield from (
            f"{gas}; the transactions themselves cost about {fees}, of your wallet.",
            f"Its wallet has {_usdc(has.usdc)} USDC now, and {_usdc(has.usdc + amount)} then; yours"
            f" {_usdc(home.usdc - amount)}.",
        )
    left = facts.view.remaining_usdc
    if left is not None and has is not None and has.usdc + amount > Decimal(left):
        yield (
            f"That is more than the {money(left)} that its budget leaves: the rest comes home by Reclaim alone."
        )
    yield ("Whoever has its key can take what its wallet holds, without asking.")
    signer_of(fields, facts)


def _usdc(amount: Decimal) -> str:
    return grouped(format(amount, "f"))


class Funding(Doing):
    """One transfer to the wallet of a session."""

    titles: ClassVar[Mapping[str, str]] = {
        "opened": "Recovery copy opens with your wallet: the money can come back",
        "gas": "Gas sent",
        "funded": "Money sent",
    }

    @staticmethod
    def steps_of(deed: Deed, _view: SessionView) -> tuple[str, ...]:
        """See Doing."""
        return ("opened", "gas", "funded") if deed["signing"] == "browser" else ("opened", "funded")

    def _do_all(self, agent: BuyerAgent) -> None:
        self._lend_wallet(agent)
        self._begin("opened")
        keys = self._keys(agent)
        agent.keep_recovery(keys)
        self._done("opened", "")
        if isinstance(agent._signer, BrowserSigner):
            self._do("gas", lambda: self._send_gas(agent, keys))
            self._do("funded", lambda: self._send_money(agent, keys))
            return
        amount, key = self.deed["amount"], self.deed.key
        self._do("funded", lambda: agent.fund_session(keys, amount=amount, idempotency_key=key))
        agent.forget_funding(keys, key)

    def _send_gas(self, agent: BuyerAgent, keys: SessionInfo) -> str:
        wallet, chain = keys.wallet_address, self._chain
        missing = SESSION_GAS * agent.holdings(wallet, chain).wei_per_gas - agent.holdings(wallet, chain).wei
        if missing <= 0 and not self.record.asked.get("gas"):
            return "there was enough"
        before = int(self._before(agent, keys).partition(" ")[2])
        call = calls.transfer_native(wallet, max(missing, 1))
        return self._send_once(agent, "gas", call, lambda: agent.holdings(wallet, chain).wei > before)

    def _send_money(self, agent: BuyerAgent, keys: SessionInfo) -> str:
        units, wallet, chain = usdc_units(self.deed["amount"]), keys.wallet_address, self._chain
        before = Decimal(self._before(agent, keys).partition(" ")[0])
        call = calls.transfer(self.view.network.contracts.usdc, wallet, units)
        wanted = before + Decimal(self.deed["amount"])
        return self._send_once(agent, "funded", call, lambda: agent.holdings(wallet, chain).usdc >= wanted)

    def _before(self, agent: BuyerAgent, keys: SessionInfo) -> str:
        """What was in the wallet before anybody was asked to send: USDC and wei."""
        kept = self.record.asked.get("before")
        if kept is None:
            has = agent.holdings(keys.wallet_address, self._chain)
            kept = self.record.asked["before"] = f"{has.usdc} {has.wei}"
            self._keep()
        return kept
