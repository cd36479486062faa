"""The escrow against its model: any party, any call, any time; after every step money and state agree."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import boa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from contracts.tests.model import Model
from contracts.tests.world import (
    DAY,
    DELIVERED,
    FUNDED,
    GREEDY,
    PLAIN,
    START,
    TAXING,
    World,
    at,
    call,
    fresh_id,
    send,
)

ACTIONS = [
    *("createEscrow", "submitDelivery", "accept", "dispute", "finalizeRelease", "claimAbandoned"),
    "resolveDispute",
]

AMOUNTS = st.one_of(
    st.sampled_from([0, 1, 50, 51, 52, 1_020_000, 10**14]),
    st.integers(1, 10_000),
    st.sampled_from([2**128 - 1, 2**128, 2**256 - 1]),
)
LIVES = st.sampled_from([-1, 0, 1, 3_600, DAY, 3_650 * DAY, 3_650 * DAY + 1])
WINDOWS = st.sampled_from([0, 0, 299, 300, 3_600, 86_400, 86_401])
GRACES = st.sampled_from([0, 0, 3_599, 3_600, 2_592_000, 2_592_001])
SHARES = st.one_of(
    st.sampled_from([(1, 0, 0), (1, 100, 0), (2, 0, 0), (2, 0, 100), (1, 0, 100), (0, 50, 50), (3, 50, 49)]),
    st.integers(0, 100).map(lambda percent: (3, percent, 100 - percent)),
)
# Mostly well-behaved, so that runs get somewhere.
MODES = st.sampled_from([PLAIN, PLAIN, PLAIN, 1, 2, 3, TAXING, 5, 6, GREEDY])
# Whoever the step belongs to, or somebody by number.
WHO = st.one_of(st.just(-1), st.just(-1), st.integers(0, 9))


class EscrowMachine(RuleBasedStateMachine):
    """Several buyers, sellers, keys and strangers, three tokens, one contract, one model."""

    ids = Bundle("ids")

    def __init__(self, world: World, tally: Counter[tuple[str, bool]]) -> None:
        super().__init__()
        self.world = world
        self.tally = tally
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        at(START)
        self.escrow = world.escrow
        self.buyers = [world.buyer, world.other_buyer]
        self.sellers = [world.seller, world.other_seller]
        self.everybody = [
            *self.buyers,
            *self.sellers,
            *(world.key, world.owner, world.resolver, world.treasury, world.stranger, world.puppet.address),
        ]
        # Enough for an amount that no record holds.
        for buyer in self.buyers:
            world.must(world.owner, world.odd, "mint", buyer, 2**129)
        self.tokens = {str(token.address): token for token in (world.usdc, world.odd)}
        holders = [*self.everybody, str(self.escrow.address), *self.tokens]
        self.model = Model(
            now=START,
            escrow=str(self.escrow.address),
            owner=world.owner,
            resolver=world.resolver,
            treasury=world.treasury,
            balances={
                name: dict(zip(holders, world.balances(token, *holders), strict=True))
                for name, token in self.tokens.items()
            },
            supported=dict.fromkeys(self.tokens, True),
            modes=dict.fromkeys(self.tokens, PLAIN),
        )
        # A transaction that reverted changed nothing: money is counted again after those that went through.
        self.changed = self.moved = True
        self.touched: set[bytes] = set()
        self.totals = {name: sum(purse.values()) for name, purse in self.model.balances.items()}
        # What was counted last, by holder and by agent.
        self.counted = {name: dict(purse) for name, purse in self.model.balances.items()}
        self.scored: dict[str, int] = {}

    def teardown(self) -> None:
        # What a step must not touch, it did not touch.
        try:
            self._compare_money(everybody=True)
            self._compare_records(self.model.deals)
        finally:
            self.anchor.__exit__(None, None, None)

    def party(self, who: int, rightful: str) -> str:
        """The party of a number; -1 is the rightful one."""
        return rightful if who < 0 else self.everybody[who]

    def expect(self, predicted: bool, sender: str, function: str, *arguments: Any) -> None:
        outcome = send(sender, self.escrow, function, *arguments)
        if outcome.ok:
            self.changed = True
            self.touched |= {argument for argument in arguments[:1] if isinstance(argument, bytes)}
        self.tally[function, outcome.ok] += 1
        assert outcome.ok is predicted, (
            f"{function} {arguments} by {sender}: {outcome.ok} {outcome.reason}, the model says {predicted}"
        )

    def roles(self, escrow_id: bytes) -> tuple[str, str]:
        deal = self.model.deals.get(escrow_id)
        return (deal.buyer, deal.seller) if deal else (self.buyers[0], self.sellers[0])

    @initialize(target=ids)
    def begin(self) -> Any:
        ids = [
            self._create(fresh_id(), -1, which, which, 1_020_000, token, DAY, 0, 0)
            for which, token in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        self.deliver(ids[0], -1, bytes(32))
        self.deliver(ids[3], -1, bytes(32))
        return multiple(*ids, fresh_id())

    @rule(
        target=ids,
        who=WHO,
        which=st.integers(0, 1),
        seller=st.integers(0, 7),
        amount=AMOUNTS,
        token=st.integers(0, 1),
        life=LIVES,
        window=WINDOWS,
        grace=GRACES,
    )
    def create_any(
        self, who: int, which: int, seller: int, amount: int, token: int, life: int, window: int, grace: int
    ) -> Any:
        return self._create(fresh_id(), who, which, seller, amount, token, life, window, grace)

    @rule(
        target=ids,
        which=st.integers(0, 1),
        seller=st.integers(0, 1),
        token=st.integers(0, 1),
        amount=st.integers(1, 10**7),
        window=st.sampled_from([0, 300, 86_400]),
        grace=st.sampled_from([0, 3_600, 2_592_000]),
    )
    def create_ordinary(
        self, which: int, seller: int, token: int, amount: int, window: int, grace: int
    ) -> Any:
        return self._create(fresh_id(), -1, which, seller, amount, token, DAY, window, grace)

    @rule(pick=st.integers(0, 7), ending=st.integers(0, 5), percent=st.integers(0, 100))
    def tell_to_the_end(self, pick: int, ending: int, percent: int) -> None:
        """The rightful parties take an open escrow to one of its endings, each at the earliest moment, after
        somebody else tried, or they themselves a second too early."""
        still_open = [escrow_id for escrow_id, deal in self.model.deals.items() if deal.open]
        if not still_open:
            return
        escrow_id = still_open[pick % len(still_open)]
        deal = self.model.deals[escrow_id]
        if deal.status == FUNDED and ending == 0:
            for early in (1, 0):
                self._be_at(deal.deadline + deal.grace - early)
                self.claim(escrow_id, -1)
            return
        if deal.status == FUNDED:
            self.deliver(escrow_id, -1, b"\x09" * 32)
        if deal.status == DELIVERED and ending == 1:
            for who in (pick, -1):
                self.accept(escrow_id, who)
        elif deal.status == DELIVERED and ending == 2:
            for early in (1, 0):
                self._be_at(deal.delivered_at + deal.window - early)
                self.finalize(escrow_id, -1)
        else:
            self.dispute(escrow_id, -1)
            decisions = {3: (1, 0, 0), 4: (2, 0, 0)}
            self.resolve(escrow_id, -1, decisions.get(ending, (3, percent, 100 - percent)))

    def _create(
        self,
        escrow_id: bytes,
        who: int,
        which: int,
        seller: int,
        amount: int,
        token: int,
        life: int,
        window: int,
        grace: int,
    ) -> bytes:
        sender = self.party(who, self.buyers[which])
        name = list(self.tokens)[token]
        paid = [*self.sellers, *self.sellers, sender, "0x" + "00" * 20, str(self.escrow.address), name][
            seller
        ]
        # Who approved nothing cannot pay.
        poor = sender not in {*self.buyers, self.sellers[0]}
        terms = (escrow_id, paid, amount, name, self.model.now + life, window, grace)
        predicted = not poor and self.model.create(sender, *terms)
        self.expect(predicted, sender, "createEscrow", *terms, bytes(32))
        return escrow_id

    @rule(escrow_id=ids, who=WHO, action=st.integers(0, 6), decision=SHARES)
    def anyone_tries(self, escrow_id: bytes, who: int, action: int, decision: tuple[int, int, int]) -> None:
        """Any call of any party on any escrow, at whatever time it is."""
        steps = (self.accept, self.dispute, self.finalize, self.claim)
        if action < len(steps):
            steps[action](escrow_id, who)
        elif action == 4:
            self.deliver(escrow_id, who, b"\x03" * 32)
        elif action == 5:
            self.resolve(escrow_id, who, decision)
        else:
            self._create(escrow_id, -1, 0, 0, 1_000, 0, DAY, 0, 0)

    def deliver(self, escrow_id: bytes, who: int, proof: bytes) -> None:
        sender = self.party(who, self.roles(escrow_id)[1])
        self.expect(self.model.deliver(sender, escrow_id, proof), sender, "submitDelivery", escrow_id, proof)

    def accept(self, escrow_id: bytes, who: int) -> None:
        sender = self.party(who, self.roles(escrow_id)[0])
        self.expect(self.model.accept(sender, escrow_id), sender, "accept", escrow_id)

    def dispute(self, escrow_id: bytes, who: int) -> None:
        sender = self.party(who, self.roles(escrow_id)[0])
        self.expect(self.model.dispute(sender, escrow_id), sender, "dispute", escrow_id)

    def finalize(self, escrow_id: bytes, who: int) -> None:
        sender = self.party(who, self.world.stranger)
        self.expect(self.model.finalize(escrow_id), sender, "finalizeRelease", escrow_id)

    def claim(self, escrow_id: bytes, who: int) -> None:
        sender = self.party(who, self.roles(escrow_id)[0])
        self.expect(self.model.claim(sender, escrow_id), sender, "claimAbandoned", escrow_id)

    def resolve(self, escrow_id: bytes, who: int, decision: tuple[int, int, int]) -> None:
        sender = self.party(who, self.model.resolver)
        predicted = self.model.resolve(sender, escrow_id, *decision)
        self.expect(predicted, sender, "resolveDispute", escrow_id, *decision)

    @rule(seller=st.integers(0, 1), who=st.integers(0, 9), life=st.sampled_from([-1, 0, 1, 300, 10 * DAY]))
    def authorize(self, seller: int, who: int, life: int) -> None:
        until = self.model.now + life
        self.model.authorized[self.sellers[seller], self.everybody[who]] = until
        self.expect(True, self.sellers[seller], "authorizeDelivery", self.everybody[who], until)

    @rule(what=st.integers(0, 3), who=WHO, which=st.integers(0, 9), token=st.integers(0, 1), on=st.booleans())
    def configure(self, what: int, who: int, which: int, token: int, on: bool) -> None:
        sender, name, party = (
            self.party(who, self.model.owner),
            list(self.tokens)[token],
            self.everybody[which],
        )
        allowed = sender == self.model.owner
        if what == 0:
            self.expect(allowed, sender, "setTokenSupported", name, on)
            if allowed:
                self.model.supported[name] = on
        elif what == 1:
            self.expect(allowed, sender, "setTreasury", party)
            if allowed:
                self.model.treasury = party
        elif what == 2:
            self.expect(allowed, sender, "setResolver", party)
            if allowed:
                self.model.resolver = party
        else:
            self.expect(allowed, sender, "pause" if on else "unpause")
            if allowed:
                self.model.paused = on

    @rule(mode=MODES)
    def spoil(self, mode: int) -> None:
        name = list(self.tokens)[1]
        self.model.modes[name] = mode
        self.world.must(self.world.owner, self.tokens[name], "behave", mode)

    @rule(seconds=st.sampled_from([0, 1, 299, 3_600, DAY, 3 * DAY]))
    def wait(self, seconds: int) -> None:
        self._be_at(self.model.now + seconds)

    @rule(escrow_id=ids, offset=st.sampled_from([-1, 0, 1]))
    def wait_for_an_edge(self, escrow_id: bytes, offset: int) -> None:
        deal = self.model.deals.get(escrow_id)
        if deal is not None:
            edge = {FUNDED: deal.deadline + deal.grace, DELIVERED: deal.delivered_at + deal.window}
            self._be_at(edge.get(deal.status, self.model.now) + offset)

    def _be_at(self, moment: int) -> None:
        self.moved |= moment > self.model.now
        self.model.now = max(self.model.now, moment)
        at(self.model.now)

    @invariant()
    def money_records_and_views_are_what_the_model_has(self) -> None:
        """Nothing appears or vanishes; the contract holds exactly what is open."""
        if self.changed:
            self._compare_money()
            self._compare_records(self.touched)
        if self.changed or self.moved:
            self._compare_views(set(self.model.deals) if self.moved else self.touched)
        self.changed = self.moved = False
        self.touched = set()

    def _compare_money(self, *, everybody: bool = False) -> None:
        """What the escrow holds, and what whoever had a part in the step has; or what everybody has."""
        escrow = str(self.escrow.address)
        for name, token in self.tokens.items():
            purse, before = self.model.balances[name], self.counted[name]
            holders = [who for who in purse if everybody or who == escrow or purse[who] != before.get(who)]
            assert self.world.balances(token, *holders) == [purse[who] for who in holders]
            assert sum(purse.values()) == self.totals[name]
            assert purse[escrow] == self.model.locked(name)
            self.counted[name] = dict(purse)
        for agent, points in self.model.scores.items():
            if everybody or points != self.scored.get(agent):
                assert call(self.world.score, "getScore", agent) == points
        self.scored = dict(self.model.scores)

    def _compare_records(self, ids: Iterable[bytes]) -> None:
        for escrow_id in ids:
            deal = self.model.deals[escrow_id]
            assert tuple(call(self.escrow, "getEscrow", escrow_id)) == (
                *(deal.token, deal.buyer, deal.seller, deal.locked, deal.fee, deal.status, deal.created_at),
                *(deal.deadline, deal.window, deal.grace, deal.delivered_at, deal.proof, bytes(32)),
            )
            assert tuple(call(self.escrow, "getResolution", escrow_id)) == deal.resolution

    def _compare_views(self, ids: Iterable[bytes]) -> None:
        for escrow_id in ids:
            if self.model.deals[escrow_id].open:
                expected = {
                    "isDisputeWindowActive": self.model.window_open(escrow_id),
                    "canFinalize": self.model.can_finalize(escrow_id),
                    "canClaimAbandoned": self.model.can_claim(escrow_id),
                }
                assert {view: call(self.escrow, view, escrow_id) for view in expected} == expected


def run(world: World, **profile: Any) -> None:
    """Run the machine, and see that it got everywhere: each action both went through and was refused."""
    tally: Counter[tuple[str, bool]] = Counter()
    run_state_machine_as_test(
        lambda: EscrowMachine(world, tally), settings=settings(deadline=None, **profile)
    )
    missing = {(function, ok) for function in ACTIONS for ok in (True, False)} - set(tally)
    assert not missing


def test_the_contract_agrees_with_its_model(deployed: World) -> None:
    run(deployed, max_examples=90, stateful_step_count=25, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_the_contract_agrees_with_its_model_for_long(deployed: World) -> None:
    run(deployed, max_examples=1_500, stateful_step_count=60, derandomize=False)
