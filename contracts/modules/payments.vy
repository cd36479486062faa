# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Moving a token, and seeing that exactly so much of it moved
@license Apache-2.0
@notice A token that returns nothing counts as one that returned true; one without code, or false, reverts.
@dev Keeps nothing. What the contract holds is asked once before a payment and handed on to the next one: a second
     question would have the same answer.
"""
from ethereum.ercs import IERC20


@internal
@view
def _held(token: address) -> uint256:
    return staticcall IERC20(token).balanceOf(self)


@internal
def _pull(token: address, payer: address, amount: uint256) -> uint256:
    # Answers what the contract holds then.
    before: uint256 = self._held(token)
    assert extcall IERC20(token).transferFrom(
        payer, self, amount, default_return_value=True
    ), "transferFrom failed"
    held: uint256 = self._held(token)
    assert held == before + amount, "amount did not arrive"
    return held


@internal
def _pay(token: address, receiver: address, amount: uint256, held: uint256):
    # Exactly this amount has to leave of the `held` that is there: a token that turned greedy must not reach into
    # other escrows, and one that says true and moves nothing must not end an escrow.
    assert extcall IERC20(token).transfer(receiver, amount, default_return_value=True), "transfer failed"
    assert self._held(token) == held - amount, "another amount left"
