"""What the escrow should do, in Python: a second opinion that the machine holds against the contract.

Written from the rules in docs/reference/contracts.md, with none of the contract's code."""

from dataclasses import dataclass, field

from contracts.tests.world import (
    ABANDONED,
    BUYER_REFUND,
    DELIVERED,
    DISPUTED,
    FUNDED,
    GREEDY,
    PLAIN,
    QUIET,
    REFUNDED,
    RELEASED,
    RESOLVED,
    SELLER_PAID,
    SPLIT,
    TAXING,
    UNUSED,
)
from valetkey.core.fees import escrow_split


@dataclass(slots=True)
class Deal:
    """One escrow as the model remembers it."""

    token: str
    buyer: str
    seller: str
    locked: int
    fee: int
    status: int
    created_at: int
    deadline: int
    window: int
    grace: int
    delivered_at: int = 0
    proof: bytes = bytes(32)
    resolution: tuple[int, int, int] = (0, 0, 0)

    @property
    def open(self) -> bool:
        return self.status in {FUNDED, DELIVERED, DISPUTED}


@dataclass(slots=True)
class Model:
    """Every action answers whether it should go through, and does it when it should."""

    now: int
    escrow: str
    owner: str
    resolver: str
    treasury: str
    balances: dict[str, dict[str, int]]
    supported: dict[str, bool]
    modes: dict[str, int]
    paused: bool = False
    deals: dict[bytes, Deal] = field(default_factory=dict)
    authorized: dict[tuple[str, str], int] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)

    def create(
        self,
        sender: str,
        escrow_id: bytes,
        seller: str,
        amount: int,
        token: str,
        deadline: int,
        window: int,
        grace: int,
    ) -> bool:
        locked, fee = escrow_split(amount)
        allowed = (
            not self.paused
            and self.supported.get(token, False)
            and escrow_id not in self.deals
            and seller not in {"0x" + "00" * 20, sender, self.escrow, token}
            and self.now < deadline <= self.now + 3_650 * 86_400
            and (window == 0 or 300 <= window <= 86_400)
            and (grace == 0 or 3_600 <= grace <= 2_592_000)
            and locked > 0
            and amount < 2**128
        )
        # A greedy token takes its tax from whoever pays: from the buyer on the way in, which the escrow cannot see, and
        # from the escrow on the way out, which it refuses. Only where there is no fee does nothing go out.
        greedy = self.modes[token] == GREEDY and fee == 0
        if not allowed or (self.modes[token] not in {PLAIN, QUIET} and not greedy):
            return False
        tax = -(-amount // 100) if greedy else 0
        purse = self.balances[token]
        if purse.get(sender, 0) < amount + tax:
            return False
        purse[sender] -= amount + tax
        purse[token] = purse.get(token, 0) + tax
        purse[self.escrow] = purse.get(self.escrow, 0) + locked
        purse[self.treasury] = purse.get(self.treasury, 0) + fee
        self.deals[escrow_id] = Deal(
            token, sender, seller, locked, fee, FUNDED, self.now, deadline, window or 3_600, grace or 172_800
        )
        return True

    def deliver(self, sender: str, escrow_id: bytes, proof: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        if deal is None or deal.status != FUNDED or self.now >= deal.deadline + deal.grace:
            return False
        if not self.can_deliver(deal.seller, sender):
            return False
        deal.status, deal.delivered_at, deal.proof = DELIVERED, self.now, proof
        return True

    def accept(self, sender: str, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        if deal is None or deal.status != DELIVERED or sender != deal.buyer:
            return False
        return self._release(deal)

    def dispute(self, sender: str, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        if deal is None or sender != deal.buyer or not self.window_open(escrow_id):
            return False
        deal.status = DISPUTED
        return True

    def finalize(self, escrow_id: bytes) -> bool:
        return self.can_finalize(escrow_id) and self._release(self.deals[escrow_id])

    def claim(self, sender: str, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        if deal is None or sender != deal.buyer or not self.can_claim(escrow_id):
            return False
        if not self._pay(deal.token, {deal.buyer: deal.locked}):
            return False
        deal.status = ABANDONED
        self._score({deal.seller: -5})
        return True

    def resolve(self, sender: str, escrow_id: bytes, outcome: int, to_buyer: int, to_seller: int) -> bool:
        deal = self.deals.get(escrow_id)
        if deal is None or deal.status != DISPUTED or sender != self.resolver:
            return False
        said = (to_buyer, to_seller)
        if outcome == BUYER_REFUND and said in {(0, 0), (100, 0)}:
            share, points, status, said = 0, (1, -3), REFUNDED, (100, 0)
        elif outcome == SELLER_PAID and said in {(0, 0), (0, 100)}:
            share, points, status, said = deal.locked, (-3, 1), RESOLVED, (0, 100)
        elif outcome == SPLIT and to_buyer + to_seller == 100:
            share, points, status = deal.locked * to_seller // 100, (0, 0), RESOLVED
        else:
            return False
        if not self._pay(deal.token, {deal.buyer: deal.locked - share, deal.seller: share}):
            return False
        deal.status, deal.resolution = status, (outcome, *said)
        self._score(dict(zip((deal.buyer, deal.seller), points, strict=True)))
        return True

    def can_deliver(self, seller: str, key: str) -> bool:
        return key == seller or self.now < self.authorized.get((seller, key), 0)

    def window_open(self, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        return deal is not None and deal.status == DELIVERED and self.now < deal.delivered_at + deal.window

    def can_finalize(self, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        return deal is not None and deal.status == DELIVERED and self.now >= deal.delivered_at + deal.window

    def can_claim(self, escrow_id: bytes) -> bool:
        deal = self.deals.get(escrow_id)
        return deal is not None and deal.status == FUNDED and self.now >= deal.deadline + deal.grace

    def status(self, escrow_id: bytes) -> int:
        deal = self.deals.get(escrow_id)
        return UNUSED if deal is None else deal.status

    def locked(self, token: str) -> int:
        return sum(deal.locked for deal in self.deals.values() if deal.open and deal.token == token)

    def _release(self, deal: Deal) -> bool:
        if not self._pay(deal.token, {deal.seller: deal.locked}):
            return False
        deal.status = RELEASED
        self._score({deal.buyer: 1, deal.seller: 1})
        return True

    def _pay(self, token: str, parts: dict[str, int]) -> bool:
        mode = self.modes[token]
        if any(parts.values()) and mode not in {PLAIN, QUIET, TAXING}:
            return False
        purse = self.balances[token]
        for receiver, amount in parts.items():
            tax = -(-amount // 100) if mode == TAXING else 0
            purse[self.escrow] -= amount
            purse[receiver] = purse.get(receiver, 0) + amount - tax
            purse[token] = purse.get(token, 0) + tax
        return True

    def _score(self, points: dict[str, int]) -> None:
        for agent, change in points.items():
            self.scores[agent] = self.scores.get(agent, 0) + change
