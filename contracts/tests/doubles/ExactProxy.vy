# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The x402 proxy of Permit2 for the scheme "exact", for tests
@license Apache-2.0
@notice Moves exactly what was permitted. Its code is placed at the address that every client knows.
"""


struct TokenPermissions:
    token: address
    amount: uint256


struct PermitTransferFrom:
    permitted: TokenPermissions
    nonce: uint256
    deadline: uint256


struct SignatureTransferDetails:
    to: address
    requestedAmount: uint256


struct Witness:
    to: address
    validAfter: uint256


interface Permit2:
    def permitWitnessTransferFrom(
        permit: PermitTransferFrom,
        details: SignatureTransferDetails,
        owner: address,
        witness: bytes32,
        witness_type: String[256],
        signature: Bytes[65],
    ): nonpayable


PERMIT2: constant(address) = 0x000000000022D473030F116dDEE9F6B43aC78BA3
WITNESS_TYPE: constant(bytes32) = keccak256("Witness(address to,uint256 validAfter)")
WITNESS: constant(String[160]) = "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)"


@external
def settle(
    permit: PermitTransferFrom,
    owner: address,
    witness: Witness,
    signature: Bytes[65],
):
    """
    @notice Move the money to whom the payer's witness names.
    """
    assert owner != empty(address), "InvalidOwner"
    assert witness.to != empty(address), "InvalidDestination"
    assert block.timestamp >= witness.validAfter, "PaymentTooEarly"
    extcall Permit2(PERMIT2).permitWitnessTransferFrom(
        permit,
        SignatureTransferDetails(to=witness.to, requestedAmount=permit.permitted.amount),
        owner,
        keccak256(abi_encode(WITNESS_TYPE, witness.to, witness.validAfter)),
        WITNESS,
        signature,
    )
