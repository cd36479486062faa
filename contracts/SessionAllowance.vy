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
@dev Order of this file: types, events, spending, vouchers, spending with proof, escrows, internal functions. In
     modules/: what a grant is (grant_terms), who signed it (grant_signatures), how it becomes known
     (grant_registering), what was spent from it (grant_words), which signatures are used (grant_nonces), how it ends
     (grant_endings), what anyone may ask (grant_views).
     In every function all that is written is written before the token is called, which is the last thing that
     happens: a token that calls back finds nothing half done, and needs no lock.
     Nothing depends on the contract's own address or on immutables, so that a development chain may place the code
     at any address.
"""
from ethereum.ercs import IERC20

from modules import grant_endings
from modules import grant_nonces
from modules import grant_registering
from modules import grant_signatures
from modules import grant_terms
from modules import grant_views
from modules import grant_words

initializes: grant_words
initializes: grant_nonces
initializes: grant_registering[grant_words := grant_words]
initializes: grant_endings[grant_words := grant_words]
initializes: grant_views[grant_words := grant_words]
exports: (
    grant_words.words,
    grant_words.standings,
    grant_nonces.__interface__,
    grant_registering.__interface__,
    grant_endings.__interface__,
    grant_views.__interface__,
)

BATCH_MAX: constant(uint256) = 128
# Generations below the grant that the owner signed.
DEPTH_MAX: constant(uint256) = 2
NOBODY: constant(address) = 0x0000000000000000000000000000000000000000

SPEND_TYPEHASH: constant(bytes32) = keccak256(
    "Spend(bytes32 grant,address payee,uint256 amount,bytes32 reference,address executor,uint256 nonce,uint256 deadline)"
)
ESCROW_TYPEHASH: constant(bytes32) = keccak256(
    "EscrowFunding(bytes32 grant,address payee,uint256 amount,bytes32 reference,address escrow,uint256 nonce,uint256 deadline)"
)
VOUCHER_TYPEHASH: constant(bytes32) = keccak256(
    "Voucher(bytes32 grant,address payee,uint256 total,address executor,uint256 deadline)"
)


struct Spend:
    payee: address
    amount: uint256
    reference: bytes32  # what the payment is for; told in the event
    bound: bool  # whether the key named an executor, who is then whoever submits it; else it named the zero address
    nonce: uint256  # any number that this grant did not use, or FIRST
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
    bound: bool  # as in Spend
    deadline: uint256


event Spent:
    grant: indexed(bytes32)
    payee: address
    amount: uint256
    reference: bytes32


# Of each grant, by its id, and each payee: how much of its vouchers was paid.
settled: public(HashMap[bytes32, HashMap[address, uint256]])


@deploy
def __init__():
    """
    @notice Nothing to set.
    """
    pass


# Spending


@external
def spend(
    terms: grant_terms.Terms,
    payee: address,
    amount: uint256,
    reference: bytes32,
):
    """
    @notice Pays out of a known grant that names one payee, or none. By its key.
    @param terms Signed by the owner.
    @param payee Who is paid. Neither zero nor this contract nor the token (money there is lost).
    @param amount Base units, not zero.
    @param reference What the payment is for.
    """
    assert msg.sender == terms.key, "not the session key"
    assert terms.parent == empty(bytes32), "a child spends with its parents"
    id: bytes32 = grant_terms._id(terms.owner, grant_terms._hash(terms))
    assert terms.payees == empty(bytes32) or terms.payees == convert(payee, bytes32), "payee not allowed"
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, amount)
    self._pay(id, terms.token, terms.owner, payee, payee, amount, reference)


@external
def spendFirst(
    terms: grant_terms.Terms,
    r: bytes32,
    vs: bytes32,
    payee: address,
    amount: uint256,
    reference: bytes32,
):
    """
    @notice Makes a grant known, which names one payee or none, and pays out of it. By its key. For other grants, and
            for owners that are contracts, see register.
    @param terms Signed by the owner. Without a predecessor; neither known nor revoked.
    @param r The owner's signature, and
    @param vs its second half (EIP-2098).
    @param payee See spend, as for the rest.
    @param amount Base units, not zero.
    @param reference What the payment is for.
    """
    assert msg.sender == terms.key, "not the session key"
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    grant_registering._open(terms, hashed, id, r, vs)
    assert terms.payees == empty(bytes32) or terms.payees == convert(payee, bytes32), "payee not allowed"
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, amount)
    self._pay(id, terms.token, terms.owner, payee, payee, amount, reference)


@external
def spendSigned(
    terms: grant_terms.Terms,
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
):
    """
    @notice Pays out of a known grant, which names one payee or none, what its key signed. By the executor that the key
            named, or by anyone.
    @param terms Signed by the owner.
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    """
    assert terms.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    self._check_spend(terms.key, SPEND_TYPEHASH, hashed, wanted, r, vs)
    grant_nonces._use(id, wanted.nonce)
    assert terms.payees == empty(bytes32) or terms.payees == convert(wanted.payee, bytes32), "payee not allowed"
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, wanted.amount)
    self._pay(id, terms.token, terms.owner, wanted.payee, wanted.payee, wanted.amount, wanted.reference)


@external
def spendSignedFirst(
    terms: grant_terms.Terms,
    ownerR: bytes32,
    ownerVs: bytes32,
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
):
    """
    @notice Makes a grant known and pays out of it what its key signed with the nonce FIRST, which is the largest
            uint256. Since a grant becomes known once, that cannot be paid twice. By the executor, or by anyone.
    @param terms Signed by the owner. Without a predecessor; neither known nor revoked.
    @param ownerR The owner's signature, and
    @param ownerVs its second half (EIP-2098).
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half.
    """
    assert wanted.nonce == grant_nonces.FIRST, "not a first spend"
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    grant_registering._open(terms, hashed, id, ownerR, ownerVs)
    self._check_spend(terms.key, SPEND_TYPEHASH, hashed, wanted, r, vs)
    assert terms.payees == empty(bytes32) or terms.payees == convert(wanted.payee, bytes32), "payee not allowed"
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, wanted.amount)
    self._pay(id, terms.token, terms.owner, wanted.payee, wanted.payee, wanted.amount, wanted.reference)


@external
def spendMany(
    terms: grant_terms.Terms,
    payees: DynArray[Payee, BATCH_MAX],
    spends: DynArray[BatchSpend, BATCH_MAX],
    bound: bool = False,
):
    """
    @notice Pays several signed spends of a known grant; all of them, or none.
    @param terms Signed by the owner.
    @param payees Whom the spends pay, each with the proof that the grant's tree may need.
    @param spends What the key signed.
    @param bound Whether every one of them names the caller as its executor, or none of them anybody.
    """
    executor: address = msg.sender if bound else NOBODY
    assert terms.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    allowed: DynArray[address, BATCH_MAX] = []
    for one: Payee in payees:
        if terms.payees != empty(bytes32) and terms.payees != convert(one.payee, bytes32):
            grant_terms._check_tree(terms.payees, one.payee, one.proof)
        allowed.append(one.payee)
    for one: BatchSpend in spends:
        payee: address = allowed[one.payee]
        assert block.timestamp < one.deadline, "past its deadline"
        grant_signatures._check_key(
            terms.key,
            grant_signatures._digest(
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
        grant_nonces._use(id, one.nonce)
        grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, one.amount)
        self._pay(id, terms.token, terms.owner, payee, payee, one.amount, one.reference)


# Vouchers


@external
def settle(
    terms: grant_terms.Terms,
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
    @param terms Of a known grant; signed by the owner.
    @param voucher What the key signed. A later one promises more, and makes the earlier ones worthless.
    @param amount Base units to pay now, at most what is left.
    @param reference What the settlement is for.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the grant's tree, if it has one.
    """
    assert terms.parent == empty(bytes32), "a child spends with its parents"
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    assert block.timestamp < voucher.deadline, "past its deadline"
    executor: address = msg.sender if voucher.bound else NOBODY
    grant_signatures._check_key(
        terms.key,
        grant_signatures._digest(
            keccak256(
                abi_encode(
                    VOUCHER_TYPEHASH, hashed, voucher.payee, voucher.total, executor, voucher.deadline
                )
            )
        ),
        r,
        vs,
    )
    paid: uint256 = self.settled[id][voucher.payee]
    assert voucher.total > paid, "settled already"
    left: uint256 = unsafe_sub(voucher.total, paid)
    assert amount <= left, "more than is left"
    # Every settlement rounds up to a unit: a stranger must not cut one into crumbs.
    if amount < left and not voucher.bound:
        assert msg.sender in [voucher.payee, terms.key], "only all of it"
    self.settled[id][voucher.payee] = unsafe_add(paid, amount)
    if terms.payees != empty(bytes32) and terms.payees != convert(voucher.payee, bytes32):
        grant_terms._check_tree(terms.payees, voucher.payee, proof)
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, amount)
    self._pay(id, terms.token, terms.owner, voucher.payee, voucher.payee, amount, reference)


