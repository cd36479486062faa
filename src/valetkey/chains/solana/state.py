"""What the cluster says about a session's accounts, a mint, a payee: answers that were checked."""

from dataclasses import dataclass

from solders.pubkey import Pubkey

from valetkey.chains.solana.accounts import (
    AccountInfo,
    Mint,
    Nonce,
    TokenAccount,
    read_account,
    read_mint,
    read_nonce,
    read_token_account,
)
from valetkey.chains.solana.addresses import SessionAccounts, pubkey
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.submitting import CONFIRMED
from valetkey.core.errors import ChainUnavailable


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session's accounts as of a slot. `account` and `nonce` are None while they are not there."""

    slot: int
    account: TokenAccount | None
    nonce: Nonce | None
    account_lamports: int
    nonce_lamports: int
    key_lamports: int
    home: TokenAccount | None

    def is_open(self, key: Pubkey) -> bool:
        """Whether the session's key may still move something."""
        return self.account is not None and self.account.delegate == key and not self.account.is_frozen

    @property
    def exposure(self) -> int:
        """What the session's key could take now, base units: never more than was approved, nor than is there."""
        return 0 if self.account is None else self.account.exposure


async def accounts(
    node: SolanaNode, keys: list[Pubkey], commitment: str = CONFIRMED
) -> tuple[int, list[AccountInfo | None]]:
    """Several accounts as of one slot. Raises ChainUnavailable."""
    slot, value = await node.value(
        "getMultipleAccounts", [str(one) for one in keys], {"encoding": "base64", "commitment": commitment}
    )
    if not isinstance(value, list) or len(value) != len(keys):
        raise ChainUnavailable("the node answered other accounts than it was asked for")
    return slot, [read_account(one) for one in value]


async def mint_of(node: SolanaNode, mint: str, decimals: int) -> Mint:
    """A mint whose decimals are those that are meant. Raises InvalidInput, TokenMismatch, ChainUnavailable."""
    address = pubkey(mint, "token")
    _, (found,) = await accounts(node, [address])
    return read_mint(address, found, decimals)


async def session_state(
    node: SolanaNode, session: SessionAccounts, commitment: str = CONFIRMED
) -> SessionState:
    """A session's accounts. An account that is none of its owner's and mint's counts as not there."""
    keys = [session.account, session.nonce, session.key, session.home]
    slot, (account, nonce, key, home) = await accounts(node, keys, commitment)
    token = read_token_account(account)
    if token is not None and (token.owner, token.mint) != (session.owner, session.mint):
        token = None
    return SessionState(
        slot=slot,
        account=token,
        nonce=read_nonce(nonce),
        account_lamports=0 if account is None else account.lamports,
        nonce_lamports=0 if nonce is None else nonce.lamports,
        key_lamports=0 if key is None else key.lamports,
        home=read_token_account(home),
    )


async def rent(node: SolanaNode, size: int) -> int:
    """Lamports that an account of so many bytes needs to stay. Raises ChainUnavailable."""
    found = await node.ask("getMinimumBalanceForRentExemption", size)
    if type(found) is not int or found < 0:
        raise ChainUnavailable("the node's answer is no number of lamports")
    return found
