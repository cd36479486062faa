# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
# pragma nonreentrancy on
"""
@title What agents earned and lost: points, jobs, disputes lost, jobs abandoned
@license Apache-2.0
@notice A recorder, normally the escrow, tells what happened; anyone may read. Points say how an agent behaved, not
        who it is: two addresses of one person can trade with each other, so points alone are no identity.
@dev Calls nobody. Nothing depends on the contract's own address or on immutables.
"""
from modules import ownership

initializes: ownership
exports: ownership.__interface__


COMPLETION_POINTS: constant(int256) = 1
DISPUTE_WON_POINTS: constant(int256) = 1
DISPUTE_LOST_POINTS: constant(int256) = -3
ABANDONMENT_POINTS: constant(int256) = -5

# Outcomes of a dispute, as the escrow numbers them.
BUYER_REFUND: constant(uint8) = 1
SELLER_PAID: constant(uint8) = 2
SPLIT: constant(uint8) = 3

# Base units of USDC in one dollar.
DOLLAR: constant(uint256) = 1_000_000
# Dollars by tens of points: below 10, 10-19, ..., 90-99. From 100 on there is no limit.
JOB_DOLLARS_MAX: constant(uint256[10]) = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]


struct Stats:
    score: int256
    jobs: uint256
    disputesLost: uint256
    abandoned: uint256


event CompletionRecorded:
    buyer: indexed(address)
    seller: indexed(address)
    amount: uint256


event DisputeOutcomeRecorded:
    buyer: indexed(address)
    seller: indexed(address)
    outcome: uint8
    amount: uint256


event AbandonmentRecorded:
    seller: indexed(address)
    amount: uint256


event ScoreChanged:
    agent: indexed(address)
    change: int256
    score: int256


event RecorderChanged:
    recorder: indexed(address)
    allowed: bool


isRecorder: public(HashMap[address, bool])
stats: HashMap[address, Stats]


@deploy
def __init__(owner: address):
    """
    @notice Sets the owner; nobody may record yet.
    @param owner Not zero.
    """
    ownership.__init__(owner)


@external
def recordCompletion(buyer: address, seller: address, amount: uint256):
    """
    @notice A release: +1 and a job for both. Recorders only.
    @param buyer Who paid.
    @param seller Who was paid.
    @param amount Base units; only logged.
    """
    self._check_recorder()
    self._count(buyer, COMPLETION_POINTS)
    self._count(seller, COMPLETION_POINTS)
    log CompletionRecorded(buyer=buyer, seller=seller, amount=amount)


@external
def recordDisputeOutcome(buyer: address, seller: address, outcome: uint8, amount: uint256):
    """
    @notice A decided dispute: a job for both; +1 for the winner, -3 and a lost dispute for the loser. A split has
            neither winner nor loser and changes no points. Recorders only.
    @param buyer Who paid.
    @param seller Who sold.
    @param outcome 1 the buyer won, 2 the seller won, 3 split.
    @param amount Base units; only logged.
    """
    self._check_recorder()
    if outcome == BUYER_REFUND:
        self._count(buyer, DISPUTE_WON_POINTS)
        self._count(seller, DISPUTE_LOST_POINTS)
        self.stats[seller].disputesLost += 1
    elif outcome == SELLER_PAID:
        self._count(seller, DISPUTE_WON_POINTS)
        self._count(buyer, DISPUTE_LOST_POINTS)
        self.stats[buyer].disputesLost += 1
    else:
        assert outcome == SPLIT, "bad outcome"
        self._count(buyer, 0)
        self._count(seller, 0)
    log DisputeOutcomeRecorded(buyer=buyer, seller=seller, outcome=outcome, amount=amount)


@external
def recordAbandonment(seller: address, amount: uint256):
    """
    @notice A sale that was never delivered: -5 and an abandoned job for the seller, which is not counted among its
            jobs. Recorders only.
    @param seller Who did not deliver.
    @param amount Base units; only logged.
    """
    self._check_recorder()
    self.stats[seller].abandoned += 1
    self._change(seller, ABANDONMENT_POINTS)
    log AbandonmentRecorded(seller=seller, amount=amount)


@external
def setRecorder(recorder: address, allowed: bool):
    """
    @notice Says who may record. Owner only.
    @param recorder Normally an escrow contract. Not zero.
    @param allowed Whether it may.
    """
    ownership._check_owner()
    assert recorder != empty(address), "recorder is zero"
    self.isRecorder[recorder] = allowed
    log RecorderChanged(recorder=recorder, allowed=allowed)


@external
@view
def getScore(agent: address) -> int256:
    """
    @notice The points of an agent.
    @param agent Its address.
    @return 0 for an unknown one; may be negative.
    """
    return self.stats[agent].score


@external
@view
def getMaxJobValue(agent: address) -> uint256:
    """
    @notice The largest job that an agent of these points should be trusted with. Information: no contract here
            enforces it.
    @param agent Its address.
    @return Base units of USDC (6 decimals); the largest uint256 from 100 points on.
    """
    return self._max_job_value(self.stats[agent].score)


@external
@view
def getAgentStats(agent: address) -> (int256, uint256, uint256, uint256, uint256):
    """
    @notice Everything about an agent.
    @param agent Its address.
    @return Points, jobs, disputes lost, jobs abandoned, and getMaxJobValue.
    """
    found: Stats = self.stats[agent]
    return (found.score, found.jobs, found.disputesLost, found.abandoned, self._max_job_value(found.score))


@external
@pure
def version() -> String[8]:
    """
    @notice The version of this contract's rules.
    @return Three numbers.
    """
    return "1.0.0"


@internal
@view
def _check_recorder():
    assert self.isRecorder[msg.sender], "not a recorder"


@internal
def _count(agent: address, points: int256):
    self.stats[agent].jobs += 1
    if points != 0:
        self._change(agent, points)


@internal
def _change(agent: address, points: int256):
    score: int256 = self.stats[agent].score + points
    self.stats[agent].score = score
    log ScoreChanged(agent=agent, change=points, score=score)


@internal
@pure
def _max_job_value(score: int256) -> uint256:
    if score < 10:
        return JOB_DOLLARS_MAX[0] * DOLLAR
    if score >= 100:
        return max_value(uint256)
    return JOB_DOLLARS_MAX[convert(score, uint256) // 10] * DOLLAR
