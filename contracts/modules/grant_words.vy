# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What was spent from a grant: one word, and the one rule that adds to it
@license Apache-2.0
@notice The window slides: it is cut into eight buckets, and a spend counts until a full window has passed since the
        end of its bucket. So no interval of the window's length ever holds more than its cap.
@dev A word, from its lowest bit: nine lanes of 20 bits (the units of the current bucket and of the eight before it),
     42 bits of units spent in all, 32 bits for the number of the current bucket, whether the grant is revoked, and
     whether another one took its place. The number is never zero in a grant that was registered; without a window it
     is 1. The lanes never hold more than 2**20 - 2 in all, so their sum is the word modulo 2**20 - 1: every lane's
     place value is 1 there.
"""
from . import grant_terms

ONE: constant(uint256) = 1
LANE_BITS: constant(uint256) = 20
LANE_MAX: constant(uint256) = 2**20 - 1
BUCKETS: constant(uint256) = 8
RING_BITS: constant(uint256) = 180
RING_MAX: constant(uint256) = 2**180 - 1
SPENT_SHIFT: constant(uint256) = 180
SPENT_MAX: constant(uint256) = 2**42 - 1
BUCKET_SHIFT: constant(uint256) = 222
BUCKET_MAX: constant(uint256) = 2**32 - 1
FLAGS_SHIFT: constant(uint256) = 254
REVOKED: constant(uint256) = 2**254
SUCCEEDED: constant(uint256) = 2**255
FROZEN: constant(uint256) = 1


event GrantRegistered:
    grant: indexed(bytes32)
    owner: indexed(address)


event GrantRevoked:
    grant: bytes32


event GrantSucceeded:
    grant: indexed(bytes32)
    successor: indexed(bytes32)


words: public(HashMap[bytes32, uint256])
# Of each owner: how often all grants were revoked (the epoch), times two, and one more while they are frozen.
standings: public(HashMap[address, uint256])


@internal
@view
def _ring(word: uint256, windowSeconds: uint256) -> uint256:
    # The lanes that count now, with the current bucket in the lowest, and the number of that bucket: a word in which
    # nothing else is set.
    length: uint256 = unsafe_div(unsafe_add(windowSeconds, BUCKETS - 1), BUCKETS)
    bucket: uint256 = unsafe_div(block.timestamp, length)
    passed: uint256 = unsafe_mul(unsafe_sub(bucket, (word >> BUCKET_SHIFT) & BUCKET_MAX), LANE_BITS)
    counting: uint256 = unsafe_sub(bucket, unsafe_div(unsafe_sub(block.timestamp, windowSeconds), length))
    lanes: uint256 = unsafe_sub(ONE << unsafe_mul(unsafe_add(counting, 1), LANE_BITS), 1)
    return (((word & RING_MAX) << passed) & lanes) | (bucket << BUCKET_SHIFT)


@internal
def _debit(id: bytes32, owner: address, amounts: uint256, window: uint256, times: uint256, amount: uint256):
    # The last four as in grant_terms.Terms.
    word: uint256 = self.words[id]
    # Neither zero nor with a flag above the number of its bucket.
    if unsafe_sub(word >> BUCKET_SHIFT, 1) >= BUCKET_MAX:
        assert word >> FLAGS_SHIFT == 0, "revoked"
        raise "not registered"
    if self.standings[owner] != (times & grant_terms.TIME_MAX) << 1:
        assert self.standings[owner] & FROZEN == 0, "frozen"
        raise "another epoch"
    assert block.timestamp >= times >> grant_terms.AFTER_SHIFT, "not valid yet"
    assert block.timestamp < (times >> grant_terms.UNTIL_SHIFT) & grant_terms.TIME_MAX, "expired"
    assert amount != 0, "nothing to spend"
    unit: uint256 = window & grant_terms.HALF_MAX
    units: uint256 = unsafe_div(amount, unit)
    if unsafe_mul(units, unit) != amount:
        units = unsafe_add(units, 1)
    assert units <= unsafe_div(amounts & grant_terms.HALF_MAX, unit), "above the per-spend limit"
    # No sum here overflows: what is added to passed the check above, and lanes hold less than they can.
    spent: uint256 = unsafe_add((word >> SPENT_SHIFT) & SPENT_MAX, units)
    assert spent <= unsafe_div(amounts >> grant_terms.HALF, unit), "above the cap"
    after: uint256 = spent << SPENT_SHIFT
    windowSeconds: uint256 = (times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
    if windowSeconds == 0:
        after |= ONE << BUCKET_SHIFT
    else:
        ring: uint256 = self._ring(word, windowSeconds)
        assert unsafe_add((ring & RING_MAX) % LANE_MAX, units) <= unsafe_div(
            window >> grant_terms.HALF, unit
        ), "above the window's cap"
        after |= unsafe_add(ring, units)
    self.words[id] = after


@internal
def _open(id: bytes32, owner: address, times: uint256):
    # Never over something that is there: that would give back what was spent.
    assert self.words[id] >> FLAGS_SHIFT == 0, "revoked"
    windowSeconds: uint256 = (times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
    bucket: uint256 = 1
    if windowSeconds != 0:
        bucket = block.timestamp // ((windowSeconds + BUCKETS - 1) // BUCKETS)
    self.words[id] = bucket << BUCKET_SHIFT
    log GrantRegistered(grant=id, owner=owner)


@internal
def _succeed(id: bytes32, before: bytes32):
    # What was spent before counts from now on here, and no longer there.
    word: uint256 = self.words[before]
    assert word & SUCCEEDED == 0, "succeeded already"
    self.words[before] = word | REVOKED | SUCCEEDED
    log GrantSucceeded(grant=before, successor=id)
    inherited: uint256 = word & (REVOKED - 1)
    if inherited >> BUCKET_SHIFT != 0:
        self.words[id] = inherited


@internal
def _revoke(id: bytes32):
    self.words[id] |= REVOKED
    log GrantRevoked(grant=id)


@internal
@view
def _is_known(id: bytes32) -> bool:
    # A grant that was revoked before anybody used it is not.
    return (self.words[id] >> BUCKET_SHIFT) & BUCKET_MAX != 0
