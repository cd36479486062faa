"""The manager of an owner's sessions that needs no platform. The sync one in blocking.py is generated from this."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import LIFETIME_SECONDS_MAX, LIFETIME_SECONDS_MIN
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore
from valetkey.sdk._async.x402_http import async_paying_client
from valetkey.sdk._async.x402_payer import AsyncPayer
from valetkey.sdk.amounts import Amount
from valetkey.sdk.chain_config import ChainConfig
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.manager.ending import Ending
from valetkey.sdk.manager.keeping import Kept, KeyHash, hash_in
from valetkey.sdk.manager.local import Local, Observer
from valetkey.sdk.manager.making import Making
from valetkey.sdk.manager.opening import FEE_WEI_MAX, SignerLike, open_local, side_of
from valetkey.sdk.manager.paying import Paying
from valetkey.sdk.manager.paying_http import PayingSession, paying_session
from valetkey.sdk.manager.rotating import Rotating
from valetkey.sdk.manager.rules import decimal_units
from valetkey.sdk.manager.sealing import Sealing, secret_of
from valetkey.sdk.manager.side import Side
from valetkey.sdk.manager.views import ManagedSession, Reclaimed, Revoked, Spent, session_view
from valetkey.sdk.session_config import Moment, SessionConfig, config_of
from valetkey.sdk.x402.terms import terms_of

USDC = "USDC"
PAGE = 100
WAIT_SECONDS = 120.0
GRACE_SECONDS = 60


class AsyncSessionKeyManager:
    """An owner's sessions in a file of its own: made, spent from and taken back, with the contract as the hard cap."""

    def __init__(
        self,
        signer: SignerLike,
        contract_address: str | None = None,
        *,
        chain: str | int | ChainConfig = "base",
        rpc_url: str | None = None,
        path: Path | str | None = None,
        lock: Lock | Secret | str | None = None,
        keystore: Keystore | None = None,
        signer_passphrase: Secret | str | None = None,
        token: str = USDC,
        mint: str | None = None,
        confirmations: int | None = None,
        gas_payer: SignerLike | None = None,
        gas_wei_day: int | None = None,
        fee_wei_max: int = FEE_WEI_MAX,
        lifetime_min: int = LIFETIME_SECONDS_MIN,
        lifetime_max: int = LIFETIME_SECONDS_MAX,
        wait_seconds: float = WAIT_SECONDS,
        on_event: Observer | None = None,
        system_time: Callable[[], float] | None = None,
    ) -> None:
        """Open the file of an owner, a chain and a token; no node is asked yet.

        signer: the owner's private key in hex, the path of an Ethereum keystore file with its `signer_passphrase`, or
        whatever can sign (ports/signer.py); on Solana an Ed25519 key in base58 or hex, a keypair file, or whatever can
        sign. contract_address: SessionAllowance on that chain, None on Solana, where the token program is the cap.
        mint: what `token` is on a cluster that is not told so otherwise. chain: a name, a number or a ChainConfig.
        rpc_url: its node, VALETKEY_RPC_URL unless given. path: the SQLite file, in VALETKEY_HOME unless given;
        any number of processes may open it. lock: what session keys are encrypted with, a passphrase or a lock;
        VALETKEY_PASSPHRASE unless given. confirmations: blocks until something counts. gas_payer: another account
        that pays the gas of payments and revocations. gas_wei_day: wei that are spent on gas in any 24 hours at most,
        fee_wei_max: wei per gas at most. lifetime_min, lifetime_max: seconds. wait_seconds: how long a call waits for
        the chain, and for other processes of the file. on_event: told what happens beside what was asked for. Raises
        InvalidInput, NotConfigured, StoreUnreadable, KeystoreUnusable.
        """
        local: Local = open_local(
            signer,
            contract_address,
            chain=chain,
            rpc_url=rpc_url,
            path=path,
            lock=lock,
            keystore=keystore,
            signer_passphrase=signer_passphrase,
            token=token,
            mint=mint,
            confirmations=confirmations,
            gas_payer=gas_payer,
            gas_wei_day=gas_wei_day,
            fee_wei_max=fee_wei_max,
            lifetime_min=lifetime_min,
            lifetime_max=lifetime_max,
            on_event=on_event,
            system_time=system_time,
            wait_seconds=wait_seconds,
        )
        self._local = local
        self._wait_seconds = wait_seconds
        self._swept = False
        self._kept = Kept(local)
        self._side: Side = side_of(local, self._kept, wait_seconds)
        self._making = Making(local, self._kept, self._side)
        self._paying = Paying(local, self._kept, self._side)
        self._ending = Ending(local, self._kept, self._side)
        self._rotating = Rotating(local, self._kept, self._side)
        self._sealing = Sealing(self._making, self._side)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._local.owner} on {self._local.chain.name}>"

    @property
    def address(self) -> str:
        """The owner's address, EIP-55."""
        return self._local.owner

    @property
    def path(self) -> Path:
        """The file."""
        return self._local.path

    async def create_session(
        self, config: SessionConfig | None = None, *, approve: bool = True, **rules: Any
    ) -> ManagedSession:
        """A new session with its key, its grant and, on chain, the owner's approval for what it may spend.

        A SessionConfig, or its fields as keywords: label, spending_limit, valid_until, and so on. `approve=False`
        leaves the approval to the first payment or to `approve_contract`. The same `idempotency_key` and rules answer
        the same session and finish what was interrupted. Raises InvalidInput, InvalidAmount, LabelTaken and
        InsufficientFunds.
        """
        await self._local.unlock()
        record = await self._making.create(config_of(config, rules))
        if approve:
            await self._side.back(record)
        return self._view(record)

    async def list_sessions(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        chain: str | int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[ManagedSession]:
        """Sessions of the owner, newest first, ended ones too, as the file has them: one page of at most 1,000."""
        page = await self._kept.page(status=status, label=label, chain=chain, limit=limit, offset=offset)
        return [self._view(one) for one in page]

    async def restore_session(self, key_hash: KeyHash) -> ManagedSession:
        """A session by its key's hash, as file and chain have it now: after a restart, in another process, elsewhere.

        What the chain knows and the file does not, a revocation or a freeze, is written down. Raises NotFound,
        DamagedRecord for a key or row that cannot be read, WrongSecret, ChainUnavailable.
        """
        await self._local.unlock()
        return self._view(await self._making.restore(key_hash))

    async def sign(
        self,
        key_hash: KeyHash,
        message: str | bytes | None = None,
        *,
        typed_data: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Sign a message (EIP-191) or typed data (EIP-712) with a session's key: 65 bytes r, s, v.

        The file is asked at every call. Raises SessionRevoked, SessionExpired, SessionPaused, SessionPending,
        InvalidInput with the code `wrong_chain` for typed data of another chain or of none, and OperationNotAllowed for
        what would move money: that is what `spend` is for. Bare digests are not signed, as nobody could tell.
        """
        if (message is None) == (typed_data is None):
            raise InvalidInput("give a message or typed_data", field="message")
        await self._local.unlock()
        record = await self._kept.record(key_hash)
        self._kept.check_living(record)
        return self._side.sign(record, message, typed_data)

    async def spend(
        self,
        key_hash: KeyHash,
        *,
        to: str,
        amount: Amount,
        token: str | None = None,
        idempotency_key: str | None = None,
        memo: str | None = None,
        wait: bool = True,
    ) -> Spent:
        """Pay out of the owner's balance: held by the gate, signed by the session's key, checked by the contract.

        The same `idempotency_key` and payment answer the first one, from any process and after any crash; another
        payment with it is refused. `wait=False`: it is signed and queued, and goes on with the next call or `step`.
        Raises BudgetExceeded, WindowExceeded and the other refusals, ApprovalRequired, SessionRevoked,
        InsufficientFunds, TransactionReverted, and StillPending when the chain takes longer than `wait_seconds`.
        """
        token = self._local.asset.currency if token is None else token
        await self._local.unlock()
        held = await self._paying.spend(key_hash, to, amount, token, idempotency_key, memo)
        if wait:
            held = await self._paying.wait(held, self._wait_seconds)
        return await self._paying.view(held)

    def http(
        self,
        key_hash: KeyHash,
        *,
        hosts: Iterable[str] | None = None,
        max_amount: Amount | None = None,
        pin_payees: bool | None = None,
        wait_approval: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        **client: Any,
    ) -> httpx.AsyncClient:
        """An httpx client that pays what it is asked for (x402), within a session's policy. Close it.

        Everything is as BuyerAgent.http says it, and the file is the ledger: whichever process asks the same again goes
        on with the same payment. What the key signs for the payee is brought to its own address from the owner's
        balance just before. Raises InvalidInput, InvalidAmount and NotConfigured; requests raise the refusals, and
        NotFound for a session that is not here. Needs `valetkey[x402]`, and a manager of USDC on an EVM chain.
        """
        session = self._paying_session(key_hash)
        terms = terms_of(hosts, max_amount, pin_payees, wait_approval)
        return async_paying_client(AsyncPayer(session.itself, terms), transport, client)

    async def get_spend(self, hold_id: str, *, wait: bool = False) -> Spent:
        """A payment by its hold_id; `wait`: until the chain shows what became of it. Raises NotFound."""
        held = await self._paying.find(hold_id)
        if wait:
            await self._local.unlock()
            held = await self._paying.wait(await self._paying.further(held), self._wait_seconds)
        return await self._paying.view(held)

    async def approve_spend(self, hold_id: str) -> Spent:
        """The owner's yes to a payment above the session's `approval_above`, for a day; asking again then pays it."""
        return await self._paying.view(await self._paying.owner_says(hold_id, approved=True))

    async def reject_spend(self, hold_id: str) -> Spent:
        """The owner's no, or an approval taken back that was not used yet."""
        return await self._paying.view(await self._paying.owner_says(hold_id, approved=False))

    async def revoke_session(self, key_hash: KeyHash, *, wait: bool = True) -> Revoked:
        """Take a session back for ever: when this returns no process grants it anything, and the chain neither.

        `wait=False`: the chain hears of it with the next call or `step`. The key stays in the keystore, as it may own
        what somebody sent to it; see `forget_key`. Raises NotFound, StillPending when the chain takes longer.
        """
        return await self._ending.revoke(key_hash, self._wait_seconds if wait else None)

    async def rotate(
        self,
        key_hash: KeyHash,
        *,
        grace_seconds: int = GRACE_SECONDS,
        valid_until: Moment | None = None,
        spending_limit: Amount | None = None,
        label: str | None = None,
    ) -> ManagedSession:
        """A session with a new key in the place of one, under the same rules unless others are named; the new one.

        The old one goes on for `grace_seconds` (3600 at most), or until the new one pays for the first time; what both
        spend counts in the new one, here and on chain. Of a session that was rotated already it answers that successor,
        and finishes what was interrupted. Raises SessionRevoked, SessionExpired and InvalidInput.
        """
        await self._local.unlock()
        record = await self._rotating.rotate(
            key_hash,
            grace_seconds=grace_seconds,
            valid_until=valid_until,
            spending_limit=spending_limit,
            label=label,
        )
        await self._side.back(record)
        return self._view(record)

    async def pause_session(self, key_hash: KeyHash) -> ManagedSession:
        """Let a session stand still: it neither pays nor signs in any process. On chain its grant is as it was."""
        return self._view(await self._ending.pause(key_hash, paused=True))

    async def resume_session(self, key_hash: KeyHash) -> ManagedSession:
        """Let a paused session go on."""
        return self._view(await self._ending.pause(key_hash, paused=False))

    async def freeze(self) -> str | None:
        """Stop every session of the owner, here at once and then on chain; the transaction's hash, None when it was."""
        return await self._ending.freeze()

    async def thaw(self) -> str | None:
        """Let every session of the owner go on, on chain and then here; the hash, None when it was not frozen."""
        return await self._ending.thaw()

    async def export_session(
        self, key_hash: KeyHash, *, recipient: str | None = None, passphrase: Secret | str | None = None
    ) -> bytes:
        """A session with its key, rules, grant and figures as an age file: to a recipient, age1..., or a passphrase.

        Two files that both pay out of one session know of each other by the chain alone: move it, and go on with one.
        Raises Unfinished while a payment is under way.
        """
        await self._local.unlock()
        return await self._sealing.export(key_hash, recipient, secret_of(passphrase))

    async def import_session(
        self,
        content: bytes,
        *,
        identity: Secret | str | None = None,
        passphrase: Secret | str | None = None,
    ) -> ManagedSession:
        """The session of an exported file, of the same owner, chain and contract; the same again is the same session.

        What it spent counts: by the file's figures, and beyond them by what the chain counted. Raises DecryptionFailed,
        InvalidInput for what is no such file or another chain's, GrantMismatch for another owner's.
        """
        await self._local.unlock()
        return self._view(await self._sealing.bring(content, secret_of(identity), secret_of(passphrase)))

    async def exposure(self, key_hash: KeyHash) -> Decimal:
        """What whoever has the session's key could take now, by the chain alone and whatever the gate says."""
        await self._side.ready()
        record = await self._kept.record(key_hash)
        return decimal_units(await self._side.exposure(record), self._local.asset)

    async def reclaim(self, key_hash: KeyHash) -> Reclaimed:
        """Take a session back, and bring home what it has left. Again, it is nothing.

        On Solana its accounts are closed, whose rent comes back too. What a grant did not spend never left the owner.
        Raises NotFound, StillPending when the chain takes longer.
        """
        return await self._ending.reclaim(key_hash, self._wait_seconds)

    async def forget_key(self, key_hash: KeyHash) -> bool:
        """Remove an ended session's key for ever; False when it was not there.

        Raises WrongStatus for a session that has not ended or has a payment under way, and while the key's own address
        has money, which nobody could get any more.
        """
        await self._local.unlock()
        return await self._ending.forget(key_hash)

    async def approve_contract(self) -> str | None:
        """Approve the contract for just what living sessions may still spend, also where more was approved for others.

        The transaction's hash, None when that is approved already.
        """
        return await self._side.approve(exactly=True)

    async def step(self) -> int:
        """Bring everything that is under way a step further; how many transactions are open then."""
        if not self._swept:
            await self._kept.sweep()
            self._swept = True
        await self._rotating.end_old()
        await self._side.step()
        return await self._side.open()

    async def settle(self, seconds: float | None = None) -> bool:
        """Step until nothing is under way, for `wait_seconds` at most; whether that is so."""

        await self._rotating.end_old()

        async def over() -> bool:
            return await self._side.open() == 0 and not await self._ending.waits()

        return await self._side.until(over, self._wait_seconds if seconds is None else seconds)

    async def close(self) -> None:
        """Close file, keystore and connections. What is under way goes on with the next manager of the file."""
        local = self._local
        await self._side.close()
        local.keystore.close()
        await local.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _paying_session(self, key_hash: KeyHash) -> PayingSession:
        return paying_session(self._local, self._kept, self._side, self._paying, key_hash)

    def _view(self, record: Any) -> ManagedSession:
        local = self._local
        return session_view(record, hash_in(record), local.chain, local.asset, local.clock.now())
