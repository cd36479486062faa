# Generated from src/valetkey/sdk/manager/manager.py by scripts/generate_sync.py: edit that file instead.
"""The sync twin of AsyncSessionKeyManager: its calls run in one thread of their own."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from valetkey.core.policy import LIFETIME_SECONDS_MAX, LIFETIME_SECONDS_MIN
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore
from valetkey.sdk.amounts import Amount
from valetkey.sdk.chain_config import ChainConfig
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.manager import clients
from valetkey.sdk.manager.keeping import KeyHash
from valetkey.sdk.manager.local import Observer
from valetkey.sdk.manager.manager import GRACE_SECONDS, PAGE, USDC, WAIT_SECONDS, AsyncSessionKeyManager
from valetkey.sdk.manager.opening import FEE_WEI_MAX, SignerLike
from valetkey.sdk.manager.portal import Portal
from valetkey.sdk.manager.views import ManagedSession, Reclaimed, Revoked, Spent
from valetkey.sdk.session_config import Moment, SessionConfig


class SessionKeyManager:
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
        self._portal = Portal()
        try:
            self._manager = self._portal.make(
                lambda: AsyncSessionKeyManager(
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
                    wait_seconds=wait_seconds,
                    on_event=on_event,
                    system_time=system_time,
                )
            )
        except BaseException:
            self._portal.close()
            raise

    def __repr__(self) -> str:
        return repr(self._manager).replace("<Async", "<", 1)

    @property
    def address(self) -> str:
        """The owner's address, EIP-55."""
        return self._manager.address

    @property
    def path(self) -> Path:
        """The file."""
        return self._manager.path

    def create_session(
        self, config: SessionConfig | None = None, *, approve: bool = True, **rules: Any
    ) -> ManagedSession:
        """A new session with its key, its grant and, on chain, the owner's approval for what it may spend.

        A SessionConfig, or its fields as keywords: label, spending_limit, valid_until, and so on. `approve=False`
        leaves the approval to the first payment or to `approve_contract`. The same `idempotency_key` and rules answer
        the same session and finish what was interrupted. Raises InvalidInput, InvalidAmount, LabelTaken and
        InsufficientFunds.
        """
        return self._portal.call(lambda: self._manager.create_session(config, approve=approve, **rules))

    def list_sessions(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        chain: str | int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[ManagedSession]:
        """Sessions of the owner, newest first, ended ones too, as the file has them: one page of at most 1,000."""
        return self._portal.call(
            lambda: self._manager.list_sessions(
                status=status, label=label, chain=chain, limit=limit, offset=offset
            )
        )

    def restore_session(self, key_hash: KeyHash) -> ManagedSession:
        """A session by its key's hash, as file and chain have it now: after a restart, in another process, elsewhere.

        What the chain knows and the file does not, a revocation or a freeze, is written down. Raises NotFound,
        DamagedRecord for a key or row that cannot be read, WrongSecret, ChainUnavailable.
        """
        return self._portal.call(lambda: self._manager.restore_session(key_hash))

    def sign(
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
        return self._portal.call(lambda: self._manager.sign(key_hash, message, typed_data=typed_data))

    def spend(
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
        return self._portal.call(
            lambda: self._manager.spend(
                key_hash,
                to=to,
                amount=amount,
                token=token,
                idempotency_key=idempotency_key,
                memo=memo,
                wait=wait,
            )
        )

    def http(
        self,
        key_hash: KeyHash,
        *,
        hosts: Iterable[str] | None = None,
        max_amount: Amount | None = None,
        pin_payees: bool | None = None,
        wait_approval: float | None = None,
        transport: httpx.BaseTransport | None = None,
        **client: Any,
    ) -> httpx.Client:
        """An httpx client that pays what it is asked for (x402), within a session's policy. Close it.

        Everything is as BuyerAgent.http says it, and the file is the ledger: whichever process asks the same again goes
        on with the same payment. What the key signs for the payee is brought to its own address from the owner's
        balance just before. Raises InvalidInput, InvalidAmount and NotConfigured; requests raise the refusals, and
        NotFound for a session that is not here. Needs `valetkey[x402]`, and a manager of USDC on an EVM chain.
        """
        return clients.http(
            self._portal,
            self._manager,
            key_hash,
            hosts=hosts,
            max_amount=max_amount,
            pin_payees=pin_payees,
            wait_approval=wait_approval,
            transport=transport,
            **client,
        )

    def get_spend(self, hold_id: str, *, wait: bool = False) -> Spent:
        """A payment by its hold_id; `wait`: until the chain shows what became of it. Raises NotFound."""
        return self._portal.call(lambda: self._manager.get_spend(hold_id, wait=wait))

    def approve_spend(self, hold_id: str) -> Spent:
        """The owner's yes to a payment above the session's `approval_above`, for a day; asking again then pays it."""
        return self._portal.call(lambda: self._manager.approve_spend(hold_id))

    def reject_spend(self, hold_id: str) -> Spent:
        """The owner's no, or an approval taken back that was not used yet."""
        return self._portal.call(lambda: self._manager.reject_spend(hold_id))

    def revoke_session(self, key_hash: KeyHash, *, wait: bool = True) -> Revoked:
        """Take a session back for ever: when this returns no process grants it anything, and the chain neither.

        `wait=False`: the chain hears of it with the next call or `step`. The key stays in the keystore, as it may own
        what somebody sent to it; see `forget_key`. Raises NotFound, StillPending when the chain takes longer.
        """
        return self._portal.call(lambda: self._manager.revoke_session(key_hash, wait=wait))

    def rotate(
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
        return self._portal.call(
            lambda: self._manager.rotate(
                key_hash,
                grace_seconds=grace_seconds,
                valid_until=valid_until,
                spending_limit=spending_limit,
                label=label,
            )
        )

    def pause_session(self, key_hash: KeyHash) -> ManagedSession:
        """Let a session stand still: it neither pays nor signs in any process. On chain its grant is as it was."""
        return self._portal.call(lambda: self._manager.pause_session(key_hash))

    def resume_session(self, key_hash: KeyHash) -> ManagedSession:
        """Let a paused session go on."""
        return self._portal.call(lambda: self._manager.resume_session(key_hash))

    def freeze(self) -> str | None:
        """Stop every session of the owner, here at once and then on chain; the transaction's hash, None when it was."""
        return self._portal.call(lambda: self._manager.freeze())

    def thaw(self) -> str | None:
        """Let every session of the owner go on, on chain and then here; the hash, None when it was not frozen."""
        return self._portal.call(lambda: self._manager.thaw())

    def export_session(
        self, key_hash: KeyHash, *, recipient: str | None = None, passphrase: Secret | str | None = None
    ) -> bytes:
        """A session with its key, rules, grant and figures as an age file: to a recipient, age1..., or a passphrase.

        Two files that both pay out of one session know of each other by the chain alone: move it, and go on with one.
        Raises Unfinished while a payment is under way.
        """
        return self._portal.call(
            lambda: self._manager.export_session(key_hash, recipient=recipient, passphrase=passphrase)
        )

    def import_session(
        self, content: bytes, *, identity: Secret | str | None = None, passphrase: Secret | str | None = None
    ) -> ManagedSession:
        """The session of an exported file, of the same owner, chain and contract; the same again is the same session.

        What it spent counts: by the file's figures, and beyond them by what the chain counted. Raises DecryptionFailed,
        InvalidInput for what is no such file or another chain's, GrantMismatch for another owner's.
        """
        return self._portal.call(
            lambda: self._manager.import_session(content, identity=identity, passphrase=passphrase)
        )

    def exposure(self, key_hash: KeyHash) -> Decimal:
        """What whoever has the session's key could take now, by the chain alone and whatever the gate says."""
        return self._portal.call(lambda: self._manager.exposure(key_hash))

    def reclaim(self, key_hash: KeyHash) -> Reclaimed:
        """Take a session back, and bring home what it has left. Again, it is nothing.

        On Solana its accounts are closed, whose rent comes back too. What a grant did not spend never left the owner.
        Raises NotFound, StillPending when the chain takes longer.
        """
        return self._portal.call(lambda: self._manager.reclaim(key_hash))

    def forget_key(self, key_hash: KeyHash) -> bool:
        """Remove an ended session's key for ever; False when it was not there.

        Raises WrongStatus for a session that has not ended or has a payment under way, and while the key's own address
        has money, which nobody could get any more.
        """
        return self._portal.call(lambda: self._manager.forget_key(key_hash))

    def approve_contract(self) -> str | None:
        """Approve the contract for just what living sessions may still spend, also where more was approved for others.

        The transaction's hash, None when that is approved already.
        """
        return self._portal.call(lambda: self._manager.approve_contract())

    def step(self) -> int:
        """Bring everything that is under way a step further; how many transactions are open then."""
        return self._portal.call(lambda: self._manager.step())

    def settle(self, seconds: float | None = None) -> bool:
        """Step until nothing is under way, for `wait_seconds` at most; whether that is so."""
        return self._portal.call(lambda: self._manager.settle(seconds))

    def close(self) -> None:
        """Close file, keystore and connections. What is under way goes on with the next manager of the file."""
        if self._portal.is_open:
            self._portal.call(self._manager.close)
            self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
