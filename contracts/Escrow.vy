# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
# pragma nonreentrancy on
"""
@title Escrow of one purchase between a buyer and a seller
@license Apache-2.0
@notice A buyer locks an amount of a token for a seller. The seller delivers and is paid when the buyer accepts or
        the dispute window closes; the buyer gets the locked amount back when nothing was delivered in time; a
        resolver decides disputes. 2 % of the price go to the treasury at creation and are not refunded.
@dev Order of this file: constants, events, storage, constructor, actions of the parties, of the resolver, views,
     internal functions; what the owner may set is in modules/settings, how a record is stored in modules/records.
     Every external function of an instance is under one reentrancy lock (pragma nonreentrancy), views included, so
     that nobody can read a half-made state from inside a token's callback; and in each of them effects precede calls
     to others.
     All times are unix seconds of the block, all intervals half open. Nothing depends on the contract's own
     address or on immutables, so that a development chain may place the code at any address.
"""
from ethereum.ercs import IERC20

from modules import records
from modules import settings

initializes: settings
initializes: records
exports: settings.__interface__

PLATFORM_FEE_BPS: public(constant(uint256)) = 200
BPS: constant(uint256) = 10_000

# Statuses, as clients know them.
UNUSED: constant(uint8) = 0
FUNDED: constant(uint8) = 1
DELIVERED: constant(uint8) = 2
RELEASED: constant(uint8) = 3
REFUNDED: constant(uint8) = 4
DISPUTED: constant(uint8) = 5
RESOLVED: constant(uint8) = 6
ABANDONED: constant(uint8) = 7

# Outcomes of a dispute.
BUYER_REFUND: constant(uint8) = 1
SELLER_PAID: constant(uint8) = 2
SPLIT: constant(uint8) = 3

# How an escrow was released.
BY_ACCEPTANCE: constant(uint8) = 1
BY_TIME: constant(uint8) = 2

# Seconds.
DISPUTE_WINDOW_DEFAULT: constant(uint256) = 3_600
DISPUTE_WINDOW_MIN: constant(uint256) = 300
DISPUTE_WINDOW_MAX: constant(uint256) = 86_400
ABANDONMENT_GRACE_DEFAULT: constant(uint256) = 172_800
ABANDONMENT_GRACE_MIN: constant(uint256) = 3_600
ABANDONMENT_GRACE_MAX: constant(uint256) = 2_592_000
# Ten years.
DEADLINE_AHEAD_MAX: constant(uint256) = 315_360_000

# What a score hook gets, and what must be left before the call so that it surely gets it: a call is given at most
# 63/64 of the gas that is left (EIP-150), and reaching a cold address costs 2,600 of it. The dearest record of Score,
# a decided dispute of two agents without a history, needs about 120,000 (contracts/gas.json).
HOOK_GAS: constant(uint256) = 190_000
HOOK_GAS_LEFT_MIN: constant(uint256) = HOOK_GAS * 64 // 63 + 10_000


event EscrowCreated:
    escrowId: indexed(bytes32)
    buyer: indexed(address)
    seller: indexed(address)
    token: address
    lockedAmount: uint256
    platformFee: uint256
    deadline: uint256
    disputeWindow: uint256
    abandonmentGrace: uint256
    criteriaHash: bytes32


event FeePaid:
    escrowId: indexed(bytes32)
    treasury: indexed(address)
    token: indexed(address)
    amount: uint256


event DeliverySubmitted:
    escrowId: indexed(bytes32)
    seller: indexed(address)
    submitter: indexed(address)
    proofHash: bytes32
    disputableUntil: uint256


event EscrowReleased:
    escrowId: indexed(bytes32)
    seller: indexed(address)
    caller: indexed(address)
    how: uint8  # 1 the buyer accepted, 2 the dispute window closed
    token: address
    amount: uint256


event EscrowDisputed:
    escrowId: indexed(bytes32)
    buyer: indexed(address)
    seller: indexed(address)


event DisputeResolved:
    escrowId: indexed(bytes32)
    resolver: indexed(address)
    outcome: uint8
    token: address
    buyerAmount: uint256
    sellerAmount: uint256


event EscrowAbandoned:
    escrowId: indexed(bytes32)
    buyer: indexed(address)
    seller: indexed(address)
    token: address
    amount: uint256


