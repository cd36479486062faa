"""A signer whose key is in memory (ports/signer.py)."""

from collections.abc import Mapping
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.crypto import signatures
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.recursion import recursion_limit_kept

DYNAMIC_FEE = 2
_UINT64_MAX = 2**64 - 1
_UINT256_MAX = 2**256 - 1
_MOST = {
    "chainId": _UINT64_MAX,
    "nonce": _UINT64_MAX,
    "gas": _UINT64_MAX,
    "value": _UINT256_MAX,
    "maxFeePerGas": _UINT256_MAX,
    "maxPriorityFeePerGas": _UINT256_MAX,
}
"""The integers of an EIP-1559 transaction; eth_account would encode larger ones, which no node takes."""


class LocalSigner:
    """Signs with a private key, always the same for the same input (RFC 6979)."""

    __slots__ = ("_key",)

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<LocalSigner {self.address}>"

    @property
    def address(self) -> str:
        """EIP-55."""
        return self._key.address

    def sign_message(self, message: bytes) -> bytes:
        """EIP-191 personal_sign: 65 bytes r, s, v with v 27 or 28."""
        return signatures.sign_message(self._key, message)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw signed bytes of an EIP-1559 transaction (web3.py's field names, integers, `chainId` present).

        Raises InvalidInput for any other kind of transaction, and for one that cannot be encoded.
        """
        if transaction.get("type", DYNAMIC_FEE) != DYNAMIC_FEE:
            raise InvalidInput("only EIP-1559 transactions are signed")
        for name, most in _MOST.items():
            number = transaction.get(name)
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= most:
                raise InvalidInput(f"{name} of a transaction is an integer from 0 to {most}")
        # Without a chain id the same bytes would be valid on every chain.
        if transaction["chainId"] == 0:
            raise InvalidInput("a transaction to sign names its chain")
        # Imported when it is needed: it takes half a second.
        with recursion_limit_kept():
            from eth_account import Account

        try:
            signed = Account.sign_transaction({**transaction, "type": DYNAMIC_FEE}, self._key.secret())
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"this transaction cannot be signed: {error}") from error
        return bytes(signed.raw_transaction)

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        """EIP-712 (the JSON shape of eth_signTypedData_v4): 65 bytes r, s, v with v 27 or 28.

        Raises InvalidInput for anything that is not such typed data.
        """
        with recursion_limit_kept():
            from eth_abi.exceptions import EncodingError
            from eth_account.messages import encode_typed_data
            from eth_utils.exceptions import ValidationError

        try:
            message = encode_typed_data(full_message=dict(typed_data))
        except (TypeError, ValueError, LookupError, AttributeError, EncodingError, ValidationError) as error:
            raise InvalidInput(f"this is no EIP-712 typed data: {error}", field="typed_data") from error
        except RecursionError:
            raise InvalidInput("this typed data is nested too deeply", field="typed_data") from None
        digest = keccak256(b"\x19" + message.version + message.header + message.body)
        return signatures.sign_digest(self._key, digest)
