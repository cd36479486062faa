"""ports/delegations.py on a cluster: one owner's sessions about one mint."""

from collections.abc import Sequence

from solders.message import from_bytes_versioned
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from valetkey.chains.solana.accounts import Mint, read_token_account
from valetkey.chains.solana.addresses import SessionAccounts, pubkey, wallet_key
from valetkey.chains.solana.delegate import SolanaDelegate, has_account
from valetkey.chains.solana.errors import RevocationDead, TooOld
from valetkey.chains.solana.expiring import read_revocation, submit
from valetkey.chains.solana.moving import move
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.programs import associated_account
from valetkey.chains.solana.reader import SolanaReader
from valetkey.chains.solana.state import accounts, mint_of, session_state
from valetkey.chains.solana.submitting import FINALIZED, send, status
from valetkey.core.errors import ChainUnavailable
from valetkey.ports.delegations import Delegation, Ended, Sent, Taken
from valetkey.ports.ledger import Payment
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import read_payment

BATCH = 100
LISTED_MAX = 1_000


class SolanaDelegations:
    """One owner's sessions about one mint; used by one event loop, as its reader is."""

    def __init__(
        self,
        reader: SolanaReader,
        owner: Ed25519Signer,
        mint: str,
        decimals: int,
        *,
        sponsor: Ed25519Signer | None = None,
        wait_seconds: float,
    ) -> None:
        """`sponsor` pays the fees of payments, and the rent of payees' new accounts; the owner does unless given."""
        self._reader = reader
        self._node = reader.node
        self._signer = owner
        self._sponsor = owner if sponsor is None else sponsor
        self._owner = SolanaOwner(reader.node, owner, wait_seconds=wait_seconds)
        self._wait_seconds = wait_seconds
        self._told = (mint, decimals)
        self._mint: Mint | None = None

    def __repr__(self) -> str:
        return f"<SolanaDelegations of {self._owner.key}>"

    async def check(self) -> None:
        await self._known()

    async def check_payee(self, payee: str) -> None:
        mint, to = await self._known(), wallet_key(payee, "to")
        target = associated_account(to, mint.address, mint.program)
        _, (wallet, account) = await accounts(self._node, [to, target])
        has_account(to, wallet, account)

    async def states(self, keys: Sequence[str]) -> list[Delegation]:
        mint = await self._known()
        found = list[Delegation]()
        for at in range(0, len(keys), BATCH):
            part = [self._owner.accounts(one, mint) for one in keys[at : at + BATCH]]
            slot, infos = await accounts(self._node, [one.account for one in part])
            for session, info in zip(part, infos, strict=True):
                token = read_token_account(info)
                if token is None or (token.owner, token.mint) != (session.owner, session.mint):
                    found.append(Delegation(slot, False, 0, 0, False))
                    continue
                is_approved = token.delegate == session.key
                is_open = is_approved and not token.is_frozen
                exposure = token.exposure if is_open else 0
                is_frozen = is_approved and token.is_frozen
                found.append(Delegation(slot, True, token.amount, exposure, is_open, is_frozen))
        return found

    async def home(self) -> int:
        mint = await self._known()
        address = associated_account(self._owner.key, mint.address, mint.program)
        return await self._reader.token_balance(str(address))

    async def owns(self, address: str) -> bool:
        mint = await self._known()
        account = associated_account(pubkey(address, "address"), mint.address, mint.program)
        if await self._reader.token_balance(str(account)):
            return True
        return await self._reader.native_balance(address) > 0

    async def open(self, key: str, units: int) -> None:
        await self._owner.open(key, await self._known(), units)

    async def move(self, before: str, key: str, units: int, *, seen: int) -> bool:
        mint = await self._known()
        old, new = self._owner.accounts(before, mint), self._owner.accounts(key, mint)
        return await move(
            self._node, self._signer, old, new, mint, units, seen=seen, wait_seconds=self._wait_seconds
        )

    async def presign(self, key: str) -> bytes:
        return (await self._owner.presign_revocation(await self._session(key))).payment.encode()

    async def end(self, key: str, presigned: bytes | None) -> Ended:
        session = await self._session(key)
        if presigned is not None:
            revocation = read_revocation(read_payment(presigned))
            if (revocation.account, revocation.owner) == (session.account, session.owner):
                try:
                    done = await submit(self._node, revocation, 0, wait_seconds=self._wait_seconds)
                except (RevocationDead, TooOld):
                    # Its nonce was used otherwise: the owner signs another one.
                    pass
                else:
                    return Ended(done.signature, done.slot, done.at)
        await self._owner.revoke(session, commitment=FINALIZED)
        state = await session_state(self._node, session, FINALIZED)
        at = await self._node.ask("getBlockTime", state.slot)
        if type(at) is not int:
            raise ChainUnavailable("the node does not tell the time of a block")
        return Ended(None, state.slot, at)

    async def reclaim(self, key: str) -> tuple[int, int]:
        back = await self._owner.reclaim(await self._session(key), commitment=FINALIZED)
        return back.units, back.lamports

    async def sign(self, key: Ed25519Signer, payee: str, units: int, name: str) -> Payment:
        mint = await self._known()
        delegate = SolanaDelegate(self._node, key, str(self._owner.key), mint, sponsor=self._sponsor)
        payment = await delegate.sign(payee, units, name=name)
        return Payment(payment.encode(), payment.signature)

    async def send(self, payload: bytes) -> Sent | None:
        payment = read_payment(payload)
        _, found = await status(self._node, payment.signature)
        if found is None:
            try:
                await send(self._node, payment)
            except TooOld:
                # It may have landed before, or never will: who looks it up proves which.
                return None
            return None
        failed = None if found.error is None else str(found.error)
        return Sent(found.commitment == FINALIZED, failed)

    async def landed(self, payload: bytes) -> int | None:
        _, found = await status(self._node, read_payment(payload).signature)
        return None if found is None else found.slot

    async def taken(self, key: str) -> list[Taken]:
        session, found = await self._session(key), list[Taken]()
        for signature in await self._signatures(session):
            done = await self._reader.execution(signature)
            if done is None or not done.succeeded:
                continue
            moved = [
                one
                for one in done.transfers
                if one.authority == key and one.token == str(session.mint) and one.payer == str(session.owner)
            ]
            payees = {one.payee for one in moved}
            if moved:
                payee = payees.pop() if len(payees) == 1 else None
                found.append(Taken(signature, sum(one.units for one in moved), payee))
        return found

    def is_transaction(self, message: bytes) -> bool:
        try:
            read = from_bytes_versioned(message)
            signatures = [Signature.default()] * read.header.num_required_signatures
            VersionedTransaction.populate(read, signatures).sanitize()
        except Exception:  # noqa: BLE001 - solders raises one class for bytes, and panics of Rust for some others
            return False
        return True

    async def close(self) -> None:
        await self._reader.close()

    # Inside

    async def _known(self) -> Mint:
        if self._mint is None:
            self._mint = await mint_of(self._node, *self._told)
        return self._mint

    async def _session(self, key: str) -> SessionAccounts:
        return self._owner.accounts(key, await self._known())

    async def _signatures(self, session: SessionAccounts) -> list[str]:
        """Of every final transaction that named the session's account, oldest first."""
        signatures, before = list[str](), None
        while True:
            options = {"commitment": FINALIZED, "limit": LISTED_MAX} | ({"before": before} if before else {})
            page = await self._node.ask("getSignaturesForAddress", str(session.account), options)
            if not isinstance(page, list) or not all(
                isinstance(one, dict) and isinstance(one.get("signature"), str) for one in page
            ):
                raise ChainUnavailable("the node's answer is no list of transactions")
            signatures += [one["signature"] for one in page]
            if len(page) < LISTED_MAX:
                return signatures[::-1]
            before = signatures[-1]
