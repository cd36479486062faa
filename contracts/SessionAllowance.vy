# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title What session keys may draw from their owners' allowances
@license Apache-2.0
@notice The owner's money stays with the owner, who approves this contract for a token once and signs a grant for
        each session key: how much in all, at once and in any window of time, whom to pay and until when. The key
        then pays straight out of the owner's balance, itself or through whoever submits what it signed. Nobody owns
        this contract, nothing in it can be changed, and it never holds money.
@dev Order of this file: types, events, registering, spending, vouchers, children, escrows, ending, internal
     functions. In modules/: what a grant is (grant_terms), who signed it (grant_signatures), what was spent from it
     (grant_words), what anyone may ask (grant_views).
     In every function all that is written is written before the token is called, which is the last thing that
     happens: a token that calls back finds nothing half done, and needs no lock.
     Nothing depends on the contract's own address or on immutables, so that a development chain may place the code
     at any address.
"""
from ethereum.ercs import IERC20

from modules import grant_signatures
from modules import grant_terms
from modules import grant_views
from modules import grant_words

initializes: grant_words
initializes: grant_views[grant_words := grant_words]
exports: (grant_words.words, grant_words.standings, grant_views.__interface__)

BATCH_MAX: constant(uint256) = 128
# Generations below the grant that the owner signed.
DEPTH_MAX: constant(uint256) = 2

SPEND_TYPEHASH: constant(bytes32) = keccak256(
    "Spend(bytes32 grant,address payee,uint256 amount,bytes32 reference,address executor,uint256 nonce,uint256 deadline)"
)
ESCROW_TYPEHASH: constant(bytes32) = keccak256(
    "EscrowFunding(bytes32 grant,address payee,uint256 amount,bytes32 reference,address escrow,uint256 nonce,uint256 deadline)"
)
VOUCHER_TYPEHASH: constant(bytes32) = keccak256(
    "Voucher(bytes32 grant,address payee,uint256 total,address executor,uint256 deadline)"
)
REVOKE_TYPEHASH: constant(bytes32) = keccak256("Revoke(bytes32 grant)")


struct Spend:
    payee: address
    amount: uint256
    reference: bytes32  # what the payment is for; told in the event
    executor: address  # who may submit it; zero for anyone
    nonce: uint256  # any number that this grant did not use
    deadline: uint256  # from this second on it cannot be submitted


struct Payee:
    payee: address
    proof: DynArray[bytes32, grant_terms.PROOF_MAX]


struct BatchSpend:
    payee: uint256  # which of the batch's payees
    amount: uint256
    reference: bytes32
    nonce: uint256
    deadline: uint256
    r: bytes32
    vs: bytes32


struct Voucher:
    payee: address
    total: uint256  # all that this payee was ever promised, what was settled included
    executor: address  # who may settle it; zero for anyone
    deadline: uint256


event Spent:
    grant: indexed(bytes32)
    reference: indexed(bytes32)
    payee: address
    amount: uint256


event NonceUsed:
    grant: indexed(bytes32)
    nonce: uint256


event AllRevoked:
    owner: indexed(address)
    epoch: uint256


event Frozen:
    owner: indexed(address)


event Thawed:
    owner: indexed(address)


# Of each grant: which of the nonces of signed spends are used, 256 in a word.
usedNonces: public(HashMap[bytes32, HashMap[uint256, uint256]])
# Of each grant and payee: how much of its vouchers was paid.
settled: public(HashMap[bytes32, HashMap[address, uint256]])


@deploy
def __init__():
    """
    @notice Nothing to set.
    """
    pass


# Registering


@external
def register(grant: grant_terms.Grant, signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX]):
    """
    @notice Makes a grant known, which the first spend does as well. By anyone; of a known one it changes nothing.
    @param grant What the owner signed. Not revoked, without a predecessor.
    @param signature The owner's: 65 bytes of its key, or what its contract accepts.
    """
    self._register(grant, signature)


@external
def registerSuccessor(
    grant: grant_terms.Grant,
    predecessor: grant_terms.Grant,
    signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX],
):
    """
    @notice Makes a grant known that takes the place of another one: the other one is revoked from here on, and what
            was spent from it counts here. By anyone; of a known one it changes nothing.
    @param grant What the owner signed. Not revoked.
    @param predecessor The grant that it names: of the same owner, token, unit and window length, not succeeded by
           another one.
    @param signature The owner's.
    """
    hashed: bytes32 = grant_terms._hash(grant)
    id: bytes32 = grant_terms._id(grant.owner, hashed)
    if grant_words._is_known(id):
        return
    before: bytes32 = grant_terms._hash(predecessor)
    assert grant.predecessor == before, "another predecessor"
    assert predecessor.owner == grant.owner and predecessor.token == grant.token, "another owner or token"
    assert predecessor.unit == grant.unit, "another unit"
    assert predecessor.windowSeconds == grant.windowSeconds, "another window length"
    assert predecessor.parent == empty(bytes32), "a child has no successor"
    assert grant.parent == empty(bytes32), "a child has no predecessor"
    grant_terms._check(grant)
    grant_signatures._check_owner(
        grant.owner, grant_signatures._digest(grant_signatures._domain(), hashed), signature
    )
    grant_words._open(id, grant)
    grant_words._succeed(id, grant_terms._id(grant.owner, before))


@external
def registerChild(grant: grant_terms.Grant, parent: grant_terms.Grant, r: bytes32, vs: bytes32):
    """
    @notice Makes a grant known that another grant's key signed; it spends out of that one too. By anyone; of a known
            one it changes nothing.
    @param grant What the parent's key signed. Not revoked, in nothing wider than its parent.
    @param parent The grant that it names.
    @param r The signature of the parent's key, and
    @param vs its second half (EIP-2098).
    """
    hashed: bytes32 = grant_terms._hash(grant)
    id: bytes32 = grant_terms._id(grant.owner, hashed)
    if grant_words._is_known(id):
        return
    assert grant.parent == grant_terms._hash(parent), "another parent"
    grant_terms._check(grant)
    grant_terms._check_child(grant, parent)
    grant_signatures._check_key(
        parent.key, grant_signatures._digest(grant_signatures._domain(), hashed), r, vs
    )
    grant_words._open(id, grant)


# Spending


@external
def spend(
    grant: grant_terms.Grant,
    payee: address,
    amount: uint256,
    reference: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Pays out of a known grant. By its key.
    @param grant Signed by the owner.
    @param payee Who is paid. Neither zero nor this contract nor the token (money there is lost).
    @param amount Base units, not zero.
    @param reference What the payment is for.
    @param proof That the payee is in the grant's tree, if it has one.
    """
    known: grant_terms.Grant = grant
    assert msg.sender == known.key, "not the session key"
    assert known.parent == empty(bytes32), "a child spends with its parents"
    id: bytes32 = grant_terms._id(known.owner, grant_terms._hash(known))
    self._check_payee(known.payees, payee, proof)
    grant_words._debit(id, known, amount)
    self._pay(id, known.token, known.owner, payee, payee, amount, reference)


