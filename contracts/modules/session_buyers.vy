# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Session keys that buy for an owner
@license Apache-2.0
@notice An escrow that was paid out of a grant remembers its key: it may accept, dispute and claim for the owner, who is
        the buyer and to whom all money goes back. That lasts as long as the escrow, also when the grant has ended.
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
def _acts_for(buyer: address, escrowId: bytes32) -> bool:
    if msg.sender == buyer:
        return True
    key: address = self.sessionKeys[escrowId]
    return key != empty(address) and msg.sender == key
