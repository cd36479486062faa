# Generated from src/valetkey/sdk/_async/grants.py by scripts/generate_sync.py: edit that file instead.
"""Grants: an owner lets a session pay out of the owner's own balance, within limits that the chain enforces."""

import secrets
from collections.abc import Generator

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY, NOTHING, Grant, granted
from valetkey.core.money import CURRENCY_DECIMALS, Asset
from valetkey.engine.granting import signed_by
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.desk import Desk
from valetkey.sdk._sync.fleet import id_of
from valetkey.sdk._sync.making import SessionMaker
from valetkey.sdk.enrolled_session import EnrolledSession
from valetkey.sdk.errors import EnrollmentMismatch, NotConfigured, NotFound
from valetkey.sdk.limits import policy_of
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire import calls, grant_calls
from valetkey.wire.granting import ExposureView, GiveGrantRequest, GrantPage, GrantView, grant_body, grant_of
from valetkey.wire.grants import Domain, payees_of
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

PAGE = 100
LIVING = ("signed", "known")


class Grants(SessionMaker):
    """The part of an owner that gives grants, and takes them back on chain."""

    def grant_session(self, session: SessionInfo | str, *, approve: bool = True) -> GrantView:
        """Let a session pay out of the owner's own balance: nothing moves, and what it may take the chain enforces.

        The owner signs the grant, made of the session's policy, and its revocation, which the platform keeps for later.
        `approve`: the owner's wallet approves the contract for what all its living grants together may still take; that
        is the one transaction that it pays gas for. A session that takes the place of another one by `rotate_session`
        gets the successor of that one's grant. Doing it again goes on where it was interrupted. Raises InvalidInput for
        a session that no grant can stand for (no budget, a chain's own coin), GrantExists, InsufficientFunds.
        """
        view = self.get_session(id_of(session))
        network = view.network
        self._met(network)
        if isinstance(session, EnrolledSession):
            if view.session_wallet != session.wallet_address:
                raise EnrollmentMismatch(
                    "the platform names another key than the delegate's: no grant is signed"
                )
        elif isinstance(session, SessionInfo):
            # Not for the money, which stays with the owner: for deliveries that are encrypted to the session.
            self.keep_recovery(session)
        given = self.find_grant(view.session_id)
        if given is None or given.status not in LIVING:
            given = self._give(view, network)
        if approve:
            self._approve(network)
        return given

    def get_grant(self, session: SessionInfo | str) -> GrantView:
        """The grant that a session was given last: signed, known on chain, revoking, or revoked. Raises NotFound."""
        path = f"/agents/session/{segment(id_of(session))}/grant"
        return self._client.get(path, GrantView)

    def find_grant(self, session: SessionInfo | str) -> GrantView | None:
        """As get_grant; None when the session has none."""
        try:
            return self.get_grant(session)
        except NotFound:
            return None

    def iter_grants(self) -> Generator[GrantView]:
        """Every grant that the owner gave, newest first, revoked ones too."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = self._client.get("/agents/grants", GrantPage, {"limit": PAGE, "offset": offset})
            for one in page.grants:
                # One that is given meanwhile moves the others on by one.
                if one.id not in seen:
                    seen.add(one.id)
                    yield one
            offset += len(page.grants)
            if not page.grants or offset >= page.total:
                return

    def approve_grants(self, chain: str | int | None = None) -> str | None:
        """Approve the contract for what all living grants may still take; the hash, None when that is approved already.

        It is of one chain, by name or number, the platform's first one unless told otherwise. Raises InsufficientFunds
        when the owner's wallet cannot pay the gas.
        """
        return self._approve(self.network(chain))

    def grants_approval(self, chain: str | int | None = None) -> Call | None:
        """What `approve_grants` would send: for a wallet that sends by itself, such as a browser's. None as there."""
        network = self.network(chain)
        return self._approval(self._desk(network=network), network)

    def _approve(self, network: NetworkView) -> str | None:
        desk = self._desk(network=network)
        purpose = f"approve grants {allowance_of(network)}"
        with desk.alone():
            unfinished = desk.unfinished(purpose)
            call = self._approval(desk, network, again=unfinished is not None)
            if call is None:
                return None
            mined = desk.carry_through(purpose, call)
            desk.done(purpose)
        return mined.tx_hash

    def _approval(self, desk: Desk, network: NetworkView, *, again: bool = False) -> Call | None:
        contract, token = allowance_of(network), network.contracts.usdc
        needed = 0
        for one in self.iter_grants():
            if one.status in LIVING and one.chain_id == network.chain_id:
                needed += self._lets_out(desk, contract, grant_of(one.grant), one.status)
        if not again and desk.wallet.allowance(token, desk.wallet.address, contract) >= needed:
            return None
        return calls.approve(token, contract, needed)

    def exposure(self, session: SessionInfo | str) -> ExposureView:
        """The most that a session could still cost if its key leaked now, read from ledger and chain."""
        path = f"/agents/session/{segment(id_of(session))}/exposure"
        return self._client.get(path, ExposureView)

    def revoke_grant(self, session: SessionInfo | str) -> str:
        """Revoke a session's grant on chain by the owner's own transaction, and wait for its block; the hash.

        `revoke_session` stops the session at the platform at once, and the platform's relayer, where there is one, then
        does this by itself. Raises NotFound, InsufficientFunds.
        """
        given = self.get_grant(session)
        desk = self._desk(network=self.network(given.chain_id))
        return (desk.perform(f"revoke {given.id}", _revocation(given))).tx_hash

    def grant_revocation(self, session: SessionInfo | str) -> Call:
        """What `revoke_grant` would send: for a wallet that sends by itself, such as a browser's. Raises NotFound."""
        return _revocation(self.get_grant(session))

    def freeze_on_chain(self, chain: str | int | None = None) -> str:
        """Stop every grant of the owner's wallet on a chain, by one transaction of its own; the hash.

        `freeze` stops what asks the platform; this stops keys that do not ask. `chain`: a name or number, the
        platform's first one unless told otherwise.
        """
        network = self.network(chain)
        call = grant_calls.freeze(allowance_of(network))
        return ((self._desk(network=network)).perform("freeze grants", call)).tx_hash

    def thaw_on_chain(self, chain: str | int | None = None) -> str:
        """Let every grant of the owner's wallet on a chain go on; the hash. `chain` as above."""
        network = self.network(chain)
        call = grant_calls.thaw(allowance_of(network))
        return ((self._desk(network=network)).perform("thaw grants", call)).tx_hash

    def revoke_all_on_chain(self, chain: str | int | None = None) -> str:
        """Revoke every grant of the owner's wallet on a chain, for ever; the hash. `chain` as above."""
        network = self.network(chain)
        call = grant_calls.revoke_all(allowance_of(network))
        return ((self._desk(network=network)).perform("revoke all grants", call)).tx_hash

    # Inside

    def _give(self, view: SessionView, network: NetworkView) -> GrantView:
        signer, contract = self._need_signer(), allowance_of(network)
        if view.session_wallet is None:
            raise InvalidInput("a session without a key of its own can have no grant")
        if signer.address.lower() != view.owner_wallet.lower():
            raise InvalidInput("a grant is signed by the owner's wallet: call init_eoa_wallet with it")
        desk = self._desk(network=network)
        standing = grant_calls.number(desk.wallet.view(grant_calls.standings(contract, signer.address)))
        policy = policy_of(view, view.expiry)
        usdc = Asset("USDC", network.chain_id, network.contracts.usdc, CURRENCY_DECIMALS["USDC"])
        grant = granted(
            policy,
            desk.wallet.checked(usdc),
            owner=signer.address,
            key=view.session_wallet,
            escrow=network.contracts.escrow or NOBODY,
            payees=payees_of(policy.allowed_payees),
            epoch=standing >> 1,
            salt=secrets.token_bytes(32),
            predecessor=self._predecessor(view, network.chain_id),
        )
        signature, revocation = signed_by(signer, Domain(network.chain_id, contract), grant)
        asked = GiveGrantRequest(
            chain_id=network.chain_id,
            contract=contract,
            grant=grant_body(grant),
            signature="0x" + signature.hex(),
            revocation="0x" + revocation.hex(),
        )
        path = f"/agents/session/{segment(view.session_id)}/grant"
        return self._client.send("POST", path, GrantView, asked, repeat=True)

    def _predecessor(self, view: SessionView, chain_id: int) -> bytes:
        """The struct hash of the living grant of the session that this one replaced; nothing for a new one."""
        for one in self.tree(view.tree_id):
            if one.successor_id != view.session_id:
                continue
            before = self.find_grant(one.session_id)
            if before is not None and before.status in LIVING and before.chain_id == chain_id:
                return bytes.fromhex(before.hash[2:])
        return NOTHING

    def _lets_out(self, desk: Desk, contract: str, grant: Grant, status: str) -> int:
        """What a grant may still take; all of its cap until somebody used it."""
        if status == "signed":
            return grant.cap
        return grant_calls.number(desk.wallet.view(grant_calls.worst_loss(contract, grant)))


def _revocation(given: GrantView) -> Call:
    return grant_calls.revoke(given.contract, bytes.fromhex(given.hash[2:]))


def allowance_of(network: NetworkView) -> str:
    """The contract that keeps grants. Raises NotConfigured where the platform has none."""
    if network.contracts.allowance is None:
        raise NotConfigured("this platform serves no grants: fund the session's wallet instead")
    return network.contracts.allowance
