# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A party that is a contract: acts on command, strikes back when a token calls it, signs what it was told to
@license Apache-2.0
@notice Tests only.
"""

target: address
strike: Bytes[1024]
struck: public(uint256)
landed: public(uint256)
signed: HashMap[bytes32, bool]


@external
def act(target: address, data: Bytes[1024]):
    raw_call(target, data)


@external
def arm(target: address, data: Bytes[1024]):
    self.target = target
    self.strike = data
    self.struck = 0
    self.landed = 0


@external
def moved():
    self.struck += 1
    if raw_call(self.target, self.strike, revert_on_failure=False):
        self.landed += 1


@external
def sign(digest: bytes32):
    self.signed[digest] = True


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[4096]) -> bytes4:
    if self.signed[digest] and len(signature) == 200:
        return 0x1626BA7E
    return 0xFFFFFFFF
