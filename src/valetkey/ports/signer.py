"""Whatever can sign for a wallet: a key in memory, a keystore, a hardware wallet."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Signer(Protocol):
    """Signs for one EVM account. Signing must be deterministic (RFC 6979) for recovery copies to be possible."""

    @property
    def address(self) -> str:
        """EIP-55."""
        ...

    def sign_message(self, message: bytes) -> bytes:
        """EIP-191 personal_sign: 65 bytes r, s, v with v 27 or 28."""
        ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw signed bytes of an EIP-1559 transaction (web3.py's field names, integers, `chainId` present)."""
        ...

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        """EIP-712 (the JSON shape of eth_signTypedData_v4): 65 bytes r, s, v with v 27 or 28."""
        ...


@runtime_checkable
class Ed25519Signer(Protocol):
    """Signs for one account of Solana. Signing is deterministic (RFC 8032)."""

    @property
    def address(self) -> str:
        """The public key in base58."""
        ...

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes over the message of a transaction."""
        ...