event ScoreNotRecorded:
    escrowId: indexed(bytes32)
    score: indexed(address)


event DeliveryAuthorized:
    seller: indexed(address)
    key: indexed(address)
    authorizedUntil: uint256


deliveryAuthorizedUntil: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(
    owner: address, treasury: address, resolver: address, score: address, tokens: DynArray[address, 16]
):
    """
    @notice Sets the roles and the first tokens.
    @param owner Not zero.
    @param treasury Receives the fees. Not zero.
    @param resolver Decides disputes. Not zero.
    @param score Hears of outcomes; zero for none.
    @param tokens Supported from the start; none of them zero.
    """
    settings.__init__(owner, treasury, resolver, score, tokens)


# Actions of the parties


@external
def createEscrow(
    escrowId: bytes32,
    seller: address,
    amount: uint256,
    token: address,
    deadline: uint256,
    disputeWindow: uint256,
    abandonmentGrace: uint256,
    criteriaHash: bytes32,
):
    """
    @notice Pulls exactly `amount` from the caller, who becomes the buyer: the fee, amount * 200 // 10200, goes to
            the treasury, the rest is locked for the seller. Reverts while paused.
    @param escrowId keccak256 of the transaction's id. Never used before.
    @param seller Who is paid. Not zero, not the buyer, neither this contract nor the token (money there is lost).
    @param amount Base units; enough that something is locked, below 2**128. The caller has approved this contract
           for it.
    @param token Supported, and it must move exactly what it is told to.
    @param deadline Until when the seller should deliver: in the future, at most ten years ahead.
    @param disputeWindow 300 to 86400 seconds after delivery; 0 means 3600.
    @param abandonmentGrace 3600 to 2592000 seconds after the deadline; 0 means 172800.
    @param criteriaHash What was agreed; kept as it is.
    """
    assert not settings.paused, "paused"
    assert settings.supportedTokens[token], "token not supported"
    assert records._progress(escrowId).status == UNUSED, "escrow id used"
    assert seller not in [empty(address), msg.sender, self, token], "bad seller"
    assert deadline > block.timestamp, "deadline passed"
    assert deadline <= block.timestamp + DEADLINE_AHEAD_MAX, "deadline too far"
    window: uint256 = self._setting(
        disputeWindow, DISPUTE_WINDOW_DEFAULT, DISPUTE_WINDOW_MIN, DISPUTE_WINDOW_MAX
    )
    grace: uint256 = self._setting(
        abandonmentGrace, ABANDONMENT_GRACE_DEFAULT, ABANDONMENT_GRACE_MIN, ABANDONMENT_GRACE_MAX
    )
    # What the lanes of the record hold (see modules/records). The product cannot overflow then, nor that of a split.
    assert amount <= records.AMOUNT_MAX, "amount too large"
    assert deadline + grace <= records.TIME_MAX, "deadline too far"
    fee: uint256 = amount * PLATFORM_FEE_BPS // (BPS + PLATFORM_FEE_BPS)
    locked: uint256 = amount - fee
    assert locked > 0, "nothing to lock"
    records._create(
        escrowId,
        records.Amounts(locked=locked, fee=fee),
        records.Progress(
            seller=seller, disputeWindow=window, deliveredAt=0, status=FUNDED, outcome=0, sellerPercent=0
        ),
        records.Terms(buyer=msg.sender, abandonmentGrace=grace, deadline=deadline),
        records.Origin(token=token, createdAt=block.timestamp),
        criteriaHash,
    )
    log EscrowCreated(
        escrowId=escrowId,
        buyer=msg.sender,
        seller=seller,
        token=token,
        lockedAmount=locked,
        platformFee=fee,
        deadline=deadline,
        disputeWindow=window,
        abandonmentGrace=grace,
        criteriaHash=criteriaHash,
    )
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    # A token that returns nothing counts as one that returned true; one without code, or false, reverts.
    assert extcall IERC20(token).transferFrom(
        msg.sender, self, amount, default_return_value=True
    ), "transferFrom failed"
    held: uint256 = staticcall IERC20(token).balanceOf(self)
    assert held == before + amount, "amount did not arrive"
    if fee > 0:
        treasury: address = settings.treasury
        log FeePaid(escrowId=escrowId, treasury=treasury, token=token, amount=fee)
        self._pay(token, treasury, fee, held)


