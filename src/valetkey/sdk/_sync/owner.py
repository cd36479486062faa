# Generated from src/valetkey/sdk/_async/owner.py by scripts/generate_sync.py: edit that file instead.
"""What an owner does with the money of sessions: fund them, and take back what is left."""

import hashlib
from contextlib import suppress

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.crypto.secret import Secret
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.agent import CHAINS, OWNERS
from valetkey.sdk._sync.alerts import Alerts
from valetkey.sdk._sync.audit import AuditReader
from valetkey.sdk._sync.claims import Claims
from valetkey.sdk._sync.connect import open_signer
from valetkey.sdk._sync.delegate import Delegate
from valetkey.sdk._sync.desk import Desk
from valetkey.sdk._sync.grants import Grants
from valetkey.sdk._sync.holdings import Holding
from valetkey.sdk._sync.keys import Keys
from valetkey.sdk._sync.making import Session
from valetkey.sdk._sync.overview import Overview
from valetkey.sdk._sync.policies import Policies
from valetkey.sdk._sync.signing_in import SigningIn
from valetkey.sdk._sync.spends import Spends
from valetkey.sdk.amounts import Amount, usdc_units
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, Unfinished
from valetkey.sdk.holdings import Sweep
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire import calls
from valetkey.wire.agents import WebhookSecret
from valetkey.wire.bundle import BUNDLE_PREFIX, Bundle
from valetkey.wire.escrow import ZERO_ADDRESS
from valetkey.wire.network import NetworkView

USDC_DECIMALS = CURRENCY_DECIMALS["USDC"]
SESSION_GAS = 6_000_000
"""Gas that `fund_session` pays for: a dozen purchases with their approvals and releases, and the way home."""

STEP_GAS = 600_000
"""Gas that one step of a session needs at most; the owner's wallet lends it when the session's is empty."""


