"""What owner, seller and delegate do when they are told to, each with the SDK and nothing else."""

import os
import time
from collections.abc import Mapping
from typing import Any, Literal

from valetkey import BuyerAgent, SellerAgent, SessionInfo
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.bundle import parse_bundle

Facts = dict[str, Any]
REVOKED_SECONDS = 30


class Owner:
    """Has the money; makes, funds, revokes and empties sessions."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self._agent = BuyerAgent()
        self._sessions: dict[str, SessionInfo] = {}

    def wallet(self) -> Facts:
        return {"address": self._key.address}

    def register(self, name: str) -> Facts:
        self._agent.close()
        self._agent = BuyerAgent.register(self._key.to_hex(), name)
        self._agent.init_eoa_wallet(self._key.to_hex())
        return {"agent_id": self._agent.agent_id}

    def create_session(
        self, budget: str, expiry: int, services: list[str], funding: Literal["wallet", "grant"] = "wallet"
    ) -> Facts:
        session = self._agent.create_session(
            budget_usdc=budget, expiry=expiry, allowed_service_ids=services, funding=funding
        )
        self._sessions[session.session_id] = session
        return {
            "session_id": session.session_id,
            "wallet": session.wallet_address,
            "expiry": session.expiry,
            "bundle": session.serialize(),
        }

    def fund(self, session_id: str) -> Facts:
        return {"tx_hash": self._agent.fund_session(self._sessions[session_id])}

    def revoke(self, session_id: str) -> None:
        self._agent.revoke_session(session_id)

    def worst_case(self, session_id: str) -> Facts:
        return {"usdc": self._agent.exposure(session_id).worst_case_usdc}

    def revoked_on_chain(self, session_id: str) -> Facts:
        """Wait until the chain says that the session's grant is revoked."""
        ends = time.monotonic() + REVOKED_SECONDS
        while (grant := self._agent.get_grant(session_id)).status != "revoked" and time.monotonic() < ends:
            time.sleep(0.1)
        return {"status": grant.status, "tx_hash": grant.revocation_tx_hash}

    def reclaim(self, session_id: str) -> Facts:
        # The bundle is forgotten on purpose: the recovery copy has to be enough.
        self._sessions.pop(session_id)
        return {"tx_hash": self._agent.reclaim_session(self._key.address, session=session_id)}

    def secrets(self) -> Mapping[str, str]:
        return {"owner_key": self._key.to_hex(prefix=False)} | _credential(self._agent, "owner_api_key")


class Seller:
    """Offers services and delivers what was paid for."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self._agent = SellerAgent()
        self._plain: dict[str, str] = {}

    def wallet(self) -> Facts:
        return {"address": self._key.address}

    def register(self, name: str) -> Facts:
        self._agent.close()
        self._agent = SellerAgent.register(self._key.to_hex(), name)
        self._agent.init_eoa_wallet(self._key.to_hex())
        return {"agent_id": self._agent.agent_id}

    def offer(self, title: str, description: str, category: str, price: str) -> Facts:
        service = self._agent.list_service(
            title=title, description=description, category=category, price=price, price_unit="per_document"
        )
        return {"service_id": service.id}

    def deliver_next(self, answer: str) -> Facts:
        """Wait for the next funded purchase, read it, deliver sealed, and prove the delivery on chain."""
        purchase = next(iter(self._agent.poll_for_purchases()))
        opened = self._agent.decrypt_request_payload(purchase)
        result = {"summary": answer}
        self._agent.deliver_encrypted(purchase.id, result)
        proof = self._agent.submit_delivery(purchase.id, result)
        return {
            "transaction_id": purchase.id,
            "request": opened.payload,
            "verified": opened.verified,
            "tx_hash": proof,
        }

    def secrets(self) -> Mapping[str, str]:
        return {"seller_key": self._key.to_hex(prefix=False)} | _credential(self._agent, "seller_api_key")


class Delegate:
    """Holds sessions that were handed to it, and spends within them."""

    def __init__(self) -> None:
        self._agents: dict[str, BuyerAgent] = {}
        self._secrets: dict[str, str] = {}

    def take(self, session: str, bundle: str) -> Facts:
        """Take a session over from its bundle, under a short name of ours."""
        held = parse_bundle(bundle, None)
        self._secrets |= {
            f"{session}_bundle": bundle,
            f"{session}_token": held.token.reveal(),
            f"{session}_wallet_key": held.wallet_private_key.to_hex(prefix=False),
            f"{session}_e2e_key": held.e2e_private_key.to_hex(prefix=False),
        }
        agent = BuyerAgent()
        agent.init_with_session(bundle)
        self._agents[session] = agent
        return {"wallet": agent.wallet_address}

    def search(self, session: str, text: str) -> Facts:
        found = self._agents[session].find_services(text)
        return {"services": [{"id": s.id, "title": s.title, "price": str(s.price)} for s in found]}

    def buy(self, session: str, service_id: str, quantity: int = 1) -> Facts:
        checkout = self._agents[session].purchase(service_id, quantity=quantity)
        return {"transaction_id": checkout.id, "total": str(checkout.total)}

    def buy_sealed(self, session: str, service_id: str, request: Any) -> Facts:
        checkout = self._agents[session].purchase_encrypted(service_id, request)
        return {"transaction_id": checkout.id, "total": str(checkout.total)}

    def pay(self, session: str, transaction_id: str) -> Facts:
        funded = self._agents[session].fund_and_verify(transaction_id)
        return {"tx_hash": funded.escrow_tx_hash, "status": funded.status}

    def claim_paid(self, session: str, transaction_id: str, tx_hash: str) -> None:
        """Say that a hash paid for a purchase, as somebody who wants it for nothing would."""
        self._agents[session].verify_funding(transaction_id, tx_hash)

    def read(self, session: str, transaction_id: str) -> Facts:
        agent = self._agents[session]
        opened = agent.decrypt_response_payload(agent.get_transaction(transaction_id))
        return {"answer": opened.payload, "verified": opened.verified}

    def release(self, session: str, transaction_id: str) -> Facts:
        done = self._agents[session].confirm_and_release(transaction_id)
        return {"status": done.status}

    def process(self) -> Facts:
        """What this process was started with: proof that it was given nothing else."""
        return {"environment": sorted(name for name in os.environ if name.startswith("VALETKEY_"))}

    def secrets(self) -> Mapping[str, str]:
        return self._secrets


def _credential(agent: BuyerAgent | SellerAgent, name: str) -> dict[str, str]:
    return {name: agent.api_key.reveal()} if agent.api_key else {}
