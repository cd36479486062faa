"""The development stack as real processes, once per worker, and the names that the documentation uses."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from valetkey.cli.dev_rpc import ETH, USDC, DevRpc
from valetkey.crypto.keys import PrivateKey

START_SECONDS = 90
STOP_SECONDS = 30


@dataclass
class RunningStack:
    """What `valetkey dev --json` told, and its process."""

    process: subprocess.Popen[bytes]
    base_url: str
    rpc_url: str
    chain_id: int
    contracts: dict[str, str]
    webhook_secret: str = field(repr=False)
    operator_token: str = field(repr=False)
    owner_key: str = field(repr=False)
    rpc: DevRpc
    studio_url: str | None = None
    studio_sign_in: str | None = None

    def wallet(self, usdc: int = 0) -> PrivateKey:
        """A new wallet with gas and so many base units of USDC."""
        key = PrivateKey.generate()
        self.supply(key.address, usdc)
        return key

    def supply(self, address: str, usdc: int = 0) -> None:
        """Gas and so many base units of USDC for an address."""
        self.rpc.give(address, ETH)
        if usdc:
            self.rpc.mint(self.contracts["usdc"], address, usdc)

    def units(self, address: str) -> int:
        """USDC of an address, in base units."""
        return self.rpc.units(self.contracts["usdc"], address)

    def stop(self) -> None:
        """Close its standard input, which ends it, and wait."""
        self.rpc.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS)
        self.process.stdout.close()


def start_stack(*options: str, log: Path | None = None, studio: bool = False) -> RunningStack:
    """Start `valetkey dev` in test mode on free ports (options may say otherwise); it ends when we end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    ports = ("--port", "0", "--rpc-port", "0", *(("--studio-port", "0") if studio else ("--no-studio",)))
    with open(log or os.devnull, "ab") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "valetkey",
                "dev",
                "--json",
                "--test-mode",
                "--stop-with-stdin",
                *ports,
                *options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(STOP_SECONDS)
        told = log.read_text() if log else ""
        raise AssertionError(f"valetkey dev ended with {process.returncode}: {told}")
    facts: dict[str, Any] = json.loads(line)
    return RunningStack(process, rpc=DevRpc(facts["rpc_url"]), **facts)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Chain, contracts and platform in test mode, shared by the tests of a worker: use wallets of your own."""
    running = start_stack(log=tmp_path_factory.mktemp("stack") / "dev.log")
    yield running
    running.stop()


@pytest.fixture
def documented_world(
    stack: RunningStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, Any]]:
    """The names that snippets of the documentation take for granted, on a live stack.

    Both wallets are registered already: a snippet that registers them again gets a new key for the same agent.
    """
    from valetkey import BuyerAgent, SellerAgent

    monkeypatch.setenv("VALETKEY_BASE_URL", stack.base_url)
    monkeypatch.setenv("VALETKEY_HOME", str(tmp_path / "home"))
    # Snippets may write files.
    monkeypatch.chdir(tmp_path)
    owner_key = stack.wallet(1_000 * USDC)
    seller_key = stack.wallet()
    mark = uuid.uuid4().hex[:8]

    seller = SellerAgent.register(seller_key.to_hex(), f"documented-seller-{mark}")
    seller.init_eoa_wallet(seller_key.to_hex())
    service = seller.list_service(
        title="Summaries of long stories",
        description="One paragraph",
        category="summarization",
        price="2.50",
        price_unit="per_document",
    )
    owner = BuyerAgent.register(owner_key.to_hex(), f"documented-owner-{mark}")
    owner.init_eoa_wallet(owner_key.to_hex())
    session = owner.create_session(budget_usdc=10, expiry=3600, allowed_service_ids=[service.id])
    owner.fund_session(session)
    if _page(request).endswith("sell.md"):
        # A seller's page waits for a purchase, so there has to be one.
        delegate = BuyerAgent()
        delegate.init_with_session(session.serialize())
        delegate.fund_and_verify(delegate.purchase_encrypted(service.id, {"text": "A long story"}))
        delegate.close()
    api_key = owner.api_key
    assert api_key is not None
    contracts = _contracts(stack) if _page(request).endswith("many-sessions.md") else {}
    on_solana = _on_solana(request) if _page(request).endswith("coming-from-veridex.md") else {}
    paid = _paid(request) if _page(request).endswith(("pay-x402.md", "README.md")) else {}
    yield {
        "OWNER_KEY": owner_key.to_hex(),
        "SELLER_KEY": seller_key.to_hex(),
        "OWNER_API_KEY": api_key.reveal(),
        "SESSION_ID": session.session_id,
        "BASE_URL": stack.base_url,
        "RPC_URL": stack.rpc_url,
        "CONTRACT": stack.contracts["allowance"],
        "service": service,
        "seller": seller,
        **contracts,
        **on_solana,
        **paid,
    }
    owner.close()
    seller.close()


def _page(request: pytest.FixtureRequest) -> str:
    """The page whose snippets ask for the world."""
    callspec = getattr(request.node, "callspec", None)
    return str(callspec.params.get("page", "")) if callspec else ""


def _paid(request: pytest.FixtureRequest) -> dict[str, str]:
    """A route that costs a cent, on this machine."""
    return {"PAID_URL": f"{request.getfixturevalue('x402_seller').url}/weather"}


def _on_solana(request: pytest.FixtureRequest) -> dict[str, str]:
    """The embedded cluster, an owner with a hundred USDC on it, and what USDC is there."""
    from valetkey.crypto import base58

    cluster = request.getfixturevalue("cluster")
    owner = cluster.wallet()
    mint = cluster.mint()
    cluster.give(owner.address, mint, 100 * USDC)
    key = base58.encode(owner.secret() + owner.public_key)
    return {"SOLANA_OWNER_KEY": key, "SOLANA_RPC_URL": cluster.rpc_url, "SOLANA_MINT": mint}


def _contracts(stack: RunningStack) -> dict[str, str]:
    """A router over a pool of USDC and another token, and a vault."""
    from tests.integration.sdk import amm

    market = amm.market(stack)
    vault = amm.deploy(stack, "HostileRouter")
    return {"ROUTER": market.router.address, "WETH": market.weth.address, "VAULT": vault.address}
