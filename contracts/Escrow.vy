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
@dev Order of this file: constants, events, constructor, actions of the parties, of the resolver, internal functions.
     In modules/: the statuses and how a record is stored (records), what anyone may ask about it (views), keys that
     deliver for a seller (delivery_keys), keys that buy for an owner (session_buyers), how a token is moved (payments), how the score hears of an ending
     (score_hook), what the owner may set (settings).
     Every external function of an instance is under one reentrancy lock (pragma nonreentrancy), views included, so
     that nobody can read a half-made state from inside a token's callback; and in each of them effects precede calls
     to others.
     All times are unix seconds of the block, all intervals half open. Nothing depends on the contract's own
     address or on immutables, so that a development chain may place the code at any address.
"""
from modules import delivery_keys
from modules import grant_terms
from modules import payments
from modules import records
from modules import score_hook
from modules import session_buyers
from modules import settings
from modules import views

initializes: settings
initializes: records
initializes: delivery_keys
initializes: session_buyers
initializes: score_hook[settings := settings]
initializes: views[records := records]
exports: (settings.__interface__, delivery_keys.__interface__, session_buyers.sessionKeys, views.__interface__)

PLATFORM_FEE_BPS: public(constant(uint256)) = 200
BPS: constant(uint256) = 10_000

# What a buyer may sign.
ACCEPT: constant(uint8) = 1
DISPUTE: constant(uint8) = 2
CLAIM: constant(uint8) = 3

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
    fee: uint256 = self._open(
        escrowId, msg.sender, seller, amount, token, deadline, disputeWindow, abandonmentGrace, criteriaHash
    )
    self._pay_fee(escrowId, token, fee, payments._pull(token, msg.sender, amount))


@external
def createEscrowWithSession(
    escrowId: bytes32,
    seller: address,
    amount: uint256,
    deadline: uint256,
    disputeWindow: uint256,
    abandonmentGrace: uint256,
    criteriaHash: bytes32,
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, 2],
    nonce: uint256,
    signedUntil: uint256,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice createEscrow with the money of an owner, out of a grant of its session key, which signed for exactly this
            escrow: EscrowFunding(grant, payee = seller, amount, reference, escrow = this contract, nonce, deadline =
            signedUntil), where the reference is the keccak256 of the other arguments of createEscrow in their order.
            By anyone. The owner is the buyer and gets every refund; the key may accept, dispute and claim for it.
    @param escrowId See createEscrow, as for the next six.
    @param seller Whom the grant's rules look at. Not the session key.
    @param amount Base units of the grant's token.
    @param deadline Until when the seller should deliver.
    @param disputeWindow 0 means 3600.
    @param abandonmentGrace 0 means 172800.
    @param criteriaHash What was agreed.
    @param terms Of the grant; known to the session allowance, and naming this contract as its escrow.
    @param parents Of a child grant; see SessionAllowance.
    @param nonce One that the grant did not use.
    @param signedUntil Unix seconds from which on this cannot be submitted.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the seller is in the tree of the grants that have one.
    """
    assert seller != terms.key, "bad seller"
    fee: uint256 = self._open(
        escrowId,
        terms.owner,
        seller,
        amount,
        terms.token,
        deadline,
        disputeWindow,
        abandonmentGrace,
        criteriaHash,
    )
    session_buyers._remember(escrowId, terms.key)
    wanted: session_buyers.Spend = session_buyers.Spend(
        payee=seller,
        amount=amount,
        reference=keccak256(
            abi_encode(
                escrowId, seller, amount, terms.token, deadline, disputeWindow, abandonmentGrace, criteriaHash
            )
        ),
        bound=True,
        nonce=nonce,
        deadline=signedUntil,
    )
    before: uint256 = payments._held(terms.token)
    session_buyers._fund(settings.allowance, terms, parents, wanted, r, vs, proof)
    held: uint256 = payments._held(terms.token)
    assert held == before + amount, "amount did not arrive"
    self._pay_fee(escrowId, terms.token, fee, held)


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
    assert progress.status == records.FUNDED, "not funded"
    assert delivery_keys._can_deliver(progress.seller, msg.sender), "not the seller"
    assert block.timestamp < records._abandoned_from(records._terms(escrowId)), "abandoned"
    progress.status = records.DELIVERED
    progress.deliveredAt = block.timestamp
    records._set_progress(escrowId, progress)
    records._set_proof(escrowId, proofHash)
    log DeliverySubmitted(
        escrowId=escrowId,
        seller=progress.seller,
        submitter=msg.sender,
        proofHash=proofHash,
        disputableUntil=records._final_from(progress),
    )


