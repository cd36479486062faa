# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What anyone may ask about a grant
@license Apache-2.0
@notice How it is named, what is left of it now, and the most that it could still cost.
"""
from . import grant_terms
from . import grant_words

uses: grant_words


@external
@view
def namesOf(terms: grant_terms.Terms) -> (bytes32, bytes32):
    """
    @notice How a grant is named.
    @param terms Any.
    @return Its EIP-712 struct hash, which owners revoke by; and its id, which events tell.
    """
    hashed: bytes32 = grant_terms._hash(terms)
    return hashed, grant_terms._id(terms.owner, hashed)


@external
@view
def remaining(terms: grant_terms.Terms) -> (uint256, uint256, uint256, uint256):
    """
    @notice What a grant alone would allow in this block: its parents, the owner's balance and the approval of this
            contract may allow less.
    @param terms Any.
    @return Base units of the largest spend that would pass; what is left of the cap; what is left of the window (of
            the cap, without one); and the unix second in which the window next releases something, 0 for never.
            All zero while it cannot spend at all: not known, revoked, frozen, not valid yet or not any more.
    """
    hashed: bytes32 = grant_terms._hash(terms)
    word: uint256 = grant_words.words[grant_terms._id(terms.owner, hashed)]
    if (
        word >> grant_words.FLAGS_SHIFT != 0
        or word >> grant_words.BUCKET_SHIFT == 0
        or grant_words.standings[terms.owner] != (terms.times & grant_terms.TIME_MAX) << 1
        or block.timestamp < terms.times >> grant_terms.AFTER_SHIFT
        or block.timestamp >= (terms.times >> grant_terms.UNTIL_SHIFT) & grant_terms.TIME_MAX
    ):
        return 0, 0, 0, 0
    left: uint256 = self._left(word, terms.amounts, terms.window)
    inside: uint256 = left
    releases: uint256 = 0
    unit: uint256 = terms.window & grant_terms.HALF_MAX
    windowSeconds: uint256 = (terms.times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
    if windowSeconds != 0:
        ring: uint256 = grant_words._ring(word, windowSeconds)
        used: uint256 = (ring & grant_words.RING_MAX) % grant_words.LANE_MAX
        limit: uint256 = (terms.window >> grant_terms.HALF) // unit
        inside = (limit - used) * unit if limit > used else 0
        releases = self._releases(ring, windowSeconds)
    most: uint256 = (terms.amounts & grant_terms.HALF_MAX) // unit * unit
    return min(min(left, inside), most), left, inside, releases


@external
@view
def worstLoss(terms: grant_terms.Terms) -> uint256:
    """
    @notice The most that a grant could still cost its owner if its key were lost now, whether it is frozen or not.
    @param terms One that its owner signed.
    @return Base units: what is left of the cap, or less when the window does not let all of it out before the end.
            Zero for one that is revoked or over.
    """
    hashed: bytes32 = grant_terms._hash(terms)
    word: uint256 = grant_words.words[grant_terms._id(terms.owner, hashed)]
    if (
        word >> grant_words.FLAGS_SHIFT != 0
        or grant_words.standings[terms.owner] >> 1 != terms.times & grant_terms.TIME_MAX
        or block.timestamp >= (terms.times >> grant_terms.UNTIL_SHIFT) & grant_terms.TIME_MAX
    ):
        return 0
    left: uint256 = self._left(word, terms.amounts, terms.window)
    windowSeconds: uint256 = (terms.times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
    if windowSeconds == 0:
        return left
    begins: uint256 = max(block.timestamp, terms.times >> grant_terms.AFTER_SHIFT)
    ends: uint256 = (terms.times >> grant_terms.UNTIL_SHIFT) & grant_terms.TIME_MAX
    windows: uint256 = (ends - begins - 1) // windowSeconds + 1
    unit: uint256 = terms.window & grant_terms.HALF_MAX
    return min(left, windows * ((terms.window >> grant_terms.HALF) // unit * unit))


@internal
@view
def _left(word: uint256, amounts: uint256, window: uint256) -> uint256:
    spent: uint256 = (word >> grant_words.SPENT_SHIFT) & grant_words.SPENT_MAX
    unit: uint256 = window & grant_terms.HALF_MAX
    limit: uint256 = (amounts >> grant_terms.HALF) // unit
    return (limit - spent) * unit if limit > spent else 0


@internal
@view
def _releases(ring: uint256, windowSeconds: uint256) -> uint256:
    # The oldest bucket that counts, and when it counts no more.
    length: uint256 = (windowSeconds + grant_words.BUCKETS - 1) // grant_words.BUCKETS
    for age: uint256 in range(9):
        lane: uint256 = 8 - age
        if (ring >> (lane * grant_words.LANE_BITS)) & grant_words.LANE_MAX != 0:
            return ((ring >> grant_words.BUCKET_SHIFT) - lane + 1) * length + windowSeconds
    return 0
