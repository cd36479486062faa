"""Lives a company's week through the SDK: owner, delegates, vendors' services, and everything that happens to them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pictures.company import LAST_HOUR, PLANS, Event, at
from pictures.moments import HOUR, NOW, Clock
from tests.e2e.processes import wait_until
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, SellerAgent, SessionInfo
from valetkey.sdk.errors import AlreadyClaimed, ApprovalRequired, Refused, WindowExceeded

HELD_SECONDS = 600
OLD = NOW - 4 * HOUR
"""Alerts from before this moment were seen by somebody."""

SERVICES = (
    ("Company filings, full text", "data", "4.80", "per_document"),
    ("Consumer panel, 200 people", "research", "36.00", "per_request"),
    ("Survey translation", "content", "6.25", "per_document"),
)


class Company:
    """One owner, the sessions of the plans by their keys, and who holds them."""

    def __init__(self, stack: RunningStack, clock: Clock, folder: Path) -> None:
        self.stack, self.clock, self.folder = stack, clock, folder
        self.ids: dict[str, str] = {}
        self._plans = {one.key: one for one in PLANS}
        self._holders: dict[str, BuyerAgent] = {}
        self._made: dict[str, SessionInfo] = {}
        self._open = ExitStack()
        self.owner = self._open.enter_context(
            BuyerAgent.register(
                stack.owner_key, "Harlow & Finch", base_url=stack.base_url, state_dir=folder / "owner"
            )
        )
        self.owner.init_eoa_wallet(stack.owner_key)

    @property
    def api_key(self) -> str:
        assert self.owner.api_key is not None
        return self.owner.api_key.reveal()

    def close(self) -> None:
        self._open.close()

    def offer(self) -> None:
        """Services that a new session may be meant for."""
        wallet = self.stack.wallet()
        seller = self._open.enter_context(
            SellerAgent.register(
                wallet.to_hex(),
                "Orbis Filings",
                base_url=self.stack.base_url,
                state_dir=self.folder / "seller",
            )
        )
        seller.init_eoa_wallet(wallet.to_hex())
        for title, category, price, unit in SERVICES:
            seller.list_service(
                title=title, description=title, category=category, price=price, price_unit=unit
            )

    def live(self, event: Event) -> None:
        """One event, at its moment."""
        self.clock.set(event.at)
        getattr(self, event.what)(event)

    def live_the_last_hour(self) -> None:
        """What happens while somebody watches, and what the platform raises by itself until now."""
        for event in LAST_HOUR:
            self.live(event)
        self.clock.set(NOW)
        self.stack.rpc.call("evm_mine")
        ending = self.ids["podcast"]
        wait_until(lambda: len(self.owner.alerts(session=ending, kind="expiry")) > 0, "the alert of an end")
        self.see_old_alerts()

    # What may happen

    def make(self, event: Event) -> None:
        plan = self._plans[event.key]
        info = self.owner.create_session(
            plan.budget,
            round(plan.lives * HOUR),
            label=plan.label,
            delegate=plan.agent,
            **plan.rules,
        )
        self.ids[event.key] = info.session_id
        self._made[event.key] = info
        self._hold(event.key, info.serialize())

    def pay(self, event: Event) -> None:
        """Paid and proven. A habit may be more than a window lets through: then the agent goes without."""
        try:
            hold = self._asked(event)
        except WindowExceeded:
            assert event.is_habit, event
            return
        hold.mark_signed(b"signed " + hold.id.encode())
        hold.capture()

    def draw(self, event: Event) -> None:
        """Paid out of the grant, on chain, whose last block was made long ago."""
        self.stack.rpc.call("evm_mine")
        self._holders[event.key].draw(self._asked(event))

    def leave(self, event: Event) -> None:
        """Signed, and nobody knows yet."""
        hold = self._asked(event)
        hold.mark_signed(b"signed " + hold.id.encode())

    def hold(self, event: Event) -> None:
        self._asked(event)

    def refuse(self, event: Event) -> None:
        try:
            self._asked(event)
        except ApprovalRequired:
            raise
        except Refused:
            return
        raise AssertionError(f"{event} was not refused")

    def wait(self, event: Event) -> None:
        try:
            self._asked(event)
        except ApprovalRequired:
            return
        raise AssertionError(f"{event} does not wait")

    def attenuate(self, event: Event) -> None:
        rules = dict(event.more)
        name = rules.pop("as")
        part = self._holders[event.key].attenuate(**rules)
        self._hold(name, part.serialize())
        self.ids[name] = self._holders[name].session.session_id  # type: ignore[union-attr]

    def pause(self, event: Event) -> None:
        self.owner.pause_session(self.ids[event.key])

    def revoke(self, event: Event) -> None:
        self.owner.revoke_session(self.ids[event.key])

    def intercept(self, event: Event) -> None:
        """Two open one link: the second one is told no, and the session ends."""
        link = self.owner.claim_link(self._made[event.key])
        with self._agent("reader-1") as first, self._agent("reader-2") as second:
            first.claim(link)
            try:
                second.claim(link)
            except AlreadyClaimed:
                return
        raise AssertionError("a link was opened twice")

    def see_old_alerts(self) -> None:
        """Whoever was here in the morning saw what there was; the clock tells what is newer."""
        from valetkey.studio.words.times import seconds_of

        for one in self.owner.iter_alerts(is_open=True):
            grave = one.kind == "claim_intercepted"
            if seconds_of(one.raised_at) < OLD and not grave:
                self.owner.acknowledge_alert(one)

    # Inside

    def _agent(self, name: str) -> BuyerAgent:
        return BuyerAgent(base_url=self.stack.base_url, state_dir=self.folder / name)

    def _hold(self, key: str, bundle: str) -> None:
        holder = self._open.enter_context(self._agent(key))
        holder.init_with_session(bundle)
        self._holders[key] = holder

    def _asked(self, event: Event) -> Any:
        return self._holders[event.key].spend(
            event.amount, payee=at(event.to), note=event.note, seconds=HELD_SECONDS
        )
