# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title What anyone may ask about an escrow
@license Apache-2.0
@notice The record, the decision, and which step is possible in this block.
"""
from . import records

uses: records


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
    return progress.status == records.DELIVERED and block.timestamp < records._final_from(progress)


@external
@view
def canFinalize(escrowId: bytes32) -> bool:
    """
    @notice Whether anyone could finalize the release in this block.
    @param escrowId The escrow.
    @return False for an escrow that does not exist.
    """
    progress: records.Progress = records._progress(escrowId)
    return progress.status == records.DELIVERED and block.timestamp >= records._final_from(progress)


@external
@view
def canClaimAbandoned(escrowId: bytes32) -> bool:
    """
    @notice Whether the buyer could claim the locked amount back in this block.
    @param escrowId The escrow.
    @return False for an escrow that does not exist.
    """
    if records._progress(escrowId).status != records.FUNDED:
        return False
    return block.timestamp >= records._abandoned_from(records._terms(escrowId))