@external
def spendFirst(
    grant: grant_terms.Grant,
    signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX],
    payee: address,
    amount: uint256,
    reference: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice register and spend in one.
    @param grant See register.
    @param signature The owner's.
    @param payee See spend, as for the rest.
    @param amount Base units, not zero.
    @param reference What the payment is for.
    @param proof That the payee is in the grant's tree, if it has one.
    """
    known: grant_terms.Grant = grant
    assert msg.sender == known.key, "not the session key"
    id: bytes32 = self._register(known, signature)
    self._check_payee(known.payees, payee, proof)
    grant_words._debit(id, known, amount)
    self._pay(id, known.token, known.owner, payee, payee, amount, reference)


@external
def spendSigned(
    grant: grant_terms.Grant,
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Pays out of a known grant what its key signed. By the executor that the key named, or by anyone.
    @param grant Signed by the owner.
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the grant's tree, if it has one.
    """
    known: grant_terms.Grant = grant
    assert known.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(known)
    id: bytes32 = grant_terms._id(known.owner, hashed)
    asked: Spend = wanted
    assert asked.executor in [empty(address), msg.sender], "another executor"
    self._check_payee(known.payees, asked.payee, proof)
    self._take(known, hashed, id, SPEND_TYPEHASH, asked, r, vs)
    self._pay(id, known.token, known.owner, asked.payee, asked.payee, asked.amount, asked.reference)


