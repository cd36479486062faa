"""Messages and typed data that a session's key signs, and what it does not sign here because it would move money."""

from collections.abc import Mapping
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code, refuse
from valetkey.crypto.keys import is_address
from valetkey.sdk.errors import refused_error
from valetkey.wire.grants import ESCROW_NAME, NAME

MESSAGE_BYTES_MAX = 1_000_000

MOVES_MONEY = frozenset(
    {
        # SessionAllowance and Escrow
        *("Spend", "EscrowFunding", "Voucher", "Grant", "Revoke", "BuyerStep"),
        # EIP-3009
        *("TransferWithAuthorization", "ReceiveWithAuthorization", "CancelAuthorization"),
        # EIP-2612, and DAI's, which has the same name
        "Permit",
        # Permit2
        *("PermitSingle", "PermitBatch", "PermitTransferFrom", "PermitBatchTransferFrom"),
        *("PermitWitnessTransferFrom", "PermitBatchWitnessTransferFrom"),
    }
)
"""Primary types whose signature moves money, or gives leave to."""


def check_typed_data(typed_data: Mapping[str, Any], chain_id: int, contract: str, token: str) -> None:
    """Raise unless a session of this chain may sign it: InvalidInput with `wrong_chain`, OperationNotAllowed.

    Data without a chain in its domain would be good on every chain, and counts as another chain's.
    """
    domain = typed_data.get("domain") if isinstance(typed_data, Mapping) else None
    kind = typed_data.get("primaryType") if isinstance(typed_data, Mapping) else None
    if not isinstance(domain, Mapping) or not isinstance(kind, str):
        raise InvalidInput("typed data has a domain and a primaryType (EIP-712)", field="typed_data")
    if _number(domain.get("chainId")) != chain_id:
        raise InvalidInput(
            f"a session signs for its own chain alone, {chain_id}: the domain says otherwise",
            code="wrong_chain",
            field="typed_data",
        )
    _check_domain(domain, typed_data.get("types"))
    verifying = (domain.get("verifyingContract") or "").lower()
    is_ours = domain.get("name") in (NAME, ESCROW_NAME) or verifying in (contract.lower(), token.lower())
    if is_ours or kind in MOVES_MONEY:
        raise refused_error(
            refuse(
                Code.OPERATION_NOT_ALLOWED,
                "sign",
                f"a {kind} moves money, which is decided by the gate and not signed for beside it",
                hint="call spend",
            )
        )


def _check_domain(domain: Mapping[Any, Any], types: object) -> None:
    """A domain that is written in one way only, and whose chain is among what is hashed."""
    verifying, name = domain.get("verifyingContract"), domain.get("name")
    if (name is not None and not isinstance(name, str)) or (
        verifying is not None and not (isinstance(verifying, str) and is_address(verifying.lower()))
    ):
        raise InvalidInput(
            "the domain's name is a text and its verifyingContract 0x and 40 hex digits", field="typed_data"
        )
    told = types.get("EIP712Domain") if isinstance(types, Mapping) else None
    if told is None:
        return
    hashed = [one.get("name") if isinstance(one, Mapping) else None for one in told]
    if sorted(map(str, hashed)) != sorted(map(str, domain)):
        raise InvalidInput("the types name other members of the domain than it has", field="typed_data")


def message_bytes(message: str | bytes) -> bytes:
    """What personal_sign signs: text as UTF-8. Raises InvalidInput."""
    # Of a number Python would make so many zeros.
    if not isinstance(message, (str, bytes, bytearray)):
        raise InvalidInput("a message is a text or bytes", field="message")
    try:
        raw = message.encode("utf-8") if isinstance(message, str) else bytes(message)
    except UnicodeEncodeError:
        raise InvalidInput("a message is a text that UTF-8 can write", field="message") from None
    if len(raw) > MESSAGE_BYTES_MAX:
        raise InvalidInput(f"a message has at most {MESSAGE_BYTES_MAX} bytes", field="message")
    return raw


def _number(chain: object) -> int | None:
    """A chain id as wallets write it: a number, its digits, or hex."""
    if isinstance(chain, bool):
        return None
    if isinstance(chain, int):
        return chain
    if not isinstance(chain, str) or not chain.isascii() or len(chain) > 66:
        return None
    digits = chain.lower()
    try:
        return int(digits, 16) if digits.startswith("0x") else int(digits)
    except ValueError:
        return None