@external
def submitDelivery(escrowId: bytes32, proofHash: bytes32):
    """
    @notice Records a delivery and opens the dispute window. By the seller or a key it authorised, while Funded and
            before deadline + abandonmentGrace: from that second on only the buyer's claim is possible, so that a
            claim cannot be overtaken. Late delivery inside the grace is allowed.
    @param escrowId The escrow.
    @param proofHash keccak256 of what was delivered; any value, since the chain cannot judge it.
    """
    progress: records.Progress = records._progress(escrowId)
    assert progress.status == FUNDED, "not funded"
    assert self._can_deliver(progress.seller, msg.sender), "not the seller"
    assert block.timestamp < self._abandoned_from(records._terms(escrowId)), "abandoned"
    progress.status = DELIVERED
    progress.deliveredAt = block.timestamp
    records._set_progress(escrowId, progress)
    records._set_proof(escrowId, proofHash)
    log DeliverySubmitted(
        escrowId=escrowId,
        seller=progress.seller,
        submitter=msg.sender,
        proofHash=proofHash,
        disputableUntil=self._final_from(progress),
    )


@external
def accept(escrowId: bytes32):
    """
    @notice Pays the seller. By the buyer, in Delivered, at any time.
    @param escrowId The escrow.
    """
    progress: records.Progress = records._progress(escrowId)
    buyer: address = records._terms(escrowId).buyer
    assert progress.status == DELIVERED, "not delivered"
    assert msg.sender == buyer, "not the buyer"
    self._release(escrowId, progress, buyer, BY_ACCEPTANCE)


@external
def dispute(escrowId: bytes32):
    """
    @notice Stops the release until the resolver decides. By the buyer, in Delivered, before
            deliveredAt + disputeWindow.
    @param escrowId The escrow.
    """
    progress: records.Progress = records._progress(escrowId)
    assert progress.status == DELIVERED, "not delivered"
    assert msg.sender == records._terms(escrowId).buyer, "not the buyer"
    assert block.timestamp < self._final_from(progress), "dispute window closed"
    progress.status = DISPUTED
    records._set_progress(escrowId, progress)
    log EscrowDisputed(escrowId=escrowId, buyer=msg.sender, seller=progress.seller)


@external
def finalizeRelease(escrowId: bytes32):
    """
    @notice Pays the seller once nobody disputed in time. By anyone, in Delivered, from
            deliveredAt + disputeWindow on.
    @param escrowId The escrow.
    """
    progress: records.Progress = records._progress(escrowId)
    assert progress.status == DELIVERED, "not delivered"
    assert block.timestamp >= self._final_from(progress), "dispute window open"
    self._release(escrowId, progress, records._terms(escrowId).buyer, BY_TIME)


@external
def claimAbandoned(escrowId: bytes32):
    """
    @notice Pays the locked amount back to the buyer. By the buyer, in Funded, from
            deadline + abandonmentGrace on. The fee is not refunded.
    @param escrowId The escrow.
    """
    progress: records.Progress = records._progress(escrowId)
    terms: records.Terms = records._terms(escrowId)
    assert progress.status == FUNDED, "not funded"
    assert msg.sender == terms.buyer, "not the buyer"
    assert block.timestamp >= self._abandoned_from(terms), "not abandoned yet"
    token: address = records._origin(escrowId).token
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    progress.status = ABANDONED
    records._set_progress(escrowId, progress)
    log EscrowAbandoned(escrowId=escrowId, buyer=msg.sender, seller=seller, token=token, amount=locked)
    self._pay(token, msg.sender, locked, staticcall IERC20(token).balanceOf(self))
    self._tell_score(
        escrowId, abi_encode(seller, locked, method_id=method_id("recordAbandonment(address,uint256)"))
    )


@external
def authorizeDelivery(key: address, authorizedUntil: uint256):
    """
    @notice Lets `key` call submitDelivery for all of the caller's sales while block.timestamp < authorizedUntil.
            The key can do nothing else: proceeds always go to the seller.
    @param key Not zero.
    @param authorizedUntil Unix seconds; 0 (or any past time) revokes at once.
    """
    assert key != empty(address), "key is zero"
    self.deliveryAuthorizedUntil[msg.sender][key] = authorizedUntil
    log DeliveryAuthorized(seller=msg.sender, key=key, authorizedUntil=authorizedUntil)


