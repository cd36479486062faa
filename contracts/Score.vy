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
     What is known of an agent is one word, since each new word costs 22,100 gas:

         bits     0-63   64-127         128-191     192-255
                  jobs   disputesLost   abandoned   score, in two's complement

     No lane can overflow into its neighbour: in memory the lanes are uint64 and int64, whose arithmetic is checked, so
     a record that does not fit reverts as a whole. None gets that far: a record moves a score by at most 5 and a count
     by at most 2 (one agent on both sides), so it takes 2**63 // 5 of them, each above 3,000 gas for its logs alone; a
     chain of a billion gas a second would be at it for more than 100,000 years.
"""
from modules import ownership

initializes: ownership
exports: ownership.__interface__

# Outcomes of a dispute, as the escrow numbers them.
BUYER_REFUND: constant(uint8) = 1
SELLER_PAID: constant(uint8) = 2
SPLIT: constant(uint8) = 3

# Base units of USDC in one dollar.
DOLLAR: constant(uint256) = 1_000_000
# Dollars by tens of points: below 10, 10-19, ..., 90-99. From 100 on there is no limit.
JOB_DOLLARS_MAX: constant(uint256[10]) = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

LOST_SHIFT: constant(uint256) = 64
ABANDONED_SHIFT: constant(uint256) = 128
SCORE_SHIFT: constant(uint256) = 192
COUNT_MAX: constant(uint256) = 2**64 - 1


struct Stats:
    score: int64
    jobs: uint64
    disputesLost: uint64
    abandoned: uint64


# What is added to an agent's stats.
COMPLETED: constant(Stats) = Stats(score=1, jobs=1, disputesLost=0, abandoned=0)
DISPUTE_WON: constant(Stats) = Stats(score=1, jobs=1, disputesLost=0, abandoned=0)
DISPUTE_LOST: constant(Stats) = Stats(score=-3, jobs=1, disputesLost=1, abandoned=0)
DISPUTE_SPLIT: constant(Stats) = Stats(score=0, jobs=1, disputesLost=0, abandoned=0)
ABANDONED: constant(Stats) = Stats(score=-5, jobs=0, disputesLost=0, abandoned=1)


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
# One word for each agent; only _stats and _set_stats know its lanes.
stats: HashMap[address, uint256]


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
    self._add(buyer, COMPLETED)
    self._add(seller, COMPLETED)
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
        self._add(buyer, DISPUTE_WON)
        self._add(seller, DISPUTE_LOST)
    elif outcome == SELLER_PAID:
        self._add(seller, DISPUTE_WON)
        self._add(buyer, DISPUTE_LOST)
    else:
        assert outcome == SPLIT, "bad outcome"
        self._add(buyer, DISPUTE_SPLIT)
        self._add(seller, DISPUTE_SPLIT)
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
    self._add(seller, ABANDONED)
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
    return convert(self._stats(agent).score, int256)


@external
@view
def getMaxJobValue(agent: address) -> uint256:
    """
    @notice The largest job that an agent of these points should be trusted with. Information: no contract here
            enforces it.
    @param agent Its address.
    @return Base units of USDC (6 decimals); the largest uint256 from 100 points on.
    """
    return self._max_job_value(self._stats(agent).score)


@external
@view
def getAgentStats(agent: address) -> (int256, uint256, uint256, uint256, uint256):
    """
    @notice Everything about an agent.
    @param agent Its address.
    @return Points, jobs, disputes lost, jobs abandoned, and getMaxJobValue.
    """
    found: Stats = self._stats(agent)
    return (
        convert(found.score, int256),
        convert(found.jobs, uint256),
        convert(found.disputesLost, uint256),
        convert(found.abandoned, uint256),
        self._max_job_value(found.score),
    )


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
def _add(agent: address, added: Stats):
    # Before the next agent's stats are read: it may be the same one.
    found: Stats = self._stats(agent)
    found.score += added.score
    found.jobs += added.jobs
    found.disputesLost += added.disputesLost
    found.abandoned += added.abandoned
    self._set_stats(agent, found)
    if added.score != 0:
        log ScoreChanged(
            agent=agent, change=convert(added.score, int256), score=convert(found.score, int256)
        )


@internal
@view
def _stats(agent: address) -> Stats:
    word: uint256 = self.stats[agent]
    # Shifting a signed word to the right copies its sign.
    signed: int256 = convert(convert(word, bytes32), int256)
    return Stats(
        score=convert(signed >> SCORE_SHIFT, int64),
        jobs=convert(word & COUNT_MAX, uint64),
        disputesLost=convert((word >> LOST_SHIFT) & COUNT_MAX, uint64),
        abandoned=convert((word >> ABANDONED_SHIFT) & COUNT_MAX, uint64),
    )


@internal
def _set_stats(agent: address, found: Stats):
    # By way of bytes32, which keeps the bits: as a number, less than zero would not convert.
    score: bytes32 = convert(convert(found.score, int256), bytes32)
    self.stats[agent] = (
        convert(found.jobs, uint256)
        | (convert(found.disputesLost, uint256) << LOST_SHIFT)
        | (convert(found.abandoned, uint256) << ABANDONED_SHIFT)
        | (convert(score, uint256) << SCORE_SHIFT)
    )


@internal
@pure
def _max_job_value(score: int64) -> uint256:
    if score < 10:
        return JOB_DOLLARS_MAX[0] * DOLLAR
    if score >= 100:
        return max_value(uint256)
    return JOB_DOLLARS_MAX[convert(score, uint256) // 10] * DOLLAR
