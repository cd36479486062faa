# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A score contract that fails in every way there is
@license Apache-2.0
@notice Tests only.
"""

REVERTING: constant(uint256) = 0
BURNING: constant(uint256) = 1
BABBLING: constant(uint256) = 2
STRIKING: constant(uint256) = 3

mode: uint256
target: address
strike: Bytes[1024]
landed: public(bool)


@external
def behave(mode: uint256):
    self.mode = mode


@external
def arm(target: address, data: Bytes[1024]):
    self.mode = STRIKING
    self.target = target
    self.strike = data


@external
@raw_return
def __default__() -> Bytes[16384]:
    if self.mode == REVERTING:
        raise "no scores today"
    if self.mode == BURNING:
        for i: uint256 in range(max_value(uint256)):
            self.landed = False
    if self.mode == STRIKING:
        self.landed = raw_call(self.target, self.strike, revert_on_failure=False)
    babble: uint256[512] = empty(uint256[512])
    return abi_encode(babble)
