# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Telling the score how an escrow ended
@license Apache-2.0
@notice The last thing that happens to an escrow, after its money moved. A score contract that fails, burns its gas,
        answers megabytes or is not there cannot stop a payment; and a caller who sends too little gas for it, to
        dodge a bad score, reverts as a whole.
@dev The functions that are told are those of Score; see there.
"""
from . import settings

uses: settings

# What the score gets, and what must be left before the call so that it surely gets it: a call is given at most
# 63/64 of the gas that is left (EIP-150), and reaching a cold address costs 2,600 of it. The dearest record of Score,
# a decided dispute of two agents without a history, needs about 54,000 (contracts/gas.json).
HOOK_GAS: constant(uint256) = 87_000
HOOK_GAS_LEFT_MIN: constant(uint256) = HOOK_GAS * 64 // 63 + 10_000


event ScoreNotRecorded:
    escrowId: indexed(bytes32)
    score: indexed(address)


@internal
def _tell_completion(escrowId: bytes32, buyer: address, seller: address, amount: uint256):
    self._tell(
        escrowId,
        abi_encode(buyer, seller, amount, method_id=method_id("recordCompletion(address,address,uint256)")),
    )


@internal
def _tell_dispute_outcome(escrowId: bytes32, buyer: address, seller: address, outcome: uint8, amount: uint256):
    self._tell(
        escrowId,
        abi_encode(
            buyer,
            seller,
            outcome,
            amount,
            method_id=method_id("recordDisputeOutcome(address,address,uint8,uint256)"),
        ),
    )


@internal
def _tell_abandonment(escrowId: bytes32, seller: address, amount: uint256):
    self._tell(escrowId, abi_encode(seller, amount, method_id=method_id("recordAbandonment(address,uint256)")))


@internal
def _tell(escrowId: bytes32, message: Bytes[132]):
    score: address = settings.score
    if score == empty(address):
        return
    assert msg.gas >= HOOK_GAS_LEFT_MIN, "too little gas for the score"
    heard: bool = False
    if score.is_contract:
        heard = raw_call(score, message, gas=HOOK_GAS, revert_on_failure=False)
    if not heard:
        log ScoreNotRecorded(escrowId=escrowId, score=score)
