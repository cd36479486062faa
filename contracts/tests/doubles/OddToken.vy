# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token that behaves as badly as its mode says
@license Apache-2.0
@notice No money appears or disappears here: a tax goes to the token's own address. Tests only.
"""


interface Hook:
    def moved(): nonpayable


PLAIN: constant(uint256) = 0
QUIET: constant(uint256) = 1  # moves, returns nothing
LYING: constant(uint256) = 2  # moves nothing, returns nothing that says so: true
REFUSING: constant(uint256) = 3  # moves nothing, returns false
TAXING: constant(uint256) = 4  # moves 1 % less, rounded up
SCOLDING: constant(uint256) = 5  # moves, returns false
BABBLING: constant(uint256) = 6  # moves, returns 2
GREEDY: constant(uint256) = 7  # takes 1 % more from the sender

mode: public(uint256)
hook: public(address)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def behave(mode: uint256):
    self.mode = mode


@external
def set_hook(hook: address):
    self.hook = hook


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[32]:
    self._move(msg.sender, to, amount)
    return self._answer()


@external
@raw_return
def transferFrom(owner: address, to: address, amount: uint256) -> Bytes[32]:
    self.allowance[owner][msg.sender] -= amount
    self._move(owner, to, amount)
    return self._answer()


@internal
def _move(owner: address, to: address, amount: uint256):
    if self.hook != empty(address):
        extcall Hook(self.hook).moved()
    if self.mode in [LYING, REFUSING]:
        return
    tax: uint256 = (amount + 99) // 100
    taken: uint256 = amount + tax if self.mode == GREEDY else amount
    given: uint256 = amount - tax if self.mode == TAXING else amount
    self.balanceOf[owner] -= taken
    self.balanceOf[to] += given
    self.balanceOf[self] += taken - given


@internal
@view
def _answer() -> Bytes[32]:
    if self.mode == QUIET:
        return b""
    if self.mode in [REFUSING, SCOLDING]:
        return abi_encode(False)
    if self.mode == BABBLING:
        return abi_encode(convert(2, uint256))
    return abi_encode(True)
