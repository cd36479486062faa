# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A router that cheats as its mode says
@license Apache-2.0
@notice It quotes whatever is asked. Anyone may let it take what was approved for it, at any time. Tests only.
"""
from ethereum.ercs import IERC20

KEEPING: constant(uint256) = 1  # takes what is in the call, gives nothing
GREEDY: constant(uint256) = 2  # takes twice what is in the call
TRYING: constant(uint256) = 3  # takes what is in the call, tries for more, and gives nothing
ENTERING: constant(uint256) = 4  # takes what is in the call, then calls itself to take it again
FAKING: constant(uint256) = 5  # takes what is in the call, gives as much of another token
SHORT: constant(uint256) = 6  # takes what is in the call, gives one unit less than the least
REFUSING: constant(uint256) = 7  # takes nothing, and refuses

PATH_MAX: constant(uint256) = 8
mode: public(uint256)
fake: public(address)


@external
def behave(mode: uint256, fake: address):
    self.mode = mode
    self.fake = fake


@external
@view
def decimals() -> uint8:
    return 18


@external
@view
def getAmountsOut(amountIn: uint256, path: DynArray[address, PATH_MAX]) -> DynArray[uint256, PATH_MAX]:
    return [amountIn, max_value(uint256)]


@external
def swapExactTokensForTokens(
    amountIn: uint256,
    amountOutMin: uint256,
    path: DynArray[address, PATH_MAX],
    to: address,
    deadline: uint256,
) -> DynArray[uint256, PATH_MAX]:
    assert self.mode != REFUSING, "not today"
    token: address = path[0]
    taken: uint256 = 2 * amountIn if self.mode == GREEDY else amountIn
    extcall IERC20(token).transferFrom(msg.sender, self, taken)
    if self.mode == TRYING:
        ok: bool = raw_call(
            token,
            abi_encode(msg.sender, self, amountIn, method_id=method_id("transferFrom(address,address,uint256)")),
            revert_on_failure=False,
        )
    if self.mode == ENTERING:
        ok: bool = raw_call(
            self,
            abi_encode(token, msg.sender, amountIn, method_id=method_id("take(address,address,uint256)")),
            revert_on_failure=False,
        )
    if self.mode == FAKING:
        extcall IERC20(self.fake).transfer(to, amountOutMin)
    if self.mode == SHORT:
        extcall IERC20(path[len(path) - 1]).transfer(to, amountOutMin - 1)
    return [amountIn, amountOutMin]


@external
def take(token: address, owner: address, amount: uint256):
    extcall IERC20(token).transferFrom(owner, self, amount)


@external
def deposit(token: address, amount: uint256):
    """
    @notice Takes what is said, or, when it is greedy, twice that.
    """
    assert self.mode != REFUSING, "not today"
    extcall IERC20(token).transferFrom(msg.sender, self, 2 * amount if self.mode == GREEDY else amount)


@external
@payable
def ping(number: uint256):
    """
    @notice Takes nothing but what comes along.
    """
    assert self.mode != REFUSING, "not today"
