# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token of 18 decimals that anyone may mint
@license Apache-2.0
@notice Stands for wrapped ether, and, when it is strict, for a token that changes an allowance only from or to nothing.
        For tests and for chains where nothing is worth anything.
"""
from ethereum.ercs import IERC20

implements: IERC20

decimals: public(constant(uint8)) = 18
symbol: public(String[8])
strict: public(immutable(bool))
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(name: String[8], is_strict: bool):
    """
    @notice A token that nobody has.
    @param name Its symbol, which says nothing about what it is.
    @param is_strict Whether an allowance is changed only from or to nothing.
    """
    self.symbol = name
    strict = is_strict


@external
def mint(to: address, amount: uint256):
    """
    @notice Makes money out of nothing, for anyone.
    @param to Who gets it.
    @param amount Base units.
    """
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Lets somebody take so much of the caller's.
    @param spender Who may.
    @param amount Base units.
    @return True; otherwise it reverts.
    """
    assert not strict or amount == 0 or self.allowance[msg.sender][spender] == 0, "set it to nothing first"
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's money.
    @param to Who gets it.
    @param amount Base units.
    @return True; otherwise it reverts.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves what the caller may take.
    @param owner Whose money.
    @param to Who gets it.
    @param amount Base units.
    @return True; otherwise it reverts.
    """
    self.allowance[owner][msg.sender] -= amount
    self._move(owner, to, amount)
    return True


@internal
def _move(owner: address, to: address, amount: uint256):
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)