@external
def spendSignedFirst(
    grant: grant_terms.Grant,
    signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice register and spendSigned in one.
    @param grant See register.
    @param signature The owner's.
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the grant's tree, if it has one.
    """
    known: grant_terms.Grant = grant
    id: bytes32 = self._register(known, signature)
    asked: Spend = wanted
    assert asked.executor in [empty(address), msg.sender], "another executor"
    self._check_payee(known.payees, asked.payee, proof)
    self._take(known, grant_terms._hash(known), id, SPEND_TYPEHASH, asked, r, vs)
    self._pay(id, known.token, known.owner, asked.payee, asked.payee, asked.amount, asked.reference)


@external
def spendMany(
    grant: grant_terms.Grant,
    payees: DynArray[Payee, BATCH_MAX],
    spends: DynArray[BatchSpend, BATCH_MAX],
    executor: address = empty(address),
):
    """
    @notice Pays several signed spends of a known grant; all of them, or none.
    @param grant Signed by the owner.
    @param payees Whom the spends pay, each with the proof that the grant's tree may need.
    @param spends What the key signed.
    @param executor The one that every one of them names.
    """
    assert executor in [empty(address), msg.sender], "another executor"
    known: grant_terms.Grant = grant
    assert known.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(known)
    id: bytes32 = grant_terms._id(known.owner, hashed)
    allowed: DynArray[address, BATCH_MAX] = []
    for one: Payee in payees:
        self._check_payee(known.payees, one.payee, one.proof)
        allowed.append(one.payee)
    domain: bytes32 = grant_signatures._domain()
    for one: BatchSpend in spends:
        payee: address = allowed[one.payee]
        assert block.timestamp < one.deadline, "past its deadline"
        grant_signatures._check_key(
            known.key,
            grant_signatures._digest(
                domain,
                keccak256(
                    abi_encode(
                        SPEND_TYPEHASH,
                        hashed,
                        payee,
                        one.amount,
                        one.reference,
                        executor,
                        one.nonce,
                        one.deadline,
                    )
                ),
            ),
            one.r,
            one.vs,
        )
        self._use_nonce(id, one.nonce)
        grant_words._debit(id, known, one.amount)
        self._pay(id, known.token, known.owner, payee, payee, one.amount, one.reference)


@external
def cancel(grant: grant_terms.Grant, nonce: uint256):
    """
    @notice Uses up a nonce, so that what was signed with it cannot be paid any more. By the key or the owner.
    @param grant The grant.
    @param nonce Not used.
    """
    assert msg.sender in [grant.key, grant.owner], "neither key nor owner"
    id: bytes32 = grant_terms._id(grant.owner, grant_terms._hash(grant))
    self._use_nonce(id, nonce)
    log NonceUsed(grant=id, nonce=nonce)


# Vouchers


@external
def settle(
    grant: grant_terms.Grant,
    voucher: Voucher,
    amount: uint256,
    reference: bytes32,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Pays what a voucher promises beyond what was settled before, as one spend. By the executor that it names,
            or by anyone; less than all of it only by the payee, the executor or the key.
    @param grant Known; signed by the owner.
    @param voucher What the key signed. A later one promises more, and makes the earlier ones worthless.
    @param amount Base units to pay now, at most what is left.
    @param reference What the settlement is for.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the grant's tree, if it has one.
    """
    known: grant_terms.Grant = grant
    assert known.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(known)
    id: bytes32 = grant_terms._id(known.owner, hashed)
    assert voucher.executor in [empty(address), msg.sender], "another executor"
    assert block.timestamp < voucher.deadline, "past its deadline"
    grant_signatures._check_key(
        known.key,
        grant_signatures._digest(
            grant_signatures._domain(), keccak256(abi_encode(VOUCHER_TYPEHASH, hashed, voucher))
        ),
        r,
        vs,
    )
    paid: uint256 = self.settled[id][voucher.payee]
    assert voucher.total > paid, "settled already"
    left: uint256 = unsafe_sub(voucher.total, paid)
    assert amount <= left, "more than is left"
    # Every settlement rounds up to a unit: a stranger must not cut one into crumbs.
    if amount < left:
        assert msg.sender in [voucher.payee, voucher.executor, known.key], "only all of it"
    self.settled[id][voucher.payee] = unsafe_add(paid, amount)
    self._check_payee(known.payees, voucher.payee, proof)
    grant_words._debit(id, known, amount)
    self._pay(id, known.token, known.owner, voucher.payee, voucher.payee, amount, reference)


# Children


@external
def spendAsChild(
    grant: grant_terms.Grant,
    parents: DynArray[grant_terms.Grant, DEPTH_MAX],
    payee: address,
    amount: uint256,
    reference: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Pays out of a known child grant and of all its ancestors. By its key.
    @param grant Signed by its parent's key.
    @param parents Its parent, and that one's parent if it has one; the last one is signed by the owner.
    @param payee See spend, as for the rest.
    @param amount Base units, not zero.
    @param reference What the payment is for.
    @param proof That the payee is in the tree of the grants that have one.
    """
    known: grant_terms.Grant = grant
    assert msg.sender == known.key, "not the session key"
    id: bytes32 = grant_terms._id(known.owner, grant_terms._hash(known))
    self._debit_parents(known.parent, parents, payee, amount, proof)
    self._check_payee(known.payees, payee, proof)
    grant_words._debit(id, known, amount)
    self._pay(id, known.token, known.owner, payee, payee, amount, reference)


@external
def spendSignedAsChild(
    grant: grant_terms.Grant,
    parents: DynArray[grant_terms.Grant, DEPTH_MAX],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice spendAsChild of what the child's key signed. By the executor that the key named, or by anyone.
    @param grant See spendAsChild.
    @param parents See spendAsChild.
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the tree of the grants that have one.
    """
    known: grant_terms.Grant = grant
    hashed: bytes32 = grant_terms._hash(known)
    id: bytes32 = grant_terms._id(known.owner, hashed)
    asked: Spend = wanted
    assert asked.executor in [empty(address), msg.sender], "another executor"
    self._debit_parents(known.parent, parents, asked.payee, asked.amount, proof)
    self._check_payee(known.payees, asked.payee, proof)
    self._take(known, hashed, id, SPEND_TYPEHASH, asked, r, vs)
    self._pay(id, known.token, known.owner, asked.payee, asked.payee, asked.amount, asked.reference)


# Escrows


@external
def fundEscrow(
    grant: grant_terms.Grant,
    parents: DynArray[grant_terms.Grant, DEPTH_MAX],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Gives the grant's escrow contract the money that it locks for a payee. By that contract.
    @param grant Known. A child one comes with its parents.
    @param parents See spendAsChild; empty for a grant that the owner signed.
    @param wanted What the key signed, as EscrowFunding: the payee whom the rules look at, and who the escrow is.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the tree of the grants that have one.
    """
    known: grant_terms.Grant = grant
    hashed: bytes32 = grant_terms._hash(known)
    id: bytes32 = grant_terms._id(known.owner, hashed)
    asked: Spend = wanted
    assert msg.sender == known.escrow, "not the grant's escrow"
    assert asked.executor == msg.sender, "another executor"
    self._debit_parents(known.parent, parents, asked.payee, asked.amount, proof)
    self._check_payee(known.payees, asked.payee, proof)
    self._take(known, hashed, id, ESCROW_TYPEHASH, asked, r, vs)
    self._pay(id, known.token, known.owner, asked.payee, msg.sender, asked.amount, asked.reference)


# Ending


@external
def revoke(grant: bytes32):
    """
    @notice Ends a grant for ever, known or not. By its owner.
    @param grant Its EIP-712 struct hash.
    """
    grant_words._revoke(grant_terms._id(msg.sender, grant))


@external
def revokeSigned(owner: address, grant: bytes32, signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX]):
    """
    @notice Ends a grant for ever, known or not. By anyone, with what its owner signed when it made the grant.
    @param owner Whose grant it is.
    @param grant Its EIP-712 struct hash.
    @param signature The owner's over Revoke(grant).
    """
    digest: bytes32 = grant_signatures._digest(
        grant_signatures._domain(), keccak256(abi_encode(REVOKE_TYPEHASH, grant))
    )
    grant_signatures._check_owner(owner, digest, signature)
    grant_words._revoke(grant_terms._id(owner, grant))


@external
def renounce(grant: grant_terms.Grant):
    """
    @notice Ends a grant for ever, known or not. By its key.
    @param grant The grant.
    """
    assert msg.sender == grant.key, "not the session key"
    grant_words._revoke(grant_terms._id(grant.owner, grant_terms._hash(grant)))


@external
def revokeChild(grant: grant_terms.Grant, parent: grant_terms.Grant):
    """
    @notice Ends a child grant for ever, known or not. By its parent's key.
    @param grant The child.
    @param parent The grant that it names.
    """
    assert msg.sender == parent.key, "not the parent's session key"
    assert grant.parent == grant_terms._hash(parent) and grant.owner == parent.owner, "another parent"
    grant_words._revoke(grant_terms._id(grant.owner, grant_terms._hash(grant)))


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


# Internal functions


@internal
def _register(
    grant: grant_terms.Grant, signature: Bytes[grant_signatures.SIGNATURE_BYTES_MAX]
) -> bytes32:
    hashed: bytes32 = grant_terms._hash(grant)
    id: bytes32 = grant_terms._id(grant.owner, hashed)
    if not grant_words._is_known(id):
        assert grant.predecessor == empty(bytes32), "show its predecessor"
        grant_terms._check(grant)
        assert grant.parent == empty(bytes32), "a child is signed by its parent"
        grant_signatures._check_owner(
            grant.owner, grant_signatures._digest(grant_signatures._domain(), hashed), signature
        )
        grant_words._open(id, grant)
    return id


@internal
def _take(
    grant: grant_terms.Grant,
    hashed: bytes32,
    id: bytes32,
    kind: bytes32,
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
):
    # Everything of a signed spend but the look at its payee and the payment.
    assert block.timestamp < wanted.deadline, "past its deadline"
    grant_signatures._check_key(
        grant.key,
        grant_signatures._digest(grant_signatures._domain(), keccak256(abi_encode(kind, hashed, wanted))),
        r,
        vs,
    )
    self._use_nonce(id, wanted.nonce)
    grant_words._debit(id, grant, wanted.amount)


@internal
@pure
def _check_payee(payees: bytes32, payee: address, proof: DynArray[bytes32, grant_terms.PROOF_MAX]):
    if payees != empty(bytes32) and payees != convert(payee, bytes32):
        grant_terms._check_tree(payees, payee, proof)


@internal
def _debit_parents(
    child_of: bytes32,
    parents: DynArray[grant_terms.Grant, DEPTH_MAX],
    payee: address,
    amount: uint256,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX],
):
    hashed: bytes32 = child_of
    for parent: grant_terms.Grant in parents:
        assert hashed == grant_terms._hash(parent), "another parent"
        self._check_payee(parent.payees, payee, proof)
        grant_words._debit(grant_terms._id(parent.owner, hashed), parent, amount)
        hashed = parent.parent
    assert hashed == empty(bytes32), "a parent is missing"


@internal
def _use_nonce(id: bytes32, nonce: uint256):
    word: uint256 = self.usedNonces[id][nonce >> 8]
    bit: uint256 = grant_words.ONE << (nonce & 255)
    assert word & bit == 0, "nonce used"
    self.usedNonces[id][nonce >> 8] = word | bit


@internal
def _pay(
    id: bytes32,
    token: address,
    owner: address,
    payee: address,
    receiver: address,
    amount: uint256,
    reference: bytes32,
):
    # The payee is who the rules looked at, the receiver who gets the money: the same, or its escrow.
    assert payee not in [empty(address), self, token], "money there is lost"
    log Spent(grant=id, reference=reference, payee=payee, amount=amount)
    assert extcall IERC20(token).transferFrom(
        owner, receiver, amount, default_return_value=True
    ), "transferFrom failed"
