# pragma version 0.4.3
# pragma evm-version cancun
"""
@title How grants end, and how all of an owner's stop
@license Apache-2.0
@notice By the owner, by its key, by the parent's key, or by anyone with what the owner signed when it made the grant.
        A revoked grant never lives again.
"""
from . import grant_signatures
from . import grant_terms
from . import grant_words

uses: grant_words

REVOKE_TYPEHASH: constant(bytes32) = keccak256("Revoke(bytes32 grant)")


event AllRevoked:
    owner: indexed(address)
    epoch: uint256


event Frozen:
    owner: indexed(address)


event Thawed:
    owner: indexed(address)


@external
def revoke(grant: bytes32):
    """
    @notice Ends a grant for ever, known or not. By its owner.
    @param grant Its EIP-712 struct hash.
    """
    id: bytes32 = keccak256(abi_encode(msg.sender, grant))
    grant_words.words[id] |= grant_words.REVOKED
    log grant_words.GrantRevoked(grant=id)


@external
def revokeSigned(owner: address, grant: bytes32, signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX]):
    """
    @notice Ends a grant for ever, known or not. By anyone, with what its owner signed when it made the grant.
    @param owner Whose grant it is.
    @param grant Its EIP-712 struct hash.
    @param signature The owner's over Revoke(grant).
    """
    digest: bytes32 = grant_signatures._digest(keccak256(abi_encode(REVOKE_TYPEHASH, grant)))
    grant_signatures._check_owner(owner, digest, signature)
    grant_words._revoke(grant_terms._id(owner, grant))


@external
def renounce(terms: grant_terms.Terms):
    """
    @notice Ends a grant for ever, known or not. By its key.
    @param terms Of the grant.
    """
    assert msg.sender == terms.key, "not the session key"
    grant_words._revoke(grant_terms._id(terms.owner, grant_terms._hash(terms)))


@external
def revokeChild(terms: grant_terms.Terms, parent: grant_terms.Terms):
    """
    @notice Ends a child grant for ever, known or not. By its parent's key.
    @param terms Of the child.
    @param parent The grant that it names.
    """
    assert msg.sender == parent.key, "not the parent's session key"
    assert terms.parent == grant_terms._hash(parent) and terms.owner == parent.owner, "another parent"
    grant_words._revoke(grant_terms._id(terms.owner, grant_terms._hash(terms)))


@external
def revokeAll():
    """
    @notice Ends all grants of the caller that name the current epoch. A freeze stays.
    """
    standing: uint256 = grant_words.standings[msg.sender] + 2
    grant_words.standings[msg.sender] = standing
    log AllRevoked(owner=msg.sender, epoch=standing >> 1)


@external
def freeze():
    """
    @notice Stops all grants of the caller until thaw.
    """
    grant_words.standings[msg.sender] |= grant_words.FROZEN
    log Frozen(owner=msg.sender)


@external
def thaw():
    """
    @notice Lets the caller's grants go on.
    """
    grant_words.standings[msg.sender] &= ~grant_words.FROZEN
    log Thawed(owner=msg.sender)
