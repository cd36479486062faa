"""Relayer, follower and revocations on a real chain and a real store, and a fate that kills them at any step."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures_chain import CHAIN_ID, ChainRpc
from tests.stores.making import an_agent, an_api_key, an_id, digest
from valetkey.chains.evm.deploy import DEVELOPMENT_TREASURY, Deployed
from valetkey.chains.evm.networks import Network as EvmNetwork
from valetkey.chains.evm.reader import EvmReader
from valetkey.chains.evm.sender import EvmSender
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.agent import Agent
from valetkey.core.grant import Grant, granted
from valetkey.core.ids import Kind
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.session import Role, Session, Usage
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.transaction import Transaction
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.engine.following import Follower
from valetkey.engine.gate import SpendGate
from valetkey.engine.relaying import Relayer
from valetkey.engine.revoking import Revoking
from valetkey.engine.settlement import Settlement
from valetkey.engine.unknowns import Unknowns
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform, RelayDesk, make_network
from valetkey.platform.limits import RateLimiter
from valetkey.platform.observing.metrics import Metrics
from valetkey.platform.settings import Settings
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Spend, SpendRecord
from valetkey.ports.relays import RelayLimits
from valetkey.ports.wallet import Call
from valetkey.stores.sqlite import SqliteStore, open_store
from valetkey.wire import calls, grant_calls
from valetkey.wire.granting import RelayFundingRequest, RelaySpendRequest
from valetkey.wire.grants import (
    Domain,
    GrantSpend,
    funding_message,
    grant_hash,
    grant_id,
    grant_message,
    revoke_message,
    spend_message,
)
from valetkey.wire.proofs import escrow_id

USDC = 10**6
MONEY = 1_000 * USDC
HOUR = 3_600
ROUNDS_MAX = 60
SETTINGS = {
    "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
    "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
    "VALETKEY_TEST_MODE": "1",
}


class Killed(BaseException):
    """The process ended here. Not an Exception: nothing of ours may catch it."""


@dataclass
class Fate:
    """Kills when so many calls were made: after the last one took effect, and before its answer came."""

    at: int | None = None
    count: int = 0
    calls: list[str] = field(default_factory=list)

    def passed(self, name: str) -> None:
        self.count += 1
        self.calls.append(name)
        if self.count == self.at:
            raise Killed(name)


class Mortal:
    """Something outside whose every call may be the last."""

    def __init__(self, what: Any, fate: Fate) -> None:
        self._what = what
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*given: Any, **named: Any) -> Any:
            answer = await found(*given, **named)
            self._fate.passed(f"{type(self._what).__name__}.{name}")
            return answer

        return call


@dataclass
class Plant:
    """A chain with the contracts, an owner with money, a relayer with gas, and a store in a folder of its own."""

    chain: ChainRpc
    at: Deployed
    folder: Path
    confirmations: int = 1
    owner_key: PrivateKey = field(default_factory=PrivateKey.generate)
    session_key: PrivateKey = field(default_factory=PrivateKey.generate)
    relayer_key: PrivateKey = field(default_factory=PrivateKey.generate)
    observed: list[tuple[str, str]] = field(default_factory=list)
    escrowed_before: int = 0

    @property
    def asset(self) -> Asset:
        return Asset("USDC", CHAIN_ID, self.at.usdc, 6)

    @property
    def domain(self) -> Domain:
        return Domain(CHAIN_ID, self.at.allowance)

    # The chain

    def give(self, address: str, wei: int) -> None:
        sender = self.chain("eth_accounts")[0]
        self.chain("eth_sendTransaction", {"from": sender, "to": address, "value": hex(wei)})

    def send(self, key: PrivateKey, call: Call) -> str:
        """Send as anybody would, and expect success; the hash."""
        nonce = int(self.chain("eth_getTransactionCount", key.address, "latest"), 16)
        raw = LocalSigner(key).sign_transaction(
            {
                "type": 2,
                "chainId": CHAIN_ID,
                "nonce": nonce,
                "to": call.to,
                "value": call.value,
                "data": call.data,
                "gas": 1_000_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**6,
            }
        )
        tx_hash = self.chain("eth_sendRawTransaction", "0x" + raw.hex())
        receipt = self.chain("eth_getTransactionReceipt", tx_hash)
        assert int(receipt["status"], 16) == 1, "it reverted"
        return str(tx_hash)

    def units(self, address: str) -> int:
        call = calls.balance_of(self.at.usdc, address)
        answer = self.chain("eth_call", {"to": call.to, "data": "0x" + call.data.hex()}, "latest")
        return int(answer, 16)

    def sent(self) -> int:
        """How many transactions of the relayer are in blocks."""
        return int(self.chain("eth_getTransactionCount", self.relayer_key.address, "latest"), 16)

    def furnish(self) -> None:
        """Money for the owner, its approval, gas for the relayer."""
        for key in (self.owner_key, self.session_key, self.relayer_key):
            self.give(key.address, 10**18)
        selector = keccak256(b"mint(address,uint256)")[:4]
        word = bytes.fromhex(self.owner_key.address[2:]).rjust(32, b"\0")
        self.send(self.owner_key, Call(self.at.usdc, selector + word + MONEY.to_bytes(32, "big")))
        self.send(self.owner_key, calls.approve(self.at.usdc, self.at.allowance, MONEY))
        # Others have used this chain, and a contract that has the same address wherever it is deployed.
        self.escrowed_before = self.units(self.at.escrow) + self.units(DEVELOPMENT_TREASURY)

    # The store

    def open(self) -> SqliteStore:
        return open_store(self.folder / "valetkey.db")

    async def people(self, store: SqliteStore, budget: int = 50 * USDC) -> tuple[Agent, SignedGrant]:
        """An owner and a session with a grant."""
        owner = an_agent(wallet_address=self.owner_key.address)
        await store.add_agent(owner, digest(owner.id), an_api_key(owner))
        now = store.clock.now()
        session = Session(
            id=an_id(Kind.SESSION),
            owner_id=owner.id,
            role=Role.BUYER,
            policy=Policy(budget=budget, expires_at=now + HOUR),
            usage=Usage(),
            created_at=now,
        )
        record = SessionRecord(
            session, an_id(Kind.BUYER_ALIAS), self.session_key.address, None, funding=Funding.GRANT
        )
        await store.add_session(record, digest(session.id))
        signed = self.grant(session)
        kept = await store.add_grant(signed, owner.id)
        assert isinstance(kept, SignedGrant)
        return owner, kept

    def grant(self, session: Session, **changes: Any) -> SignedGrant:
        grant: Grant = granted(
            session.policy,
            self.asset,
            owner=self.owner_key.address,
            key=self.session_key.address,
            escrow=self.at.escrow,
            payees=bytes(32),
            epoch=0,
            salt=digest(session.id),
            **changes,
        )
        signer, hashed = LocalSigner(self.owner_key), grant_hash(grant)
        return SignedGrant(
            id=grant_id(grant.owner, hashed),
            chain_id=CHAIN_ID,
            contract=self.at.allowance,
            session_id=session.id,
            owner_id=session.owner_id,
            grant=grant,
            signature=signer.sign_typed_data(self.domain.typed_data("Grant", grant_message(grant))),
            revocation=signer.sign_typed_data(self.domain.typed_data("Revoke", revoke_message(hashed))),
            made_at=session.created_at,
        )

    async def hold(self, store: SqliteStore, session_id: str, payee: str, units: int) -> Hold:
        """A spend that the gate granted."""
        spend = Spend(
            session_id,
            an_id(Kind.HOLD),
            SpendRequest(Money(units, self.asset), None, payee.lower(), "payment"),
            store.clock.now() + HOUR,
        )
        record = await store.hold_spend(spend, None)
        assert isinstance(record, SpendRecord)
        return record.hold

    def asked(self, signed: SignedGrant, hold: Hold, nonce: int, until: int) -> RelaySpendRequest:
        """What the session key signs for the relayer."""
        assert hold.request.payee is not None
        spend = GrantSpend(
            payee=hold.request.payee,
            amount=hold.request.amount.units,
            reference=keccak256(hold.id.encode("ascii")),
            nonce=nonce,
            deadline=until,
            executor=self.relayer_key.address,
        )
        data = self.domain.typed_data("Spend", spend_message(grant_hash(signed.grant), spend))
        return RelaySpendRequest(
            payee=hold.request.payee,
            nonce=str(nonce),
            signed_until=until,
            signature="0x" + LocalSigner(self.session_key).sign_typed_data(data).hex(),
        )

    def asked_for_escrow(
        self, signed: SignedGrant, bought: Transaction, nonce: int, deadline: int
    ) -> RelayFundingRequest:
        """What the session key signs for the escrow of a purchase that is to be delivered by the deadline."""
        reference = grant_calls.escrow_reference(
            *(escrow_id(bought.id), bought.seller_address, bought.total.units, signed.grant.token),
            *(deadline, bought.dispute_window, bought.abandonment_grace, bytes(32)),
        )
        spend = GrantSpend(
            payee=bought.seller_address,
            amount=bought.total.units,
            reference=reference,
            nonce=nonce,
            deadline=bought.checkout_ends_at,
            executor=self.at.escrow,
        )
        message = funding_message(grant_hash(signed.grant), spend)
        data = self.domain.typed_data("EscrowFunding", message)
        return RelayFundingRequest(
            deadline=deadline,
            nonce=str(nonce),
            signed_until=bought.checkout_ends_at,
            signature="0x" + LocalSigner(self.session_key).sign_typed_data(data).hex(),
        )

    def escrowed(self) -> int:
        """What the escrow contract was given for sellers, and the fee that it passed on, since the plant is there."""
        return self.units(self.at.escrow) + self.units(DEVELOPMENT_TREASURY) - self.escrowed_before

    def works(self, store: Any, fate: Fate | None = None, **rules: Any) -> "Works":
        return Works(self, store, fate or Fate(), **rules)


class Works:
    """One process: a platform and what runs behind it. With a fate, every call outside may be its last."""

    def __init__(self, plant: Plant, store: SqliteStore, fate: Fate, **rules: Any) -> None:
        network = EvmNetwork(
            name="base-sepolia",
            chain="baseSepolia",
            chain_id=CHAIN_ID,
            rpc_url=plant.chain.rpc_url,
            escrow=plant.at.escrow,
            score=plant.at.score,
            usdc=plant.at.usdc,
            confirmations=plant.confirmations,
        )
        self.plant = plant
        self._reader = EvmReader(network, plant.chain.rpc_url, confirmations=plant.confirmations)
        self._sender = EvmSender(plant.chain.rpc_url, CHAIN_ID, LocalSigner(plant.relayer_key))
        self.store: Any = Mortal(store, fate)
        self.reader: Any = Mortal(self._reader, fate)
        self.sender: Any = Mortal(self._sender, fate)
        settings = Settings.from_env(
            SETTINGS
            | {
                "VALETKEY_DATABASE": str(plant.folder / "valetkey.db"),
                "VALETKEY_NETWORKS": json.dumps(
                    [
                        {
                            "network": "base-sepolia",
                            "rpcUrl": plant.chain.rpc_url,
                            "escrow": plant.at.escrow,
                            "score": plant.at.score,
                            "usdc": plant.at.usdc,
                            "allowance": plant.at.allowance,
                            "confirmations": plant.confirmations,
                        }
                    ]
                ),
            }
        )
        settlement = Settlement(self.store, self.store, store.clock)
        desk = RelayDesk(self.sender, self.reader, RelayLimits(10**18, 10**18))
        self.platform = Platform(
            settings=settings,
            store=self.store,
            clock=store.clock,
            networks={
                "base-sepolia": make_network(
                    settings.networks[0], self.reader, True, plant.relayer_key.address
                )
            },
            gate=SpendGate(self.store, store.clock, 1_800),
            settlement=settlement,
            limiter=RateLimiter(False),
            metrics=Metrics({}),
            started_at=store.clock.now(),
            relayers={CHAIN_ID: desk},
        )
        told: Callable[[str, Any], None] = lambda what, whom: plant.observed.append((what, str(whom)))  # noqa: E731
        self.relayer = Relayer(
            self.store,
            self.sender,
            self.reader,
            CHAIN_ID,
            store.clock,
            observer=lambda what, relay: told(what, relay.purpose),
            **rules,
        )
        self.follower = Follower(
            self.store, settlement, self.reader, plant.asset, plant.at.allowance, observer=told
        )
        self.revoking = Revoking(
            self.store, self.sender, CHAIN_ID, store.clock, observer=lambda whom: told("revoking", whom)
        )
        self.unknowns = Unknowns(
            self.store,
            self.store,
            {CHAIN_ID: self.reader},
            observer=lambda what, record: told(what, record.hold.id),
            following=self.store,
            contracts={CHAIN_ID: plant.at.allowance},
        )

    async def round(self) -> int:
        """Everything that runs behind a platform, once; how many transactions are open."""
        await self.revoking.step()
        left = await self.relayer.step()
        while await self.follower.step():
            pass
        await self.unknowns.step()
        return left

    async def until(self, there: Callable[[], Any]) -> None:
        """Run until it is there and nothing is open."""
        for _ in range(ROUNDS_MAX):
            left = await self.round()
            if not left and await there():
                return
        raise AssertionError("it does not come about")

    async def close(self) -> None:
        await self._reader.close()
        await self._sender.close()

    async def caller(self, session_id: str) -> Caller:
        record = await self.store.session(session_id)
        owner = await self.store.agent(record.session.owner_id)
        return Caller(owner, record)
