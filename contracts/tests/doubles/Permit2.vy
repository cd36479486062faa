# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Permit2's signed transfers with a witness, for tests
@license Apache-2.0
@notice The part of Permit2 that x402 uses, written from its interface: permitWitnessTransferFrom, unordered nonces, the
        domain without a version. Accounts with keys only. Its code is placed at the address that every client knows.
"""
from ethereum.ercs import IERC20


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


DOMAIN_TYPE: constant(bytes32) = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)")
PERMISSIONS_TYPE: constant(bytes32) = keccak256("TokenPermissions(address token,uint256 amount)")
STUB: constant(String[100]) = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"

nonceBitmap: public(HashMap[address, HashMap[uint256, uint256]])


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain()


@external
def permitWitnessTransferFrom(
    permit: PermitTransferFrom,
    details: SignatureTransferDetails,
    owner: address,
    witness: bytes32,
    witness_type: String[256],
    signature: Bytes[65],
):
    """
    @notice Move what the owner signed for the caller to spend, at most, and once.
    """
    assert block.timestamp <= permit.deadline, "SignatureExpired"
    assert details.requestedAmount <= permit.permitted.amount, "InvalidAmount"
    word: uint256 = permit.nonce >> 8
    bit: uint256 = 1 << (permit.nonce & 255)
    used: uint256 = self.nonceBitmap[owner][word]
    assert used & bit == 0, "InvalidNonce"
    self.nonceBitmap[owner][word] = used | bit
    digest: bytes32 = keccak256(
        concat(
            b"\x19\x01",
            self._domain(),
            keccak256(
                abi_encode(
                    keccak256(concat(STUB, witness_type)),
                    keccak256(abi_encode(PERMISSIONS_TYPE, permit.permitted.token, permit.permitted.amount)),
                    msg.sender,
                    permit.nonce,
                    permit.deadline,
                    witness,
                )
            ),
        )
    )
    assert len(signature) == 65, "InvalidSignatureLength"
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "InvalidSigner"
    assert extcall IERC20(permit.permitted.token).transferFrom(owner, details.to, details.requestedAmount)


@internal
@view
def _domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPE, keccak256("Permit2"), chain.id, self))