# Actions of the resolver


@external
def resolveDispute(escrowId: bytes32, outcome: uint8, buyerPercent: uint256, sellerPercent: uint256):
    """
    @notice Decides a dispute and pays out everything that is locked. By the resolver, in Disputed, at any time.
    @param escrowId The escrow.
    @param outcome 1 all to the buyer (then Refunded), 2 all to the seller, 3 split (both then Resolved).
    @param buyerPercent With 3 both percentages must sum to 100; with 1 and 2 they are 0 and 0, or say the same as
           the outcome.
    @param sellerPercent The seller gets lockedAmount * sellerPercent // 100, the buyer the rest and so the dust.
    """
    assert msg.sender == settings.resolver, "not the resolver"
    progress: records.Progress = records._progress(escrowId)
    assert progress.status == DISPUTED, "not disputed"
    token: address = records._origin(escrowId).token
    buyer: address = records._terms(escrowId).buyer
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    percent: uint256 = sellerPercent
    if outcome == BUYER_REFUND:
        assert sellerPercent == 0 and buyerPercent in [0, 100], "bad percentages"
    elif outcome == SELLER_PAID:
        assert buyerPercent == 0 and sellerPercent in [0, 100], "bad percentages"
        percent = 100
    else:
        assert outcome == SPLIT, "bad outcome"
        assert buyerPercent <= 100 and sellerPercent == 100 - buyerPercent, "bad percentages"
    to_seller: uint256 = locked * percent // 100
    to_buyer: uint256 = locked - to_seller
    progress.status = REFUNDED if outcome == BUYER_REFUND else RESOLVED
    progress.outcome = outcome
    progress.sellerPercent = percent
    records._set_progress(escrowId, progress)
    log DisputeResolved(
        escrowId=escrowId,
        resolver=msg.sender,
        outcome=outcome,
        token=token,
        buyerAmount=to_buyer,
        sellerAmount=to_seller,
    )
    held: uint256 = staticcall IERC20(token).balanceOf(self)
    if to_buyer > 0:
        self._pay(token, buyer, to_buyer, held)
    if to_seller > 0:
        self._pay(token, seller, to_seller, held - to_buyer)
    self._tell_score(
        escrowId,
        abi_encode(
            buyer,
            seller,
            outcome,
            locked,
            method_id=method_id("recordDisputeOutcome(address,address,uint8,uint256)"),
        ),
    )


# Views


@external
@view
def getEscrow(
    escrowId: bytes32,
) -> (
    address, address, address, uint256, uint256, uint8, uint256, uint256, uint256, uint256, uint256, bytes32, bytes32
):
    """
    @notice The record of an escrow. One that was never created reads as zeros: buyer zero, status 0.
    @param escrowId The escrow.
    @return token, buyer, seller, lockedAmount and platformFee (base units), status, createdAt, deadline,
            disputeWindow, abandonmentGrace, deliveredAt (0 before delivery), proofHash, criteriaHash. Amounts stay
            as they were agreed after the money has left.
    """
    origin: records.Origin = records._origin(escrowId)
    terms: records.Terms = records._terms(escrowId)
    amounts: records.Amounts = records._amounts(escrowId)
    progress: records.Progress = records._progress(escrowId)
    return (
        origin.token,
        terms.buyer,
        progress.seller,
        amounts.locked,
        amounts.fee,
        progress.status,
        origin.createdAt,
        terms.deadline,
        progress.disputeWindow,
        terms.abandonmentGrace,
        progress.deliveredAt,
        records.deals[escrowId].proofHash,
        records.deals[escrowId].criteriaHash,
    )


@external
@view
def getResolution(escrowId: bytes32) -> (uint8, uint256, uint256):
    """
    @notice How a dispute was decided.
    @param escrowId The escrow.
    @return outcome (1 buyer refunded, 2 seller paid, 3 split), buyerPercent, sellerPercent: 100 and 0 for outcome 1,
            0 and 100 for 2. Zeros while nothing was decided, and for an escrow that does not exist.
    """
    progress: records.Progress = records._progress(escrowId)
    if progress.outcome == 0:
        return (0, 0, 0)
    return (progress.outcome, 100 - progress.sellerPercent, progress.sellerPercent)