# Spending with proof: children, and trees of payees


@external
def spendWithProof(
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, DEPTH_MAX],
    payee: address,
    amount: uint256,
    reference: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice spend for a grant that has to show more: the parents that it spends out of as well, or that the payee is in
            its tree. By its key.
    @param terms Signed by the owner, or by its parent's key.
    @param parents Its parent, and that one's parent if it has one; the last one is signed by the owner. Empty for a
           grant that the owner signed.
    @param payee See spend, as for the rest.
    @param amount Base units, not zero.
    @param reference What the payment is for.
    @param proof That the payee is in the tree of the grants that have one.
    """
    assert msg.sender == terms.key, "not the session key"
    id: bytes32 = grant_terms._id(terms.owner, grant_terms._hash(terms))
    self._debit_parents(terms.parent, parents, payee, amount, proof)
    if terms.payees != empty(bytes32) and terms.payees != convert(payee, bytes32):
        grant_terms._check_tree(terms.payees, payee, proof)
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, amount)
    self._pay(id, terms.token, terms.owner, payee, payee, amount, reference)


@external
def spendSignedWithProof(
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, DEPTH_MAX],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice spendWithProof of what the key signed. By the executor that the key named, or by anyone.
    @param terms See spendWithProof.
    @param parents See spendWithProof.
    @param wanted What the key signed.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the tree of the grants that have one.
    """
    self._spend_under(terms, parents, SPEND_TYPEHASH, wanted, r, vs, proof, wanted.payee)


