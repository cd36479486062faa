# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Session keys that buy for an owner
@license Apache-2.0
@notice An escrow that was paid out of a grant remembers its key: it may accept, dispute and claim for the owner, who is
        the buyer and to whom all money goes back. That lasts as long as the escrow, also when the grant has ended.
        It may also sign such a step, and so may the buyer, for anybody to submit: a key needs no coin for gas then.
"""
from . import grant_terms


struct Spend:
    payee: address
    amount: uint256
    reference: bytes32
    bound: bool
    nonce: uint256
    deadline: uint256


interface SessionAllowance:
    def fundEscrow(
        terms: grant_terms.Terms,
        parents: DynArray[grant_terms.Terms, 2],
        wanted: Spend,
        r: bytes32,
        vs: bytes32,
        proof: DynArray[bytes32, grant_terms.PROOF_MAX],
    ): nonpayable


DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Valetkey Escrow")
VERSION_HASH: constant(bytes32) = keccak256("1")
STEP_TYPEHASH: constant(bytes32) = keccak256("BuyerStep(bytes32 escrow,uint8 step,uint256 deadline)")
# Half the order of secp256k1: with a larger s the same signature would have a second form.
S_MAX: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

# Of each escrow; zero for one that its buyer made.
sessionKeys: public(HashMap[bytes32, address])


@internal
def _remember(escrowId: bytes32, key: address):
    self.sessionKeys[escrowId] = key


@internal
def _fund(
    allowance: address,
    terms: grant_terms.Terms,
    parents: DynArray[grant_terms.Terms, 2],
    wanted: Spend,
    r: bytes32,
    vs: bytes32,
    proof: DynArray[bytes32, grant_terms.PROOF_MAX],
):
    assert allowance != empty(address), "no session allowance"
    extcall SessionAllowance(allowance).fundEscrow(terms, parents, wanted, r, vs, proof)


@internal
@view
def _acts_for(actor: address, buyer: address, escrowId: bytes32) -> bool:
    if actor == buyer:
        return True
    key: address = self.sessionKeys[escrowId]
    return key != empty(address) and actor == key


@internal
@view
def _signer(escrowId: bytes32, step: uint8, deadline: uint256, r: bytes32, vs: bytes32) -> address:
    # Who signed a step, in the compact form of EIP-2098. No nonce: an escrow takes each step once. The domain is
    # computed at every use: a chain that forks gets another one.
    assert block.timestamp < deadline, "past its deadline"
    word: uint256 = convert(vs, uint256)
    s: uint256 = word & (2**255 - 1)
    assert s <= S_MAX, "malleable signature"
    digest: bytes32 = keccak256(
        concat(
            b"\x19\x01",
            keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self)),
            keccak256(abi_encode(STEP_TYPEHASH, escrowId, convert(step, uint256), deadline)),
        )
    )
    signer: address = ecrecover(digest, 27 + (word >> 255), convert(r, uint256), s)
    assert signer != empty(address), "not signed"
    return signer