class Owner(
    AuditReader,
    Keys,
    SigningIn,
    Grants,
    Policies,
    Spends,
    Claims,
    Alerts,
    Overview,
    Holding,
    Delegate,
):
    """An agent that can have sessions of its own."""

    def reclaim_session(
        self,
        to: str,
        token: str = "USDC",  # noqa: S107 - a currency
        *,
        session: Session | None = None,
        chain: str | int | None = None,
    ) -> str | None:
        """Sweep a session's wallet, token and gas, to an address; the hash of the last transfer of money.

        An owner names the session, by its info, its id (the recovery copy is opened) or its bundle; also after
        its end. A delegate sweeps its own, and only to the owner's wallet. `chain`: where the wallet is, by name or
        number, when that was never learnt here. None when there is nothing.
        """
        _check_currency(token)
        done = self.sweep_session(to, session=session, chain=chain)
        return done.token_tx_hash or done.gas_tx_hash

    def sweep_session(
        self, to: str, *, session: Session | None = None, chain: str | int | None = None
    ) -> Sweep:
        """As `reclaim_session`; the hashes of both of its transactions, of the money and of what was left for gas."""
        if not is_address(to):
            raise InvalidInput("this is not an address, or its checksum is wrong", code="invalid_address")
        keys = self._keys_to_sweep(session, to)
        if to.lower() in (keys.wallet_address.lower(), ZERO_ADDRESS):
            raise InvalidInput("a session's wallet is not swept into itself, nor into nobody's")
        network = self._network_of(keys, session, chain)
        desk = self._desk(open_signer(keys.wallet_private_key), network)
        with desk.alone():
            swept = self._sweep_token(desk, network, checksum_address(to))
            gas = self._sweep_gas(desk, checksum_address(to))
        return Sweep(swept, gas)

    def funding_calls(
        self, session: SessionInfo, amount: Amount | None = None, *, gas_wei: int | None = None
    ) -> list[Call]:
        """What is still to be sent until a session's wallet has gas and so much USDC; nothing once it has.

        For a wallet that sends by itself, such as a browser's. Amounts are as for `fund_session`, and so is what is
        kept before. Raises InsufficientFunds.
        """
        wanted = amount if amount is not None else session.budget_usdc
        if wanted is None:
            raise InvalidInput("a session without a budget needs an amount to be funded with")
        self.keep_recovery(session)
        network = self._network_of(session.bundle, session, None)
        desk, token, to = self._desk(network=network), network.contracts.usdc, session.wallet_address
        found: list[Call] = []
        gas = gas_wei if gas_wei is not None else SESSION_GAS * desk.wallet.fee_per_gas()
        # What gas costs moves on while it is looked at: half of it is enough to go on with.
        has = desk.wallet.native_balance(to)
        if has < gas // 2:
            found.append(calls.transfer_native(to, gas - has))
        units = usdc_units(wanted) - desk.wallet.token_balance(token, to)
        if units > 0:
            self._check_funds(desk, token, units)
            found.append(calls.transfer(token, to, units))
        return found

    def forget_funding(self, session: SessionInfo, idempotency_key: str) -> None:
        """Remove what `fund_session` keeps under this key. The same call sends money again afterwards."""
        network = self._network_of(session.bundle, session, None)
        (self._desk(network=network)).done(_funding(session, idempotency_key))

    def renew_webhook_secret(self) -> Secret:
        """A new secret that signs this agent's webhooks from now on; shown once, so keep it."""
        answer = self._client.send("POST", "/agents/webhook-secret", WebhookSecret)
        return Secret(answer.webhook_secret)

    # Inside

    def _fund(self, session: SessionInfo, units: int, gas_wei: int | None, key: str | None = None) -> str:
        """Send gas and tokens to a session's wallet, once, however often it is interrupted.

        Under a key what was sent stays in the journal: the same call sends nothing more.
        """
        if session.wallet_address.lower() == self.wallet_address.lower():
            raise InvalidInput("a session has a wallet of its own, not the owner's")
        self.keep_recovery(session)
        network = self._network_of(session.bundle, session, None)
        token = network.contracts.usdc
        desk = self._desk(network=network)
        purpose, note = _funding(session, key), str(units)
        with desk.alone():
            entry = desk.unfinished(purpose)
            if entry is not None and entry.note != note:
                told = format_units(int(entry.note), USDC_DECIMALS)
                raise Unfinished(
                    f"sending {told} USDC to this session is unfinished: fund it with that first"
                )
            if entry is None:
                self._check_funds(desk, token, units)
                self._send_gas(desk, session.wallet_address, gas_wei)
                call = calls.transfer(token, session.wallet_address, units)
                entry = desk.sign(purpose, call, note)
            mined = desk.follow(purpose, entry)
            if key is None:
                desk.done(purpose)
        return mined.tx_hash

    def _send_gas(self, desk: Desk, to: str, wei: int | None) -> None:
        """Bring a session's wallet up to so much gas money. The caller is alone at the desk."""
        purpose = f"gas {to}"
        entry = desk.unfinished(purpose)
        if entry is None:
            wanted = wei if wei is not None else SESSION_GAS * desk.wallet.fee_per_gas()
            missing = wanted - desk.wallet.native_balance(to)
            if missing <= 0:
                return
            entry = desk.sign(purpose, calls.transfer_native(to, missing))
        desk.follow(purpose, entry)
        desk.done(purpose)

    def _check_funds(self, desk: Desk, token: str, units: int) -> None:
        has = desk.wallet.token_balance(token, desk.wallet.address)
        if has < units:
            asked, left = format_units(units, USDC_DECIMALS), format_units(has, USDC_DECIMALS)
            raise InsufficientFunds(f"{asked} USDC are asked of {desk.wallet.address}, which has {left}")

    # A session's keys, and acting with them

    def _session_desk(self, session: Session | None) -> Desk:
        """The desk of a session's wallet, with gas for one step; the agent's own desk without a session."""
        if session is None:
            return self._desk()
        keys = self._keys(session)
        desk = self._desk(open_signer(keys.wallet_private_key))
        self._lend_gas(desk, self.network())
        return desk

    def _lend_gas(self, desk: Desk, network: NetworkView) -> None:
        """From the owner's wallet, when the session's has too little for one step."""
        wanted = STEP_GAS * desk.wallet.fee_per_gas()
        if desk.wallet.native_balance(desk.wallet.address) >= wanted:
            return
        if self._held is not None or self._signer is None:
            # A delegate has nothing to lend: the step itself says whether what is there is enough.
            return
        own = self._desk(network=network)
        with own.alone():
            self._send_gas(own, desk.wallet.address, wanted)

    def _network_of(self, keys: Bundle, session: Session | None, chain: str | int | None) -> NetworkView:
        """Where the wallet of a session is: as told, as remembered, or as the platform says of a session's id."""
        kept = self._state.read(CHAINS, keys.wallet_address.lower())
        if chain is not None or kept is not None:
            return self.network(int(kept) if chain is None and kept is not None else chain)
        if isinstance(session, SessionInfo) and session.policy is not None:
            if session.policy.allowed_chains is None:
                return self.network()
            found = self._network_for(session.policy.allowed_chains)
            self._settle_on(keys.wallet_address, found)
            return found
        if isinstance(session, str) and not session.startswith(BUNDLE_PREFIX):
            with suppress(ValetkeyError):
                # One that is gone, or a platform that is: the money is looked for where most sessions are.
                return (self.get_session(session)).network
        return self.network()

    def _keys_to_sweep(self, session: Session | None, to: str) -> Bundle:
        if session is not None:
            keys = self._keys(session)
        elif self._held is not None:
            keys = self._held
        else:
            raise NotConfigured("which session? Name it by its info, its id or its bundle")
        if self._held is None and self._signer is not None:
            return keys
        # A delegate: money goes home and nowhere else.
        home = self._state.read(OWNERS, keys.wallet_address)
        if home is None:
            raise NotConfigured("whose session this is was never learnt here: its owner can reclaim it")
        if home.decode().lower() != to.lower():
            raise InvalidInput("a delegate returns money to the owner's wallet alone")
        return keys

    def _sweep_token(self, desk: Desk, network: NetworkView, to: str) -> str | None:
        token = network.contracts.usdc
        purpose = "sweep token"
        tx_hash = None
        entry = desk.unfinished(purpose)
        if entry is not None:
            tx_hash = (desk.follow(purpose, entry)).tx_hash
            desk.done(purpose)
        balance = desk.wallet.token_balance(token, desk.wallet.address)
        if balance:
            self._lend_gas(desk, network)
            tx_hash = (desk.carry_through(purpose, calls.transfer(token, to, balance))).tx_hash
            desk.done(purpose)
        return tx_hash

    def _sweep_gas(self, desk: Desk, to: str) -> str | None:
        purpose = "sweep gas"
        tx_hash = None
        entry = desk.unfinished(purpose)
        if entry is not None:
            tx_hash = (desk.follow(purpose, entry)).tx_hash
            desk.done(purpose)
        # What came in since an interrupted sweep was signed goes too.
        signed = desk.wallet.sign_sweep(to)
        if signed is not None:
            tx_hash = (desk.follow(purpose, desk.keep(purpose, signed))).tx_hash
            desk.done(purpose)
        return tx_hash


def _funding(session: SessionInfo, key: str | None) -> str:
    """The purpose of a transfer to a session's wallet, in the journal of the owner's."""
    named = "" if key is None else f" {hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return f"fund {session.wallet_address}{named}"


def _check_currency(token: str) -> None:
    if token != "USDC":  # noqa: S105 - a currency
        raise InvalidInput("sessions hold USDC, and gas with it")