@external
@view
def isDisputeWindowActive(escrowId: bytes32) -> bool:
    """
    @notice Whether the buyer could dispute in this block.
    @param escrowId The escrow.
    @return False for an escrow that does not exist.
    """
    progress: records.Progress = records._progress(escrowId)
    return progress.status == DELIVERED and block.timestamp < self._final_from(progress)


@external
@view
def canFinalize(escrowId: bytes32) -> bool:
    """
    @notice Whether anyone could finalize the release in this block.
    @param escrowId The escrow.
    @return False for an escrow that does not exist.
    """
    progress: records.Progress = records._progress(escrowId)
    return progress.status == DELIVERED and block.timestamp >= self._final_from(progress)


@external
@view
def canClaimAbandoned(escrowId: bytes32) -> bool:
    """
    @notice Whether the buyer could claim the locked amount back in this block.
    @param escrowId The escrow.
    @return False for an escrow that does not exist.
    """
    if records._progress(escrowId).status != FUNDED:
        return False
    return block.timestamp >= self._abandoned_from(records._terms(escrowId))


@external
@view
def canDeliver(seller: address, key: address) -> bool:
    """
    @notice Whether `key` may submit deliveries of `seller` in this block.
    @param seller Whose sales.
    @param key The seller itself, or a key that it authorised.
    @return True while it may.
    """
    return self._can_deliver(seller, key)


@external
@pure
def version() -> String[8]:
    """
    @notice The version of this contract's rules.
    @return Three numbers.
    """
    return "1.0.0"


# Internal functions


@internal
def _release(escrowId: bytes32, progress: records.Progress, buyer: address, how: uint8):
    token: address = records._origin(escrowId).token
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    # An argument cannot be changed in place.
    released: records.Progress = progress
    released.status = RELEASED
    records._set_progress(escrowId, released)
    log EscrowReleased(
        escrowId=escrowId, seller=seller, caller=msg.sender, how=how, token=token, amount=locked
    )
    self._pay(token, seller, locked, staticcall IERC20(token).balanceOf(self))
    self._tell_score(
        escrowId,
        abi_encode(
            buyer, seller, locked, method_id=method_id("recordCompletion(address,address,uint256)")
        ),
    )


@internal
def _pay(token: address, receiver: address, amount: uint256, held: uint256):
    # Exactly this amount has to leave of what the contract holds: a token that turned greedy must not reach into
    # other escrows, and one that says true and moves nothing must not end an escrow. The caller has just asked for
    # `held`, or has seen it checked: a second question would have the same answer.
    assert extcall IERC20(token).transfer(receiver, amount, default_return_value=True), "transfer failed"
    assert staticcall IERC20(token).balanceOf(self) == held - amount, "another amount left"


@internal
def _tell_score(escrowId: bytes32, message: Bytes[132]):
    # The last thing that happens, after the money moved. A score contract that fails, burns its gas, answers
    # megabytes or is not there cannot stop a payment; and a caller who sends too little gas for it, to dodge a
    # bad score, reverts as a whole.
    score: address = settings.score
    if score == empty(address):
        return
    assert msg.gas >= HOOK_GAS_LEFT_MIN, "too little gas for the score"
    heard: bool = False
    if score.is_contract:
        heard = raw_call(score, message, gas=HOOK_GAS, revert_on_failure=False)
    if not heard:
        log ScoreNotRecorded(escrowId=escrowId, score=score)


@internal
@pure
def _final_from(progress: records.Progress) -> uint256:
    # The first second in which the buyer can no longer dispute.
    return progress.deliveredAt + progress.disputeWindow


@internal
@pure
def _abandoned_from(terms: records.Terms) -> uint256:
    # The first second in which the seller can no longer deliver.
    return terms.deadline + terms.abandonmentGrace


@internal
@view
def _can_deliver(seller: address, key: address) -> bool:
    return key == seller or block.timestamp < self.deliveryAuthorizedUntil[seller][key]


@internal
@pure
def _setting(asked: uint256, usual: uint256, least: uint256, most: uint256) -> uint256:
    if asked == 0:
        return usual
    assert asked >= least and asked <= most, "window out of range"
    return asked
