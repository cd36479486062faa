"""Registration by wallet signature: three lines that the wallet signs (EIP-191), and who that proves."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import PrivateKey, address_of, checksum_address, compress, is_address
from valetkey.crypto.signatures import recover_message, sign_message

TITLE = "Register Abba Baba Agent"
TOLERANCE_SECONDS = 300
"""How far the timestamp may be from the platform's clock, either way, inclusive."""

_MESSAGE = re.compile(
    rf"{TITLE}\nWallet: (?P<wallet>0x[0-9a-fA-F]{{40}})\nTimestamp: (?P<timestamp>0|[1-9][0-9]{{0,14}})",
    re.ASCII,
)
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}", re.ASCII)


class RegistrationCode(StrEnum):
    """Why a registration proves nothing."""

    MALFORMED = "registration_malformed"
    WRONG_SIGNER = "registration_wrong_signer"
    STALE = "registration_stale"


class RegistrationError(InvalidInput):
    """A registration that does not prove the wallet; `code` is a RegistrationCode."""

    code = RegistrationCode.MALFORMED


@dataclass(frozen=True, slots=True)
class ProvenWallet:
    """What a registration proves: `address` is EIP-55, `public_key` the key that signed, 33 bytes."""

    address: str
    public_key: bytes
    timestamp: int


def build_message(wallet_address: str, timestamp: int) -> str:
    """The message that a wallet signs to register at `timestamp` (unix seconds). Raises InvalidAddress."""
    return f"{TITLE}\nWallet: {checksum_address(wallet_address)}\nTimestamp: {timestamp}"


def sign_registration(key: PrivateKey, timestamp: int) -> tuple[str, str]:
    """The message and its signature (0x hex, 65 bytes) for the wallet of this key."""
    message = build_message(key.address, timestamp)
    return message, "0x" + sign_message(key, message.encode("utf-8")).hex()


def verify_registration(
    wallet_address: str, message: str, signature: str, now: int, tolerance_seconds: int = TOLERANCE_SECONDS
) -> ProvenWallet:
    """Check that the wallet signed the message lately. `now` is unix seconds. Raises RegistrationError.

    The same message and signature verify again inside the tolerance: whoever calls must use each once.
    """
    match = _MESSAGE.fullmatch(message)
    if match is None:
        _fail(RegistrationCode.MALFORMED, "the message is not the three lines of a registration")
    if not is_address(wallet_address) or not is_address(match["wallet"]):
        _fail(RegistrationCode.MALFORMED, "the wallet address is not an address, or its checksum is wrong")
    if match["wallet"].lower() != wallet_address.lower():
        _fail(RegistrationCode.WRONG_SIGNER, "the message names another wallet")
    if not _SIGNATURE.fullmatch(signature):
        _fail(RegistrationCode.MALFORMED, "a signature is 0x and 130 hex digits")
    timestamp = int(match["timestamp"])
    if abs(now - timestamp) > tolerance_seconds:
        _fail(
            RegistrationCode.STALE,
            f"the timestamp is more than {tolerance_seconds} seconds away from the platform's clock",
        )
    public_key = _recovered(message, signature)
    if public_key is None or address_of(public_key).lower() != wallet_address.lower():
        _fail(RegistrationCode.WRONG_SIGNER, "the signature is not the wallet's")
    return ProvenWallet(checksum_address(wallet_address), compress(public_key), timestamp)


def _recovered(message: str, signature: str) -> bytes | None:
    try:
        return recover_message(message.encode("utf-8"), bytes.fromhex(signature[2:]))
    except InvalidSignature:
        return None


def _fail(code: RegistrationCode, message: str) -> NoReturn:
    raise RegistrationError(message, code=code)
