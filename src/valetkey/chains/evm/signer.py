"""A signer whose key is in memory (ports/signer.py)."""

from collections.abc import Mapping
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.crypto import signatures
from valetkey.crypto.keys import PrivateKey, keccak256

DYNAMIC_FEE = 2


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
        # eth_account is imported when it is needed: it takes half a second.
        from eth_account import Account

        if (
            transaction.get("type", DYNAMIC_FEE) not in (DYNAMIC_FEE, "0x2")
            or "maxFeePerGas" not in transaction
        ):
            raise InvalidInput("only EIP-1559 transactions are signed")
        # Without a chain id the same bytes would be valid on every chain.
        if not isinstance(transaction.get("chainId"), int) or transaction["chainId"] < 1:
            raise InvalidInput("a transaction to sign names its chain")
        try:
            signed = Account.sign_transaction({**transaction, "type": DYNAMIC_FEE}, self._key.secret())
        except (TypeError, ValueError, KeyError) as error:
            raise InvalidInput(f"this transaction cannot be signed: {error}") from error
        return bytes(signed.raw_transaction)

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        """EIP-712 (the JSON shape of eth_signTypedData_v4): 65 bytes r, s, v with v 27 or 28.

        Raises InvalidInput for anything that is not such typed data.
        """
        from eth_account.messages import encode_typed_data

        try:
            message = encode_typed_data(full_message=dict(typed_data))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvalidInput(f"this is no EIP-712 typed data: {error}") from error
        digest = keccak256(b"\x19" + message.version + message.header + message.body)
        return signatures.sign_digest(self._key, digest)
