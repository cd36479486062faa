# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A pool of two tokens whose product never shrinks
@license Apache-2.0
@notice Gives one token for the other, less 0.3 %. What is given is sent before what is paid is looked at, so whoever
        swaps pays first. For tests and for chains where nothing is worth anything.
"""
from ethereum.ercs import IERC20


event Swapped:
    to: indexed(address)
    paid0: uint256
    paid1: uint256
    given0: uint256
    given1: uint256


FEE: constant(uint256) = 3
PARTS: constant(uint256) = 1_000

token0: public(immutable(address))
token1: public(immutable(address))
reserve0: public(uint256)
reserve1: public(uint256)


@deploy
def __init__(first: address, second: address):
    """
    @notice A pool without anything in it.
    @param first One token.
    @param second Another one.
    """
    assert first != second, "one token"
    token0 = first
    token1 = second


@external
@nonreentrant
def fill():
    """
    @notice Takes what was sent here into the reserves, as a gift to the pool.
    """
    self.reserve0 = staticcall IERC20(token0).balanceOf(self)
    self.reserve1 = staticcall IERC20(token1).balanceOf(self)


@external
@view
def quote(paid: uint256, token: address) -> uint256:
    """
    @notice What the pool gives for so much.
    @param paid Base units that would be paid.
    @param token What would be paid.
    @return Base units of the other token.
    """
    assert token in [token0, token1], "not of this pool"
    has: uint256 = self.reserve0 if token == token0 else self.reserve1
    gives: uint256 = self.reserve1 if token == token0 else self.reserve0
    counted: uint256 = paid * (PARTS - FEE)
    return counted * gives // (has * PARTS + counted)


@external
@nonreentrant
def swap(out0: uint256, out1: uint256, to: address):
    """
    @notice Gives what is asked for, when what was sent here pays for it.
    @param out0 Base units of the first token.
    @param out1 Base units of the second token.
    @param to Who gets them.
    """
    assert out0 + out1 > 0, "nothing is asked for"
    assert out0 < self.reserve0 and out1 < self.reserve1, "too much is asked for"
    if out0 > 0:
        assert extcall IERC20(token0).transfer(to, out0, default_return_value=True)
    if out1 > 0:
        assert extcall IERC20(token1).transfer(to, out1, default_return_value=True)
    has0: uint256 = staticcall IERC20(token0).balanceOf(self)
    has1: uint256 = staticcall IERC20(token1).balanceOf(self)
    paid0: uint256 = has0 - min(has0, self.reserve0 - out0)
    paid1: uint256 = has1 - min(has1, self.reserve1 - out1)
    counted0: uint256 = has0 * PARTS - paid0 * FEE
    counted1: uint256 = has1 * PARTS - paid1 * FEE
    assert counted0 * counted1 >= self.reserve0 * self.reserve1 * PARTS * PARTS, "too little was paid"
    self.reserve0 = has0
    self.reserve1 = has1
    log Swapped(to=to, paid0=paid0, paid1=paid1, given0=out0, given1=out1)
