"""Calldata of the contracts that wallets call: the escrow and ERC-20. Every argument is one 32-byte word.

Source: the contract ABI specification of Solidity, and the third-party client's calldata in spec/vectors/chain.json.
"""

from collections.abc import Sequence

from valetkey.core.errors import InvalidAmount
from valetkey.crypto.errors import InvalidAddress
from valetkey.crypto.keys import checksum_address, is_address, keccak256
from valetkey.ports.wallet import Call
from valetkey.wire.authorizations import TransferAuthorization
from valetkey.wire.proofs import escrow_id

WORD_BYTES = 32
UINT256_MAX = 2**256 - 1
NO_CRITERIA = bytes(WORD_BYTES)


def transfer_native(to: str, wei: int) -> Call:
    """Send so many wei. Raises InvalidAddress, as every call here does for an address that is none."""
    return Call(_checked(to), value=_unsigned(wei))


def transfer(token: str, to: str, units: int) -> Call:
    """Send so many base units of a token (ERC-20)."""
    return _call(token, "transfer(address,uint256)", _address(to), _uint(units))


def approve(token: str, spender: str, units: int) -> Call:
    """Let a spender take exactly so many base units of a token (ERC-20)."""
    return _call(token, "approve(address,uint256)", _address(spender), _uint(units))


def create_escrow(
    escrow: str,
    transaction_id: str,
    *,
    seller: str,
    units: int,
    token: str,
    deadline: int,
    dispute_window: int = 0,
    abandonment_grace: int = 0,
    criteria_hash: bytes = NO_CRITERIA,
) -> Call:
    """Pay an escrow: `units` are all that is taken, fee included. `deadline` is unix seconds, windows are seconds."""
    return _call(
        escrow,
        "createEscrow(bytes32,address,uint256,address,uint256,uint256,uint256,bytes32)",
        escrow_id(transaction_id),
        _address(seller),
        _uint(units),
        _address(token),
        _uint(deadline),
        _uint(dispute_window),
        _uint(abandonment_grace),
        _word(criteria_hash),
    )


def submit_delivery(escrow: str, transaction_id: str, proof: bytes) -> Call:
    """Record a delivery by its 32-byte proof: the seller's step, or that of a key that it authorised."""
    return _call(escrow, "submitDelivery(bytes32,bytes32)", escrow_id(transaction_id), _word(proof))


def accept(escrow: str, transaction_id: str) -> Call:
    """Accept a delivery and release the money: the buyer's step."""
    return _call(escrow, "accept(bytes32)", escrow_id(transaction_id))


def dispute(escrow: str, transaction_id: str) -> Call:
    """Dispute a delivery inside its window: the buyer's step."""
    return _call(escrow, "dispute(bytes32)", escrow_id(transaction_id))


def claim_abandoned(escrow: str, transaction_id: str) -> Call:
    """Take the money of an undelivered escrow back after its deadline and grace: the buyer's step."""
    return _call(escrow, "claimAbandoned(bytes32)", escrow_id(transaction_id))


def finalize_release(escrow: str, transaction_id: str) -> Call:
    """Release the money after the dispute window: anybody's step."""
    return _call(escrow, "finalizeRelease(bytes32)", escrow_id(transaction_id))


def authorize_delivery(escrow: str, key: str, until: int) -> Call:
    """Let a key record the caller's deliveries until a time (unix seconds, exclusive); 0 takes it back."""
    return _call(escrow, "authorizeDelivery(address,uint256)", _address(key), _uint(until))


def balance_of(token: str, account: str) -> Call:
    """Ask for the balance of a token (ERC-20)."""
    return _call(token, "balanceOf(address)", _address(account))


def allowance(token: str, owner: str, spender: str) -> Call:
    """Ask how much a spender may still take (ERC-20)."""
    return _call(token, "allowance(address,address)", _address(owner), _address(spender))


def get_amounts_out(router: str, units: int, path: Sequence[str]) -> Call:
    """Ask what a router of the Uniswap V2 kind would give for so many base units, token by token along the path."""
    tokens = (_uint(len(path)), *(_address(one) for one in path))
    return _call(router, "getAmountsOut(uint256,address[])", _uint(units), _uint(2 * WORD_BYTES), *tokens)


def swap_exact_tokens(
    router: str, units: int, units_min: int, path: Sequence[str], to: str, deadline: int
) -> Call:
    """Swap so many base units for at least so many, paid to an address, until a time (Uniswap V2)."""
    return _call(
        router,
        "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
        _uint(units),
        _uint(units_min),
        _uint(5 * WORD_BYTES),
        _address(to),
        _uint(deadline),
        _uint(len(path)),
        *(_address(one) for one in path),
    )


def decimals(token: str) -> Call:
    """Ask in how many decimals a token counts (ERC-20)."""
    return _call(token, "decimals()")


def token_name(token: str) -> Call:
    """Ask for the name in a token's EIP-712 domain (EIP-2612, EIP-3009)."""
    return _call(token, "name()")


def token_version(token: str) -> Call:
    """Ask for the version in a token's EIP-712 domain (EIP-3009)."""
    return _call(token, "version()")


def domain_separator(token: str) -> Call:
    """Ask for a token's EIP-712 domain: 32 bytes (EIP-2612, EIP-3009)."""
    return _call(token, "DOMAIN_SEPARATOR()")


def transfer_with_authorization(signed: TransferAuthorization) -> Call:
    """Move what its payer signed for; anybody may send it (EIP-3009)."""
    signature = bytes.fromhex(signed.signature[2:])
    return _call(
        signed.token,
        "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
        *(_address(signed.payer), _address(signed.payee), _uint(int(signed.amount))),
        *(_uint(int(signed.valid_after)), _uint(int(signed.valid_before)), bytes.fromhex(signed.nonce[2:])),
        *(_uint(signature[64]), signature[:32], signature[32:64]),
    )


def get_escrow(escrow: str, transaction_id: str) -> Call:
    """Ask for the escrow of a marketplace transaction."""
    return _call(escrow, "getEscrow(bytes32)", escrow_id(transaction_id))


def get_resolution(escrow: str, transaction_id: str) -> Call:
    """Ask how the dispute about a marketplace transaction was decided."""
    return _call(escrow, "getResolution(bytes32)", escrow_id(transaction_id))


def _call(to: str, signature: str, *words: bytes) -> Call:
    return Call(_checked(to), keccak256(signature.encode("ascii"))[:4] + b"".join(words))


def _address(text: str) -> bytes:
    return bytes.fromhex(_checked(text)[2:]).rjust(WORD_BYTES, b"\0")


def _checked(text: str) -> str:
    """An address as EIP-55 spells it; one in mixed case whose checksum is wrong was mistyped."""
    if not is_address(text):
        raise InvalidAddress("this is not an address, or its checksum is wrong")
    return checksum_address(text)


def _uint(number: int) -> bytes:
    return _unsigned(number).to_bytes(WORD_BYTES, "big")


def _unsigned(number: int) -> int:
    if isinstance(number, bool) or not 0 <= number <= UINT256_MAX:
        raise InvalidAmount("a number on chain is a whole one from 0 to 2^256 - 1")
    return number


def _word(value: bytes) -> bytes:
    if len(value) != WORD_BYTES:
        raise InvalidAmount("a hash on chain has 32 bytes")
    return value
