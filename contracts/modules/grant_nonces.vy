# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Which signed spends were paid or cancelled
@license Apache-2.0
@notice A key chooses any number for each spend that it signs, so that they can go out in any order.
@dev 256 of a grant's nonces share a word: the first of them is dearer than the others.
"""
from . import grant_terms

ONE: constant(uint256) = 1
# The nonce of a signed spend that makes its grant known, which happens once: it needs no other.
FIRST: constant(uint256) = max_value(uint256)


event NonceCancelled:
    grant: indexed(bytes32)
    nonce: uint256


# Which nonces of signed spends are used, 256 in a word, by the hash of the grant's id and the word's number.
used: HashMap[bytes32, uint256]


@external
def cancel(terms: grant_terms.Terms, nonce: uint256):
    """
    @notice Uses up a nonce, so that what was signed with it cannot be paid any more. By the key or the owner.
    @param terms Of the grant.
    @param nonce Not used.
    """
    assert msg.sender in [terms.key, terms.owner], "neither key nor owner"
    id: bytes32 = grant_terms._id(terms.owner, grant_terms._hash(terms))
    self._use(id, nonce)
    log NonceCancelled(grant=id, nonce=nonce)


@external
@view
def isNonceUsed(id: bytes32, nonce: uint256) -> bool:
    """
    @notice Whether a signed spend of a grant with this nonce cannot be paid any more.
    @param id The grant's id; see namesOf.
    @param nonce Any but FIRST.
    @return True once it was paid or cancelled.
    """
    return (self.used[keccak256(abi_encode(id, nonce >> 8))] >> (nonce & 255)) & 1 == 1


@internal
def _use(id: bytes32, nonce: uint256):
    assert nonce != FIRST, "only a first spend"
    name: bytes32 = keccak256(abi_encode(id, nonce >> 8))
    word: uint256 = self.used[name]
    bit: uint256 = ONE << (nonce & 255)
    assert word & bit == 0, "nonce used"
    self.used[name] = word | bit
