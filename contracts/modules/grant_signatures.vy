# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Who signed what, under the EIP-712 domain of this contract on this chain
@license Apache-2.0
@notice A session key signs as an EOA and in no other way. An owner is asked as a contract (ERC-1271) only when no
        key of its address signed: an account with delegated code (EIP-7702) still has its key.
@dev Keeps nothing. The domain is computed at every use: a chain that forks gets another one.
"""

interface IERC1271:
    def isValidSignature(digest: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]) -> bytes4: view


NAME: constant(String[26]) = "Valetkey SessionAllowance"
VERSION: constant(String[1]) = "1"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Valetkey SessionAllowance")
VERSION_HASH: constant(bytes32) = keccak256("1")
PREFIX: constant(bytes2) = 0x1901

# Fifteen signers of a multisignature account.
SIGNATURE_BYTES_MAX: constant(uint256) = 1_024
ERC1271_VALID: constant(bytes4) = 0x1626BA7E
# Half the order of secp256k1: with a larger s the same signature would have a second form.
S_MAX: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
PARITY_SHIFT: constant(uint256) = 255


@internal
@view
def _digest(hashed: bytes32) -> bytes32:
    domain: bytes32 = keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))
    return keccak256(concat(PREFIX, domain, hashed))


@internal
@pure
def _check_key(key: address, digest: bytes32, r: bytes32, vs: bytes32):
    # The compact form of EIP-2098: the parity of v is the first bit of s. A key is never zero, so what recovers to
    # nobody is nobody's.
    word: uint256 = convert(vs, uint256)
    s: uint256 = word & (2**PARITY_SHIFT - 1)
    assert s <= S_MAX, "malleable signature"
    assert ecrecover(digest, 27 + (word >> PARITY_SHIFT), convert(r, uint256), s) == key, "not signed by the key"


@internal
@view
def _check_owner(owner: address, digest: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]):
    if len(signature) == 65:
        r: uint256 = convert(slice(signature, 0, 32), uint256)
        s: uint256 = convert(slice(signature, 32, 32), uint256)
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        if s <= S_MAX and ecrecover(digest, v, r, s) == owner:
            return
    assert owner.is_contract, "not signed by the owner"
    assert (
        staticcall IERC1271(owner).isValidSignature(digest, signature) == ERC1271_VALID
    ), "not signed by the owner"
