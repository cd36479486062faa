# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Making grants known: by the owner's signature, or by that of the parent's key
@license Apache-2.0
@notice Anyone may register what was signed. It happens once: a known grant keeps what was spent from it, and a revoked
        one is never registered.
"""
from . import grant_signatures
from . import grant_terms
from . import grant_words

uses: grant_words


@external
def register(terms: grant_terms.Terms, signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX]):
    """
    @notice Makes a grant known. By anyone; of a known one it changes nothing.
    @param terms What the owner signed. Not revoked, without a predecessor.
    @param signature The owner's: 65 bytes of its key, or what its contract accepts (ERC-1271).
    """
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    if grant_words._is_known(id):
        return
    assert terms.predecessor == empty(bytes32), "show its predecessor"
    assert terms.parent == empty(bytes32), "a child is signed by its parent"
    grant_terms._check(terms)
    grant_signatures._check_owner(
        terms.owner, grant_signatures._digest(hashed), signature
    )
    grant_words._open(id, terms.owner, terms.times)


@external
def registerSuccessor(
    terms: grant_terms.Terms,
    predecessor: grant_terms.Terms,
    signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX],
):
    """
    @notice Makes a grant known that takes the place of another one: the other one is revoked from here on, and what
            was spent from it counts here. By anyone; of a known one it changes nothing.
    @param terms What the owner signed. Not revoked.
    @param predecessor The grant that it names: of the same owner, token, unit and window length, not succeeded by
           another one.
    @param signature The owner's; see register.
    """
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    if grant_words._is_known(id):
        return
    before: bytes32 = grant_terms._hash(predecessor)
    assert terms.predecessor == before, "another predecessor"
    assert terms.parent == empty(bytes32) and predecessor.parent == empty(bytes32), "children are not succeeded"
    assert predecessor.owner == terms.owner and predecessor.token == terms.token, "another owner or token"
    assert predecessor.window & grant_terms.HALF_MAX == terms.window & grant_terms.HALF_MAX, "another unit"
    assert (
        (predecessor.times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
        == (terms.times >> grant_terms.SECONDS_SHIFT) & grant_terms.TIME_MAX
    ), "another window length"
    grant_terms._check(terms)
    grant_signatures._check_owner(
        terms.owner, grant_signatures._digest(hashed), signature
    )
    grant_words._open(id, terms.owner, terms.times)
    grant_words._succeed(id, grant_terms._id(terms.owner, before))


@external
def registerChild(terms: grant_terms.Terms, parent: grant_terms.Terms, r: bytes32, vs: bytes32):
    """
    @notice Makes a grant known that another grant's key signed; it spends out of that one too. By anyone; of a known
            one it changes nothing.
    @param terms What the parent's key signed. Not revoked, in nothing wider than its parent.
    @param parent The grant that it names.
    @param r The signature of the parent's key, and
    @param vs its second half (EIP-2098).
    """
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    if grant_words._is_known(id):
        return
    assert terms.parent == grant_terms._hash(parent), "another parent"
    grant_terms._check(terms)
    grant_terms._check_child(terms, parent)
    grant_signatures._check_key(
        parent.key, grant_signatures._digest(hashed), r, vs
    )
    grant_words._open(id, terms.owner, terms.times)


@internal
def _open(terms: grant_terms.Terms, hashed: bytes32, id: bytes32, r: bytes32, vs: bytes32):
    # The owner's signature is only worth something once: a known grant keeps what was spent.
    assert not grant_words._is_known(id), "known already"
    assert terms.predecessor == empty(bytes32), "show its predecessor"
    assert terms.parent == empty(bytes32), "a child is signed by its parent"
    grant_terms._check(terms)
    grant_signatures._check_key(
        terms.owner, grant_signatures._digest(hashed), r, vs
    )
    grant_words._open(id, terms.owner, terms.times)
