# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What an owner signs for a session key: a grant, how it is named, and whom it may pay
@license Apache-2.0
@notice All amounts are base units of the grant's token, all times unix seconds of the block, intervals half open.
@dev Keeps nothing. Wallets show and sign a Grant with a field for everything (GRANT_TYPEHASH); to this contract it is
     sent as Terms, in which what is small shares a word: zeros in calldata are paid for on every spend. A grant is
     named by its EIP-712 struct hash; its id, under which state is kept and events are told, covers the owner as
     well: whatever somebody says of another owner's grant concerns a word of their own.
"""


struct Terms:
    owner: address  # whose money it is; an EOA or a contract that answers ERC-1271
    key: address  # the session key
    token: address
    escrow: address  # may lock the money for a payee instead of paying it; zero for none
    amounts: uint256  # cap over the whole life << 128 | per-spend limit
    window: uint256  # cap in any windowSeconds seconds << 128 | unit: amounts count in so many base units, rounded up
    times: uint256  # validAfter << 192 | validUntil << 128 | windowSeconds, zero for no window << 64 | epoch
    payees: bytes32  # zero: anyone; an address: only that one; else the root of a Merkle tree of addresses
    predecessor: bytes32  # the grant that this one takes the place of, and whose spends count here
    parent: bytes32  # the grant whose key made this one
    salt: bytes32


GRANT_TYPEHASH: constant(bytes32) = keccak256(
    "Grant(address owner,address key,address token,address escrow,uint256 cap,uint256 perSpend,uint256 windowCap,uint256 windowSeconds,uint256 validAfter,uint256 validUntil,bytes32 payees,bytes32 predecessor,bytes32 parent,uint256 epoch,uint256 unit,bytes32 salt)"
)

HALF: constant(uint256) = 128
HALF_MAX: constant(uint256) = 2**128 - 1
TIME_MAX: constant(uint256) = 2**64 - 1
AFTER_SHIFT: constant(uint256) = 192
UNTIL_SHIFT: constant(uint256) = 128
SECONDS_SHIFT: constant(uint256) = 64

# More than a million payees.
PROOF_MAX: constant(uint256) = 20
WINDOW_SECONDS_MAX: constant(uint256) = 31_622_400
# What the lanes of a word hold; see grant_words.
SPENT_UNITS_MAX: constant(uint256) = 2**42 - 1
WINDOW_UNITS_MAX: constant(uint256) = 2**20 - 2


@internal
@pure
def _hash(terms: Terms) -> bytes32:
    return keccak256(
        abi_encode(
            GRANT_TYPEHASH,
            terms.owner,
            terms.key,
            terms.token,
            terms.escrow,
            terms.amounts >> HALF,
            terms.amounts & HALF_MAX,
            terms.window >> HALF,
            (terms.times >> SECONDS_SHIFT) & TIME_MAX,
            terms.times >> AFTER_SHIFT,
            (terms.times >> UNTIL_SHIFT) & TIME_MAX,
            terms.payees,
            terms.predecessor,
            terms.parent,
            terms.times & TIME_MAX,
            terms.window & HALF_MAX,
            terms.salt,
        )
    )


@internal
@pure
def _id(owner: address, hashed: bytes32) -> bytes32:
    return keccak256(abi_encode(owner, hashed))


@internal
@pure
def _check(terms: Terms):
    # Whether its rules can be kept at all: once, before the first spend.
    assert terms.owner != empty(address) and terms.token != empty(address), "owner or token is zero"
    assert terms.key != empty(address), "key is zero"
    assert terms.key != terms.owner, "key is the owner"
    unit: uint256 = terms.window & HALF_MAX
    seconds: uint256 = (terms.times >> SECONDS_SHIFT) & TIME_MAX
    assert unit != 0, "unit is zero"
    assert terms.times >> AFTER_SHIFT < (terms.times >> UNTIL_SHIFT) & TIME_MAX, "never valid"
    assert (terms.amounts >> HALF) // unit <= SPENT_UNITS_MAX, "cap exceeds its lane"
    assert (terms.window >> HALF) // unit <= WINDOW_UNITS_MAX, "window cap exceeds its lane"
    assert seconds <= WINDOW_SECONDS_MAX, "window too long"
    assert (seconds == 0) == (terms.window >> HALF == 0), "half a window"


@internal
@pure
def _check_child(child: Terms, parent: Terms):
    # What a parent's own rules see on every spend (its window, its freeze, its budget) needs no look here.
    assert child.owner == parent.owner and child.token == parent.token, "another owner or token"
    assert child.times & TIME_MAX == parent.times & TIME_MAX, "another epoch"
    assert child.window & HALF_MAX == parent.window & HALF_MAX, "another unit"
    assert child.predecessor == empty(bytes32), "a child has no predecessor"
    assert (
        child.amounts >> HALF <= parent.amounts >> HALF
        and child.amounts & HALF_MAX <= parent.amounts & HALF_MAX
    ), "wider than its parent"
    assert (
        child.times >> AFTER_SHIFT >= parent.times >> AFTER_SHIFT
        and (child.times >> UNTIL_SHIFT) & TIME_MAX <= (parent.times >> UNTIL_SHIFT) & TIME_MAX
    ), "outlives its parent"
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
    # Leaves are hashed twice, so that no inner node is one. An address as a root has no tree.
    node: bytes32 = keccak256(keccak256(abi_encode(payee)))
    for other: bytes32 in proof:
        if convert(node, uint256) < convert(other, uint256):
            node = keccak256(concat(node, other))
        else:
            node = keccak256(concat(other, node))
    assert node == root, "payee not allowed"
