"""A seller, an owner and a session on a running stack, for tests that are about what happens next."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, SellerAgent, SessionInfo
from valetkey.cli.dev_rpc import USDC

DELEGATE = Path(__file__).with_name("delegate.py")


@dataclass
class Market:
    """One service for sale, and one owner who has a session for it."""

    stack: RunningStack
    home: Path
    owner: BuyerAgent
    seller: SellerAgent
    seller_address: str
    service_id: str
    session: SessionInfo
    bundle: str = field(repr=False)

    def order(self, **more: Any) -> bytes:
        """An order to a delegate's process."""
        facts = {
            "base_url": self.stack.base_url,
            "bundle": self.bundle,
            "state_dir": str(self.home / "delegate"),
            "service_id": self.service_id,
        }
        return json.dumps(facts | more).encode()

    def buy(self) -> str:
        """A purchase by the session, made here."""
        agent = BuyerAgent(base_url=self.stack.base_url, state_dir=self.home / "delegate")
        agent.init_with_session(self.bundle)
        try:
            return agent.purchase(self.service_id).id
        finally:
            agent.close()

    def spent(self) -> tuple[str, str]:
        """What the platform says is held and spent, in USDC."""
        (session,) = [s for s in self.owner.sessions() if s.session_id == self.session.session_id]
        return str(session.held_usdc), str(session.spent_usdc)

    def close(self) -> None:
        self.owner.close()
        self.seller.close()


def open_market(stack: RunningStack, home: Path, *, price: str, budget: int, expiry: int = 3_600) -> Market:
    """Register both, list the service, make the session and fund it."""
    seller_key, owner_key = stack.wallet(), stack.wallet(1_000 * USDC)
    mark = uuid.uuid4().hex[:10]
    seller = SellerAgent.register(
        seller_key.to_hex(), f"seller-{mark}", base_url=stack.base_url, state_dir=home / "seller"
    )
    seller.init_eoa_wallet(seller_key.to_hex())
    service = seller.list_service(
        title=f"Work {mark}",
        description="Something worth paying for",
        category="other",
        price=price,
        price_unit="per_request",
    )
    owner = BuyerAgent.register(
        owner_key.to_hex(), f"owner-{mark}", base_url=stack.base_url, state_dir=home / "owner"
    )
    owner.init_eoa_wallet(owner_key.to_hex())
    session = owner.create_session(budget_usdc=budget, expiry=expiry, allowed_service_ids=[service.id])
    owner.fund_session(session)
    return Market(stack, home, owner, seller, seller_key.address, service.id, session, session.serialize())


def start_delegate(order: bytes) -> subprocess.Popen[bytes]:
    """A delegate's process with this order in its standard input."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    process = subprocess.Popen(
        [sys.executable, str(DELEGATE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    process.stdin.write(order)
    process.stdin.close()
    process.stdin = None
    return process


def answer_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What a delegate's process said in the end."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    answer: dict[str, Any] = json.loads(out)
    return answer