# Escrows


@external
def fundEscrow(
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, DEPTH_MAX],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX] = [],
):
    """
    @notice Gives the grant's escrow contract the money that it locks for a payee. By that contract.
    @param terms Of a known grant.
    @param parents See spendWithProof; empty for a grant that the owner signed.
    @param wanted What the key signed, as EscrowFunding: the payee whom the rules look at, and who the escrow is.
    @param r The key's signature, and
    @param vs its second half (EIP-2098).
    @param proof That the payee is in the tree of the grants that have one.
    """
    assert msg.sender == terms.escrow, "not the grant's escrow"
    assert wanted.bound, "the key names the escrow"
    self._spend_under(terms, parents, ESCROW_TYPEHASH, wanted, r, vs, proof, msg.sender)


# Internal functions


@internal
@view
def _check_spend(key: address, kind: bytes32, hashed: bytes32, wanted: Spend, r: bytes32, vs: bytes32):
    # That the key signed it, for whoever submits it here.
    assert block.timestamp < wanted.deadline, "past its deadline"
    grant_signatures._check_key(
        key,
        grant_signatures._digest(
            keccak256(
                abi_encode(
                    kind,
                    hashed,
                    wanted.payee,
                    wanted.amount,
                    wanted.reference,
                    msg.sender if wanted.bound else NOBODY,
                    wanted.nonce,
                    wanted.deadline,
                )
            )
        ),
        r,
        vs,
    )


@internal
def _spend_under(
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, DEPTH_MAX],
    kind: bytes32,
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX],
    receiver: address,
):
    hashed: bytes32 = grant_terms._hash(terms)
    id: bytes32 = grant_terms._id(terms.owner, hashed)
    self._check_spend(terms.key, kind, hashed, wanted, r, vs)
    grant_nonces._use(id, wanted.nonce)
    self._debit_parents(terms.parent, parents, wanted.payee, wanted.amount, proof)
    if terms.payees != empty(bytes32) and terms.payees != convert(wanted.payee, bytes32):
        grant_terms._check_tree(terms.payees, wanted.payee, proof)
    grant_words._debit(id, terms.owner, terms.amounts, terms.window, terms.times, wanted.amount)
    self._pay(id, terms.token, terms.owner, wanted.payee, receiver, wanted.amount, wanted.reference)


@internal
def _debit_parents(
    childOf: bytes32,
    parents: DynArray[grant_terms.Terms, DEPTH_MAX],
    payee: address,
    amount: uint256,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX],
):
    hashed: bytes32 = childOf
    for parent: grant_terms.Terms in parents:
        assert hashed == grant_terms._hash(parent), "another parent"
        if parent.payees != empty(bytes32) and parent.payees != convert(payee, bytes32):
            grant_terms._check_tree(parent.payees, payee, proof)
        grant_words._debit(
            grant_terms._id(parent.owner, hashed),
            parent.owner,
            parent.amounts,
            parent.window,
            parent.times,
            amount,
        )
        hashed = parent.parent
    assert hashed == empty(bytes32), "a parent is missing"


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
    # (Tokens themselves refuse the zero address.)
    assert payee != self and payee != token, "money there is lost"
    log Spent(grant=id, payee=payee, amount=amount, reference=reference)
    assert extcall IERC20(token).transferFrom(
        owner, receiver, amount, default_return_value=True
    ), "transferFrom failed"
