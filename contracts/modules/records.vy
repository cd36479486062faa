# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title The record of an escrow: four words and two hashes
@license Apache-2.0
@notice An address leaves 96 bits of its word free; times, windows and states live there. A new word costs 22,100 gas,
        so a record of thirteen words would be most of what an escrow costs.
@dev Each word has a struct of its own, and one function to read and one to write it; only they know the lanes:

         word        bits 0-127     128-255
         amounts     lockedAmount   platformFee

         word        bits 0-159   160-191            192-231       232-239   240-247   248-255
         progress    seller       disputeWindow      deliveredAt   status    outcome   sellerPercent
         terms       buyer        abandonmentGrace   deadline
         origin      token                           createdAt

     No lane can overflow into its neighbour. The escrow creates no record unless
         amount = lockedAmount + platformFee <= AMOUNT_MAX, so both are below 2**128;
         createdAt < deadline and deadline + abandonmentGrace <= TIME_MAX, so both times are below 2**40 (36,812 AD);
         disputeWindow <= 86,400 and abandonmentGrace <= 2,592,000, both below 2**32.
     A delivery comes before deadline + abandonmentGrace, so deliveredAt is below 2**40 too. A status is at most 7, an
     outcome at most 3, a percentage at most 100, all below 2**8. Nothing else is ever written.
"""

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

ADDRESS_MAX: constant(uint256) = 2**160 - 1
AMOUNT_MAX: constant(uint256) = 2**128 - 1
SPAN_MAX: constant(uint256) = 2**32 - 1
TIME_MAX: constant(uint256) = 2**40 - 1
SMALL_MAX: constant(uint256) = 2**8 - 1

FEE_SHIFT: constant(uint256) = 128
SPAN_SHIFT: constant(uint256) = 160
TIME_SHIFT: constant(uint256) = 192
STATUS_SHIFT: constant(uint256) = 232
OUTCOME_SHIFT: constant(uint256) = 240
PERCENT_SHIFT: constant(uint256) = 248


struct Deal:
    amounts: uint256
    progress: uint256
    terms: uint256
    origin: uint256
    proofHash: bytes32
    criteriaHash: bytes32


struct Amounts:
    locked: uint256
    fee: uint256


struct Progress:
    seller: address
    disputeWindow: uint256
    deliveredAt: uint256
    status: uint8
    outcome: uint8
    sellerPercent: uint256


struct Terms:
    buyer: address
    abandonmentGrace: uint256
    deadline: uint256


struct Origin:
    token: address
    createdAt: uint256


deals: HashMap[bytes32, Deal]


# Reading. A record that was never written reads as zeros.


@internal
@view
def _amounts(escrowId: bytes32) -> Amounts:
    word: uint256 = self.deals[escrowId].amounts
    return Amounts(locked=word & AMOUNT_MAX, fee=word >> FEE_SHIFT)


@internal
@view
def _progress(escrowId: bytes32) -> Progress:
    word: uint256 = self.deals[escrowId].progress
    return Progress(
        seller=self._address(word),
        disputeWindow=(word >> SPAN_SHIFT) & SPAN_MAX,
        deliveredAt=(word >> TIME_SHIFT) & TIME_MAX,
        status=convert((word >> STATUS_SHIFT) & SMALL_MAX, uint8),
        outcome=convert((word >> OUTCOME_SHIFT) & SMALL_MAX, uint8),
        sellerPercent=word >> PERCENT_SHIFT,
    )


@internal
@view
def _terms(escrowId: bytes32) -> Terms:
    word: uint256 = self.deals[escrowId].terms
    return Terms(
        buyer=self._address(word),
        abandonmentGrace=(word >> SPAN_SHIFT) & SPAN_MAX,
        deadline=word >> TIME_SHIFT,
    )


@internal
@view
def _origin(escrowId: bytes32) -> Origin:
    word: uint256 = self.deals[escrowId].origin
    return Origin(token=self._address(word), createdAt=word >> TIME_SHIFT)


@internal
@pure
def _address(word: uint256) -> address:
    return convert(word & ADDRESS_MAX, address)


# Moments. All of them unix seconds.


@internal
@pure
def _final_from(progress: Progress) -> uint256:
    # The first second in which the buyer can no longer dispute.
    return progress.deliveredAt + progress.disputeWindow


@internal
@pure
def _abandoned_from(terms: Terms) -> uint256:
    # The first second in which the seller can no longer deliver.
    return terms.deadline + terms.abandonmentGrace


# Writing.


@internal
def _create(
    escrowId: bytes32,
    amounts: Amounts,
    progress: Progress,
    terms: Terms,
    origin: Origin,
    criteriaHash: bytes32,
):
    self.deals[escrowId].amounts = amounts.locked | (amounts.fee << FEE_SHIFT)
    self.deals[escrowId].terms = (
        convert(terms.buyer, uint256) | (terms.abandonmentGrace << SPAN_SHIFT) | (terms.deadline << TIME_SHIFT)
    )
    self.deals[escrowId].origin = convert(origin.token, uint256) | (origin.createdAt << TIME_SHIFT)
    self._set_progress(escrowId, progress)
    # What is zero already needs no gas to say so.
    if criteriaHash != empty(bytes32):
        self.deals[escrowId].criteriaHash = criteriaHash


@internal
def _set_progress(escrowId: bytes32, progress: Progress):
    self.deals[escrowId].progress = (
        convert(progress.seller, uint256)
        | (progress.disputeWindow << SPAN_SHIFT)
        | (progress.deliveredAt << TIME_SHIFT)
        | (convert(progress.status, uint256) << STATUS_SHIFT)
        | (convert(progress.outcome, uint256) << OUTCOME_SHIFT)
        | (progress.sellerPercent << PERCENT_SHIFT)
    )


@internal
def _set_proof(escrowId: bytes32, proofHash: bytes32):
    if proofHash != empty(bytes32):
        self.deals[escrowId].proofHash = proofHash
