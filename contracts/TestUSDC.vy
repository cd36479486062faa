# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title A dollar for development chains
@license Apache-2.0
@notice An EIP-20 token of 6 decimals that anyone may mint, with EIP-2612 permits and EIP-3009 authorizations, each
        in both signature forms (bytes, and v r s), and EIP-1271 for signers that are contracts. It is worth nothing
        and must stay on chains where nothing is worth anything.
@dev Order: constants, interface, events, storage, EIP-20, EIP-2612, EIP-3009, the v r s forms, internal functions.
     The domain separator is computed at every call and never stored, because a development chain may place this code
     at any address and under any chain id.
"""
from ethereum.ercs import IERC20

implements: IERC20


interface IERC1271:
    def isValidSignature(digest: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]) -> bytes4: view


name: public(constant(String[4])) = "USDC"
symbol: public(constant(String[4])) = "USDC"
version: public(constant(String[1])) = "2"
decimals: public(constant(uint8)) = 6

# Enough for contracts that check many signatures.
SIGNATURE_BYTES_MAX: constant(uint256) = 4_096
ERC1271_VALID: constant(bytes4) = 0x1626BA7E
# Half the order of secp256k1: with a larger s the same signature would have a second form.
S_MAX: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPEHASH: public(constant(bytes32)) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
TRANSFER_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
RECEIVE_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
CANCEL_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "CancelAuthorization(address authorizer,bytes32 nonce)"
)


event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])


@deploy
def __init__():
    """
    @notice Nothing to set.
    """
    pass


@external
def mint(to: address, amount: uint256):
    """
    @notice Makes money out of nothing, for anyone.
    @param to Who gets it. Not zero.
    @param amount Base units.
    """
    assert to != empty(address), "to is zero"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


# EIP-20


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's money.
    @param to Not zero.
    @param amount Base units.
    @return True; otherwise it reverts.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves money that the owner approved for the caller. An allowance of the largest uint256 is not used up.
    @param owner Whose money.
    @param to Not zero.
    @param amount Base units.
    @return True; otherwise it reverts.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "allowance too small"
        self.allowance[owner][msg.sender] = allowed - amount
    self._move(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Sets how much `spender` may move for the caller.
    @param spender Not zero.
    @param amount Base units; replaces what was approved before.
    @return True; otherwise it reverts.
    """
    self._approve(msg.sender, spender, amount)
    return True


