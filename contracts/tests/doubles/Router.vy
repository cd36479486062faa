# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A router over pools, called as Uniswap V2's is
@license Apache-2.0
@notice Takes an exact amount of the first token of a path and gives the last one. For tests and for chains where nothing
        is worth anything.
"""
from ethereum.ercs import IERC20


interface Pool:
    def token0() -> address: view
    def token1() -> address: view
    def quote(paid: uint256, token: address) -> uint256: view
    def swap(out0: uint256, out1: uint256, to: address): nonpayable


PATH_MAX: constant(uint256) = 8

pool_of: public(HashMap[address, HashMap[address, address]])


@external
def add(pool: address):
    """
    @notice Makes a pool known.
    @param pool One whose tokens no pool here has.
    """
    first: address = staticcall Pool(pool).token0()
    second: address = staticcall Pool(pool).token1()
    assert self.pool_of[first][second] == empty(address), "there is one"
    self.pool_of[first][second] = pool
    self.pool_of[second][first] = pool


@external
@view
def getAmountsOut(amountIn: uint256, path: DynArray[address, PATH_MAX]) -> DynArray[uint256, PATH_MAX]:
    """
    @notice What each token of a path would come to.
    @param amountIn Base units of the first token.
    @param path Tokens, each with a pool to the next.
    @return Base units, one for each token.
    """
    return self._amounts(amountIn, path)


@external
@nonreentrant
def swapExactTokensForTokens(
    amountIn: uint256,
    amountOutMin: uint256,
    path: DynArray[address, PATH_MAX],
    to: address,
    deadline: uint256,
) -> DynArray[uint256, PATH_MAX]:
    """
    @notice Swaps along a path.
    @param amountIn Base units of the first token, which the caller approved.
    @param amountOutMin The least of the last token.
    @param path Tokens, each with a pool to the next.
    @param to Who gets the last token.
    @param deadline Unix seconds; it is too late after them.
    @return Base units, one for each token.
    """
    assert block.timestamp <= deadline, "expired"
    amounts: DynArray[uint256, PATH_MAX] = self._amounts(amountIn, path)
    last: uint256 = len(path) - 1
    assert amounts[last] >= amountOutMin, "insufficient output amount"
    assert extcall IERC20(path[0]).transferFrom(
        msg.sender, self.pool_of[path[0]][path[1]], amountIn, default_return_value=True
    )
    for i: uint256 in range(PATH_MAX):
        if i == last:
            break
        pool: address = self.pool_of[path[i]][path[i + 1]]
        receiver: address = to
        if i + 1 < last:
            receiver = self.pool_of[path[i + 1]][path[i + 2]]
        if staticcall Pool(pool).token0() == path[i]:
            extcall Pool(pool).swap(0, amounts[i + 1], receiver)
        else:
            extcall Pool(pool).swap(amounts[i + 1], 0, receiver)
    return amounts


@internal
@view
def _amounts(paid: uint256, path: DynArray[address, PATH_MAX]) -> DynArray[uint256, PATH_MAX]:
    assert len(path) > 1, "a path has two ends"
    amounts: DynArray[uint256, PATH_MAX] = [paid]
    for i: uint256 in range(PATH_MAX):
        if i + 1 == len(path):
            break
        pool: address = self.pool_of[path[i]][path[i + 1]]
        assert pool != empty(address), "no pool"
        amounts.append(staticcall Pool(pool).quote(amounts[i], path[i]))
    return amounts
