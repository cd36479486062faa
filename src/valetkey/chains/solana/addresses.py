"""Which accounts belong to a session: they follow from the owner, the session's key and the mint alone.

So they are found again by whoever knows these, after any crash; no key of theirs exists that could be lost.
"""

from dataclasses import dataclass
from hashlib import sha256

from solders.pubkey import Pubkey

from valetkey.chains.solana.programs import SYSTEM, associated_account
from valetkey.core.errors import InvalidInput
from valetkey.crypto import base58

_DOMAIN = b"valetkey/solana/1/"


def pubkey(text: str, field: str) -> Pubkey:
    """An address. Raises InvalidInput for a text that is none."""
    if not isinstance(text, str) or not base58.is_solana_address(text):
        raise InvalidInput(
            f"{field}: an address of Solana is 32 bytes in base58", code="invalid_address", field=field
        )
    return Pubkey.from_string(text)


def wallet_key(text: str, field: str) -> Pubkey:
    """An address that a private key can have. Raises InvalidInput for the zero address and for programs' addresses."""
    found = pubkey(text, field)
    if found == SYSTEM or not found.is_on_curve():
        raise InvalidInput(
            f"{field}: no private key can sign for this address", code="invalid_address", field=field
        )
    return found


def reference_of(name: str) -> Pubkey:
    """The account that a payment names so that it is found again (as in Solana Pay); `name` is a hold's id."""
    return Pubkey(sha256(_DOMAIN + b"reference/" + name.encode()).digest())


@dataclass(frozen=True, slots=True)
class SessionAccounts:
    """The accounts of one session: `account` holds its money, `nonce` is for the revocation signed in advance."""

    owner: Pubkey
    key: Pubkey
    mint: Pubkey
    program: Pubkey

    @property
    def seed(self) -> str:
        """Of both accounts: 32 letters, the most that a seed may have."""
        named = _DOMAIN + b"session/" + bytes(self.key) + bytes(self.mint)
        return sha256(named).hexdigest()[:32]

    @property
    def account(self) -> Pubkey:
        """The session's token account. Its owner is `owner`, its delegate `key`."""
        return Pubkey.create_with_seed(self.owner, self.seed, self.program)

    @property
    def nonce(self) -> Pubkey:
        """The session's durable nonce. Its authority is `owner`."""
        return Pubkey.create_with_seed(self.owner, self.seed, SYSTEM)

    @property
    def home(self) -> Pubkey:
        """Where the owner keeps this token: where the budget comes from, and goes back to."""
        return associated_account(self.owner, self.mint, self.program)