@external
def accept(escrowId: bytes32):
    """
    @notice Pays the seller. By the buyer or its session key of record, in Delivered, at any time.
    @param escrowId The escrow.
    """
    self._accept(escrowId, msg.sender)


@external
def dispute(escrowId: bytes32):
    """
    @notice Stops the release until the resolver decides. By the buyer or its session key, in Delivered, before
            deliveredAt + disputeWindow.
    @param escrowId The escrow.
    """
    self._dispute(escrowId, msg.sender)


@external
def finalizeRelease(escrowId: bytes32):
    """
    @notice Pays the seller once nobody disputed in time. By anyone, in Delivered, from
            deliveredAt + disputeWindow on.
    @param escrowId The escrow.
    """
    progress: records.Progress = records._progress(escrowId)
    assert progress.status == records.DELIVERED, "not delivered"
    assert block.timestamp >= records._final_from(progress), "dispute window open"
    self._release(escrowId, progress, records._terms(escrowId).buyer, BY_TIME)


@external
def claimAbandoned(escrowId: bytes32):
    """
    @notice Pays the locked amount back to the buyer. By the buyer or its session key, in Funded, from
            deadline + abandonmentGrace on. The fee is not refunded.
    @param escrowId The escrow.
    """
    self._claim(escrowId, msg.sender)


@external
def stepSigned(escrowId: bytes32, step: uint8, deadline: uint256, r: bytes32, vs: bytes32):
    """
    @notice accept, dispute or claimAbandoned as the buyer or its session key signed it: BuyerStep(escrow, step,
            deadline), EIP-712, in the domain "Valetkey Escrow", version "1". By anyone.
    @param escrowId The escrow.
    @param step 1 accept, 2 dispute, 3 claimAbandoned. Each is possible once, so a signature is worth something once.
    @param deadline Unix seconds from which on this cannot be submitted.
    @param r The signature, and
    @param vs its second half (EIP-2098).
    """
    actor: address = session_buyers._signer(escrowId, step, deadline, r, vs)
    if step == ACCEPT:
        self._accept(escrowId, actor)
    elif step == DISPUTE:
        self._dispute(escrowId, actor)
    else:
        assert step == CLAIM, "no such step"
        self._claim(escrowId, actor)


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
    assert progress.status == records.DISPUTED, "not disputed"
    token: address = records._origin(escrowId).token
    buyer: address = records._terms(escrowId).buyer
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    percent: uint256 = sellerPercent
    if outcome == records.BUYER_REFUND:
        assert sellerPercent == 0 and buyerPercent in [0, 100], "bad percentages"
    elif outcome == records.SELLER_PAID:
        assert buyerPercent == 0 and sellerPercent in [0, 100], "bad percentages"
        percent = 100
    else:
        assert outcome == records.SPLIT, "bad outcome"
        assert buyerPercent <= 100 and sellerPercent == 100 - buyerPercent, "bad percentages"
    to_seller: uint256 = locked * percent // 100
    to_buyer: uint256 = locked - to_seller
    progress.status = records.REFUNDED if outcome == records.BUYER_REFUND else records.RESOLVED
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
    held: uint256 = payments._held(token)
    if to_buyer > 0:
        payments._pay(token, buyer, to_buyer, held)
    if to_seller > 0:
        payments._pay(token, seller, to_seller, held - to_buyer)
    score_hook._tell_dispute_outcome(escrowId, buyer, seller, outcome, locked)


