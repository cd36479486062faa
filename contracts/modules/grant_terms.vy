# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What an owner signs for a session key: a grant, how it is named, and whom it may pay
@license Apache-2.0
@notice All amounts are base units of the grant's token, all times unix seconds of the block, intervals half open.
@dev Keeps nothing. A grant is named by its EIP-712 struct hash; its `id`, under which state is kept and events are
     told, covers the owner as well: whatever somebody says of another owner's grant concerns a word of their own.
"""

struct Grant:
    owner: address  # whose money it is; an EOA or a contract that answers ERC-1271
    key: address  # the session key
    token: address
    escrow: address  # may lock the money for a payee instead of paying it; zero for none
    cap: uint256  # over the whole life
    perSpend: uint256
    windowCap: uint256  # in any `windowSeconds` seconds; both are zero for no window
    windowSeconds: uint256
    validAfter: uint256
    validUntil: uint256
    payees: bytes32  # zero: anyone; an address: only that one; else the root of a Merkle tree of addresses
    predecessor: bytes32  # the grant that this one takes the place of, and whose spends count here
    parent: bytes32  # the grant whose key made this one
    epoch: uint256
    unit: uint256  # amounts count in so many base units, rounded up
    salt: bytes32


GRANT_TYPEHASH: constant(bytes32) = keccak256(
    "Grant(address owner,address key,address token,address escrow,uint256 cap,uint256 perSpend,uint256 windowCap,uint256 windowSeconds,uint256 validAfter,uint256 validUntil,bytes32 payees,bytes32 predecessor,bytes32 parent,uint256 epoch,uint256 unit,bytes32 salt)"
)

# More than a million payees.
PROOF_MAX: constant(uint256) = 20
WINDOW_SECONDS_MAX: constant(uint256) = 31_622_400
# What the lanes of the word hold; see modules/grant_words.
SPENT_UNITS_MAX: constant(uint256) = 2**42 - 1
WINDOW_UNITS_MAX: constant(uint256) = 2**20 - 2
EPOCH_MAX: constant(uint256) = 2**64 - 1


@internal
@pure
def _hash(grant: Grant) -> bytes32:
    return keccak256(abi_encode(GRANT_TYPEHASH, grant))


@internal
@pure
def _id(owner: address, hashed: bytes32) -> bytes32:
    return keccak256(abi_encode(owner, hashed))


@internal
@pure
def _check(grant: Grant):
    # Whether its rules can be kept at all: once, before the first spend.
    assert grant.owner != empty(address) and grant.token != empty(address), "owner or token is zero"
    assert grant.key != empty(address), "key is zero"
    assert grant.key != grant.owner, "key is the owner"
    assert grant.unit > 0, "unit is zero"
    assert grant.validAfter < grant.validUntil, "never valid"
    assert grant.epoch <= EPOCH_MAX, "epoch too large"
    assert grant.cap // grant.unit <= SPENT_UNITS_MAX, "cap exceeds its lane"
    assert grant.windowCap // grant.unit <= WINDOW_UNITS_MAX, "window cap exceeds its lane"
    assert grant.windowSeconds <= WINDOW_SECONDS_MAX, "window too long"
    assert (grant.windowSeconds == 0) == (grant.windowCap == 0), "half a window"


@internal
@pure
def _check_child(child: Grant, parent: Grant):
    # What a parent's own rules see on every spend (its window, its freeze, its budget) needs no look here.
    assert child.owner == parent.owner and child.token == parent.token, "another owner or token"
    assert child.epoch == parent.epoch, "another epoch"
    assert child.predecessor == empty(bytes32), "a child has no predecessor"
    assert child.cap <= parent.cap and child.perSpend <= parent.perSpend, "wider than its parent"
    assert child.validAfter >= parent.validAfter and child.validUntil <= parent.validUntil, "outlives its parent"
    assert child.escrow in [empty(address), parent.escrow], "another escrow"
    # Two different trees would need two proofs. One payee out of the parent's tree needs one.
    assert (
        parent.payees == empty(bytes32)
        or child.payees == parent.payees
        or (child.payees != empty(bytes32) and convert(child.payees, uint256) >> 160 == 0)
    ), "other payees"


@internal
@pure
def _check_tree(root: bytes32, payee: address, proof: DynArray[bytes32, PROOF_MAX]):
    # Leaves are hashed twice, so that no inner node is one.
    node: bytes32 = keccak256(keccak256(abi_encode(payee)))
    for other: bytes32 in proof:
        if convert(node, uint256) < convert(other, uint256):
            node = keccak256(concat(node, other))
        else:
            node = keccak256(concat(other, node))
    assert node == root, "payee not allowed"