# EIP-2612


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice The EIP-712 domain of this address on this chain.
    @return The hash of name, version, chain id and address.
    """
    return self._domain()


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, signature: Bytes[SIGNATURE_BYTES_MAX]
):
    """
    @notice Approves by the owner's signature over the next of its nonces.
    @param owner Who signed.
    @param spender Not zero.
    @param amount Base units.
    @param deadline The last second in which the permit holds.
    @param signature r, s, v; or whatever the owner's contract understands.
    """
    self._permit(owner, spender, amount, deadline, signature)


# EIP-3009


@external
def transferWithAuthorization(
    from_: address,
    to: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    signature: Bytes[SIGNATURE_BYTES_MAX],
):
    """
    @notice Moves money by its owner's signature; anyone may send it.
    @param from_ Who signed and pays.
    @param to Not zero.
    @param amount Base units.
    @param validAfter Holds in blocks later than this.
    @param validBefore Holds in blocks earlier than this.
    @param nonce Any 32 bytes that the payer used neither here nor in the other two functions.
    @param signature r, s, v; or whatever the payer's contract understands.
    """
    self._authorized_move(
        TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from_, to, amount, validAfter, validBefore, nonce, signature
    )


@external
def receiveWithAuthorization(
    from_: address,
    to: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    signature: Bytes[SIGNATURE_BYTES_MAX],
):
    """
    @notice The same for the payee alone, so that nobody can send it apart from the call it belongs to.
    @param from_ Who signed and pays.
    @param to The caller.
    @param amount Base units.
    @param validAfter Holds in blocks later than this.
    @param validBefore Holds in blocks earlier than this.
    @param nonce Any 32 bytes that the payer used neither here nor in the other two functions.
    @param signature r, s, v; or whatever the payer's contract understands.
    """
    assert msg.sender == to, "caller is not the payee"
    self._authorized_move(
        RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from_, to, amount, validAfter, validBefore, nonce, signature
    )


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]):
    """
    @notice Makes an authorization that was not used yet worthless.
    @param authorizer Who signed.
    @param nonce Of the authorization.
    @param signature r, s, v; or whatever the signer's contract understands.
    """
    self._cancel(authorizer, nonce, signature)


# The v r s forms: see interfaces/SplitSignatures.vyi. Their arguments are all static, so that the part of the
# calldata that holds them has a fixed length; abi_decode refuses dirty addresses and v above 255.


@external
def __default__():
    selector: bytes4 = convert(slice(msg.data, 0, 4), bytes4)
    if selector == method_id(
        "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
        output_type=bytes4,
    ):
        self._split_move(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, slice(msg.data, 4, 288), False)
    elif selector == method_id(
        "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
        output_type=bytes4,
    ):
        self._split_move(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, slice(msg.data, 4, 288), True)
    elif selector == method_id(
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", output_type=bytes4
    ):
        owner: address = empty(address)
        spender: address = empty(address)
        amount: uint256 = 0
        deadline: uint256 = 0
        v: uint8 = 0
        r: bytes32 = empty(bytes32)
        s: bytes32 = empty(bytes32)
        owner, spender, amount, deadline, v, r, s = abi_decode(
            slice(msg.data, 4, 224), (address, address, uint256, uint256, uint8, bytes32, bytes32)
        )
        self._permit(owner, spender, amount, deadline, self._joined(v, r, s))
    elif selector == method_id("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)", output_type=bytes4):
        authorizer: address = empty(address)
        nonce: bytes32 = empty(bytes32)
        v: uint8 = 0
        r: bytes32 = empty(bytes32)
        s: bytes32 = empty(bytes32)
        authorizer, nonce, v, r, s = abi_decode(
            slice(msg.data, 4, 160), (address, bytes32, uint8, bytes32, bytes32)
        )
        self._cancel(authorizer, nonce, self._joined(v, r, s))
    else:
        raise "no such function"


# Internal functions


@internal
def _split_move(type_hash: bytes32, arguments: Bytes[288], payee_only: bool):
    payer: address = empty(address)
    to: address = empty(address)
    amount: uint256 = 0
    after: uint256 = 0
    before: uint256 = 0
    nonce: bytes32 = empty(bytes32)
    v: uint8 = 0
    r: bytes32 = empty(bytes32)
    s: bytes32 = empty(bytes32)
    payer, to, amount, after, before, nonce, v, r, s = abi_decode(
        arguments, (address, address, uint256, uint256, uint256, bytes32, uint8, bytes32, bytes32)
    )
    assert not payee_only or msg.sender == to, "caller is not the payee"
    self._authorized_move(type_hash, payer, to, amount, after, before, nonce, self._joined(v, r, s))


@internal
def _authorized_move(
    type_hash: bytes32,
    payer: address,
    to: address,
    amount: uint256,
    after: uint256,
    before: uint256,
    nonce: bytes32,
    signature: Bytes[SIGNATURE_BYTES_MAX],
):
    assert block.timestamp > after, "not yet valid"
    assert block.timestamp < before, "expired"
    assert not self.authorizationState[payer][nonce], "authorization used or canceled"
    self.authorizationState[payer][nonce] = True
    self._check_signature(
        payer, keccak256(abi_encode(type_hash, payer, to, amount, after, before, nonce)), signature
    )
    log AuthorizationUsed(authorizer=payer, nonce=nonce)
    self._move(payer, to, amount)


@internal
def _cancel(authorizer: address, nonce: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]):
    assert not self.authorizationState[authorizer][nonce], "authorization used or canceled"
    self.authorizationState[authorizer][nonce] = True
    self._check_signature(
        authorizer, keccak256(abi_encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce)), signature
    )
    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)


@internal
def _permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, signature: Bytes[SIGNATURE_BYTES_MAX]
):
    assert block.timestamp <= deadline, "expired"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    self._check_signature(
        owner, keccak256(abi_encode(PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline)), signature
    )
    self._approve(owner, spender, amount)


@internal
def _move(owner: address, to: address, amount: uint256):
    assert to != empty(address), "to is zero"
    held: uint256 = self.balanceOf[owner]
    assert held >= amount, "balance too small"
    self.balanceOf[owner] = held - amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    assert spender != empty(address), "spender is zero"
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
@view
def _check_signature(signer: address, struct_hash: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]):
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain(), struct_hash))
    if signer.is_contract:
        assert (
            staticcall IERC1271(signer).isValidSignature(digest, signature) == ERC1271_VALID
        ), "bad signature"
        return
    assert len(signature) == 65, "bad signature"
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    assert s <= S_MAX and v in [27, 28], "bad signature"
    recovered: address = ecrecover(digest, v, r, s)
    assert recovered != empty(address) and recovered == signer, "bad signature"


@internal
@view
def _domain() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPE, keccak256(name), keccak256(version), chain.id, self)
    )


@internal
@pure
def _joined(v: uint8, r: bytes32, s: bytes32) -> Bytes[65]:
    return concat(r, s, convert(v, bytes1))
