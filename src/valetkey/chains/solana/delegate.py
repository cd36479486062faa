"""What a session's key does: sign a payment out of the session's account, and send it.

The token program lets it move what was approved, and no more. To whom, how often and until when is not its business:
that is the gate's, which is asked before anything is signed.
"""

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import AccountInfo, Mint, read_token_account
from valetkey.chains.solana.addresses import SessionAccounts, reference_of, wallet_key
from valetkey.chains.solana.errors import SessionClosed
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import UNITS_MAX
from valetkey.chains.solana.state import accounts, session_state
from valetkey.chains.solana.submitting import CONFIRMED, WAIT_SECONDS, Landed, blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.core.errors import InvalidInput
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import SolanaPayment, payment_of


class SolanaDelegate:
    """The delegate's side of one session."""

    def __init__(
        self,
        node: SolanaNode,
        signer: Ed25519Signer,
        owner: str,
        mint: Mint,
        *,
        sponsor: Ed25519Signer | None = None,
        unit_price_micro_lamports: int = 0,
    ) -> None:
        """`sponsor` pays the fees and signs too; the session's own key does unless it is given. Raises InvalidInput."""
        self._node = node
        self._signer = signer
        self._mint = mint
        self._sponsor = signer if sponsor is None else sponsor
        self._unit_price = unit_price_micro_lamports
        key = Pubkey(signer.public_key)
        self.session = SessionAccounts(wallet_key(owner, "owner"), key, mint.address, mint.program)

    def __repr__(self) -> str:
        return f"<SolanaDelegate {self.session.key}>"

    async def sign(self, payee: str, units: int, *, name: str, create_account: bool = True) -> SolanaPayment:
        """A payment to a wallet's associated account, signed and not sent: store it, then `pay`.

        `name` is the hold's id: the payment is found again by it, see `reference_of`. The payee's account is made when
        it is not there (its rent is the fee payer's) unless `create_account` is False. Raises SessionClosed when the
        key is no delegate any more, InvalidInput, ChainUnavailable. How much may be moved is left to the cluster.
        """
        if type(units) is not int or not 0 < units <= UNITS_MAX:
            raise InvalidInput("an amount is a number of base units above 0", field="amount")
        if not name or len(name) > 200:
            raise InvalidInput("a payment has a name of 1 to 200 characters", field="name")
        to, session = wallet_key(payee, "payee"), self.session
        target = programs.associated_account(to, session.mint, session.program)
        state = await session_state(self._node, session)
        if not state.is_open(session.key):
            raise SessionClosed("the session's key may not move anything: it was revoked, or is not open")
        _, (wallet, account) = await accounts(self._node, [to, target])
        instructions = self._compute()
        if has_account(to, wallet, account):
            pass
        elif create_account:
            payer = Pubkey(self._sponsor.public_key)
            instructions.append(programs.create_associated(payer, to, session.mint, session.program))
        else:
            raise InvalidInput(
                "the payee has no account for this token", code="no_token_account", field="payee"
            )
        instructions.append(
            programs.transfer_checked(
                *(session.program, session.account, session.mint, target, session.key),
                *(units, self._mint.decimals),
                references=(reference_of(name),),
            )
        )
        recent = await blockhash(self._node)
        raw = sign(
            instructions, Pubkey(self._sponsor.public_key), recent.value, [self._signer, self._sponsor]
        )
        return payment_of(raw, recent.last_valid_height, recent.slot)

    async def pay(
        self, payment: SolanaPayment, *, commitment: str = CONFIRMED, wait_seconds: float = WAIT_SECONDS
    ) -> Landed:
        """Send what was signed until it is in a block. Repeating it sends the same bytes, which move money once.

        Raises TransactionRefused, Lapsed (proven: nothing moved), StillPending, NotAccepted, ChainUnavailable.
        """
        return await settle(self._node, payment, commitment=commitment, wait_seconds=wait_seconds)

    async def exposure(self) -> int:
        """What the key could take now, base units. Raises ChainUnavailable."""
        return (await session_state(self._node, self.session)).exposure

    def _compute(self) -> list[Instruction]:
        return programs.compute(80_000, self._unit_price) if self._unit_price else []


def has_account(payee: Pubkey, wallet: AccountInfo | None, account: AccountInfo | None) -> bool:
    """Whether a payee's associated account is there, out of what both are. Raises InvalidInput for who is no payee."""
    if wallet is not None and wallet.owner != programs.SYSTEM:
        raise InvalidInput(
            "the payee is no wallet: name the owner of a token account, not the account",
            code="invalid_address",
            field="payee",
        )
    found = read_token_account(account)
    if found is None:
        return False
    if found.owner != payee or found.is_frozen:
        # An associated account may have been given away, or frozen.
        raise InvalidInput(
            "the payee's account is not its own any more, or is frozen",
            code="invalid_address",
            field="payee",
        )
    return True