# Which rules these are; the views of an escrow are in modules/views


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
def _accept(escrowId: bytes32, actor: address):
    progress: records.Progress = records._progress(escrowId)
    buyer: address = records._terms(escrowId).buyer
    assert progress.status == records.DELIVERED, "not delivered"
    assert session_buyers._acts_for(actor, buyer, escrowId), "not the buyer"
    self._release(escrowId, progress, buyer, BY_ACCEPTANCE)


@internal
def _dispute(escrowId: bytes32, actor: address):
    progress: records.Progress = records._progress(escrowId)
    buyer: address = records._terms(escrowId).buyer
    assert progress.status == records.DELIVERED, "not delivered"
    assert session_buyers._acts_for(actor, buyer, escrowId), "not the buyer"
    assert block.timestamp < records._final_from(progress), "dispute window closed"
    progress.status = records.DISPUTED
    records._set_progress(escrowId, progress)
    log EscrowDisputed(escrowId=escrowId, buyer=buyer, seller=progress.seller)


@internal
def _claim(escrowId: bytes32, actor: address):
    progress: records.Progress = records._progress(escrowId)
    terms: records.Terms = records._terms(escrowId)
    assert progress.status == records.FUNDED, "not funded"
    assert session_buyers._acts_for(actor, terms.buyer, escrowId), "not the buyer"
    assert block.timestamp >= records._abandoned_from(terms), "not abandoned yet"
    token: address = records._origin(escrowId).token
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    progress.status = records.ABANDONED
    records._set_progress(escrowId, progress)
    log EscrowAbandoned(escrowId=escrowId, buyer=terms.buyer, seller=seller, token=token, amount=locked)
    payments._pay(token, terms.buyer, locked, payments._held(token))
    score_hook._tell_abandonment(escrowId, seller, locked)


@internal
def _open(
    escrowId: bytes32,
    buyer: address,
    seller: address,
    amount: uint256,
    token: address,
    deadline: uint256,
    disputeWindow: uint256,
    abandonmentGrace: uint256,
    criteriaHash: bytes32,
) -> uint256:
    # Everything of a new escrow but its money. Answers the fee.
    assert not settings.paused, "paused"
    assert settings.supportedTokens[token], "token not supported"
    assert records._progress(escrowId).status == records.UNUSED, "escrow id used"
    assert seller not in [empty(address), buyer, self, token], "bad seller"
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
            seller=seller, disputeWindow=window, deliveredAt=0, status=records.FUNDED, outcome=0, sellerPercent=0
        ),
        records.Terms(buyer=buyer, abandonmentGrace=grace, deadline=deadline),
        records.Origin(token=token, createdAt=block.timestamp),
        criteriaHash,
    )
    log EscrowCreated(
        escrowId=escrowId,
        buyer=buyer,
        seller=seller,
        token=token,
        lockedAmount=locked,
        platformFee=fee,
        deadline=deadline,
        disputeWindow=window,
        abandonmentGrace=grace,
        criteriaHash=criteriaHash,
    )
    return fee


@internal
def _pay_fee(escrowId: bytes32, token: address, fee: uint256, held: uint256):
    if fee > 0:
        treasury: address = settings.treasury
        log FeePaid(escrowId=escrowId, treasury=treasury, token=token, amount=fee)
        payments._pay(token, treasury, fee, held)


@internal
def _release(escrowId: bytes32, progress: records.Progress, buyer: address, how: uint8):
    token: address = records._origin(escrowId).token
    seller: address = progress.seller
    locked: uint256 = records._amounts(escrowId).locked
    # An argument cannot be changed in place.
    released: records.Progress = progress
    released.status = records.RELEASED
    records._set_progress(escrowId, released)
    log EscrowReleased(
        escrowId=escrowId, seller=seller, caller=msg.sender, how=how, token=token, amount=locked
    )
    payments._pay(token, seller, locked, payments._held(token))
    score_hook._tell_completion(escrowId, buyer, seller, locked)


@internal
@pure
def _setting(asked: uint256, usual: uint256, least: uint256, most: uint256) -> uint256:
    if asked == 0:
        return usual
    assert asked >= least and asked <= most, "window out of range"
    return asked
