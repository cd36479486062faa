"""Every program of examples/ runs as a newcomer would run it, against real platforms and embedded chains."""

import ast
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_networks import RunningNetwork, start_network
from tests.fixtures_solana import ClusterRpc
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, Client
from valetkey.cli.dev_rpc import USDC
from valetkey.core.chains import SOLANA_LOCAL
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.days import day_at

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
HASH = r"0x[0-9a-f]{64}"
RUN_SECONDS = 120


@dataclass
class Newcomer:
    """An owner with a wallet, a folder and an environment, as examples/README.md has one make them."""

    stack: RunningStack
    folder: Path
    key: PrivateKey
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def payee(self) -> str:
        """An address that nobody has paid yet."""
        return PrivateKey.generate().address

    def run(self, program: str, *arguments: str, stdin: str = "", fails: bool = False) -> str:
        """What a program prints; what it says when it fails is its last line of error."""
        ran = subprocess.run(
            [sys.executable, str(EXAMPLES / program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=RUN_SECONDS,
            env=self.environ,
        )
        assert (ran.returncode != 0) is fails, f"{program}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert self.key.to_hex() not in ran.stdout + ran.stderr
        return ran.stderr if fails else ran.stdout

    def register(self) -> None:
        said = self.run("set_up.py", f"newcomer-{uuid.uuid4().hex[:8]}")
        name, _, value = said.removeprefix("export ").strip().partition("=")
        self.environ[name] = value

    def names_chains(self, *entries: dict[str, Any]) -> None:
        """A file of chains says where the nodes are, and nothing else does."""
        (self.folder / "chains.json").write_text(json.dumps(entries))
        self.environ["VALETKEY_CHAINS_FILE"] = "chains.json"
        del self.environ["VALETKEY_RPC_URL"]

    def client(self) -> Client:
        return Client(
            self.environ["VALETKEY_API_KEY"],
            self.environ["CHAIN"],
            base_url=self.stack.base_url,
            state_dir=self.folder / "home",
            passphrase=self.environ["VALETKEY_PASSPHRASE"],
        )


@pytest.fixture
def newcomer(stack: RunningStack, tmp_path: Path) -> Newcomer:
    key = stack.wallet(2_000 * USDC)
    (tmp_path / "owner.key").write_text(key.to_hex())
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    environ |= {
        "VALETKEY_BASE_URL": stack.base_url,
        "VALETKEY_RPC_URL": stack.rpc_url,
        "VALETKEY_HOME": str(tmp_path / "home"),
        "VALETKEY_PASSPHRASE": "words of a newcomer",
        "OWNER_KEY_FILE": "owner.key",
        "CHAIN": "baseSepolia",
        "CONTRACT_ADDRESS": stack.contracts["allowance"],
    }
    return Newcomer(stack, tmp_path, key, environ)


def test_every_program_is_run_and_in_the_readme() -> None:
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    there = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py")}
    assert len(there) > 15
    assert not there - told, "no test here runs them"
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w/]+\.py)\)", readme)) == there
    for target in re.findall(r"\]\(([^)#]+)", readme):
        assert (EXAMPLES / target).exists(), target


@pytest.mark.parametrize("program", ["mcp/langchain_agent.py", "mcp/openai_agent.py"])
def test_programs_for_packages_that_are_not_here_compile(program: str) -> None:
    text = (EXAMPLES / program).read_text(encoding="utf-8")
    compile(text, program, "exec")
    assert '"-m", "valetkey.mcp"' in text
    assert "Not run by the tests" in text


# Many sessions


def test_two_sessions_are_made_listed_spent_from_and_one_is_revoked(newcomer: Newcomer) -> None:
    newcomer.register()
    said = newcomer.run("veridex/create_two_sessions.py")
    assert len(set(re.findall(HASH, said))) == 2
    assert "treasury-ops may spend 1000 USDC until" in said
    lines = sorted(newcomer.run("veridex/list_sessions.py").splitlines())
    assert lines == [
        "swap-engine: active - 500 USDC remaining",
        "treasury-ops: active - 1000 USDC remaining",
    ]
    payee = newcomer.payee
    first, second = (newcomer.run("veridex/execute.py", payee, "25", "invoice-7") for _ in range(2))
    assert re.fullmatch(rf"paid 25 USDC in {HASH}; 975 remaining\n", first)
    assert second == first
    assert newcomer.stack.units(payee) == 25 * USDC
    said = newcomer.run("veridex/revoke.py")
    assert said.startswith("swap-engine is refused: ")
    assert said.endswith("treasury-ops goes on\n")
    with newcomer.client() as client:
        assert {one.label: one.status for one in client.list_sessions()} == {
            "treasury-ops": "active",
            "swap-engine": "revoked",
        }


def test_a_payment_widget_has_one_session(newcomer: Newcomer) -> None:
    newcomer.register()
    merchant = newcomer.payee
    widget = "veridex/payment_widget.py"
    assert newcomer.run(widget, merchant, "order-1", "4.50").endswith(
        "paid 4.5 USDC, 45.5 left in the widget\n"
    )
    assert newcomer.run(widget, merchant, "order-1", "4.50").endswith(
        "paid 4.5 USDC, 45.5 left in the widget\n"
    )
    assert "refused, per_spend_exceeded" in newcomer.run(widget, merchant, "order-2", "10.01")
    assert newcomer.stack.units(merchant) == 4_500_000
    with newcomer.client() as client:
        assert [one.label for one in client.list_sessions()] == ["payment-widget"]


def test_roles_do_what_they_may(newcomer: Newcomer) -> None:
    newcomer.register()
    router = newcomer.payee
    assert newcomer.run("veridex/roles.py", router).splitlines() == [
        "treasury pays 5 USDC",
        "treasury does not pay 250 USDC: approval_required",
        "swapper pays 5 USDC",
        "swapper does not pay 250 USDC: budget_exceeded",
        "monitor does not pay 5 USDC: budget_exceeded",
        "monitor does not pay 250 USDC: budget_exceeded",
    ]
    assert newcomer.stack.units(router) == 10 * USDC


def test_an_inventory_is_filtered(newcomer: Newcomer) -> None:
    assert newcomer.run("veridex/inventory.py").splitlines() == [
        "active:  api-calls, data-feed",
        "revoked: old-job",
        "data-feed: 10 of 10 USDC on baseSepolia",
        "on baseSepolia: 3",
    ]


def test_a_session_is_there_after_a_restart(newcomer: Newcomer) -> None:
    made = newcomer.run("veridex/restore.py").strip()
    assert re.fullmatch(HASH, made)
    said = newcomer.run("veridex/restore.py", made).splitlines()
    assert said[0] == "restored night-job: active, 10 remaining"
    assert re.fullmatch(r"signed with its key: 0x[0-9a-f]{16}\.\.\.", said[1])
    newcomer.environ["VALETKEY_PASSPHRASE"] = "other words"
    assert "WrongSecret" in newcomer.run("veridex/restore.py", made, fails=True)


def test_a_day_has_one_session(newcomer: Newcomer) -> None:
    day = day_at(time.time(), "Asia/Tokyo")
    first, second = (newcomer.run("veridex/daily_refresh.py", "25", "Asia/Tokyo") for _ in range(2))
    assert "25 of 25 USDC left" in first
    if day_at(time.time(), "Asia/Tokyo") == day:
        assert second == first


def test_keys_change_without_downtime(newcomer: Newcomer) -> None:
    payee = newcomer.payee
    assert newcomer.run("veridex/rotate.py", payee).splitlines() == [
        "old active, new active: 6 of 10 left for both",
        "refused: budget_exceeded, 0 remaining",
    ]
    assert newcomer.stack.units(payee) == 10 * USDC


def test_workloads_are_apart(newcomer: Newcomer) -> None:
    said = newcomer.run("veridex/workloads.py").splitlines()
    assert [line.partition(",")[0] for line in said] == [
        "production: 500 USDC",
        "staging: 5 USDC",
        "production again: label_taken",
    ]


@pytest.fixture(scope="module")
def two_chains() -> Iterator[list[RunningNetwork]]:
    """Embedded chains that answer to 8453 and 1."""
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(start_network, (8453, 1)))
    yield started
    for one in started:
        one.rpc.close()
        one.chain.stop()


def entry_of(name: str, network: RunningNetwork) -> dict[str, Any]:
    """A network as a file of chains has it."""
    return {
        "name": name,
        "chainId": network.chain.chain_id,
        "rpcUrl": network.rpc_url,
        "tokens": {"USDC": {"address": network.at.usdc, "decimals": 6}},
        "allowance": network.at.allowance,
    }


def test_each_chain_has_a_session_of_its_own(newcomer: Newcomer, two_chains: list[RunningNetwork]) -> None:
    newcomer.names_chains(*map(entry_of, ("base", "ethereum"), two_chains))
    for one in two_chains:
        one.supply(newcomer.key.address, 100 * USDC)
    payee = newcomer.payee
    said = newcomer.run("veridex/chains.py", payee).splitlines()
    assert said[:2] == ["base: paid 2 USDC, 18 remaining", "ethereum: paid 2 USDC, 3 remaining"]
    assert said[2].startswith("the key of Base on Ethereum: ")
    assert [one.units(payee) for one in two_chains] == [2 * USDC, 2 * USDC]


def test_base_and_solana_have_a_session_each(
    newcomer: Newcomer, two_chains: list[RunningNetwork], cluster: ClusterRpc
) -> None:
    base, owner, shop = two_chains[0], cluster.wallet(), SigningKey.generate()
    mint = cluster.mint()
    home = cluster.give(owner.address, mint, 100 * USDC)
    till = cluster.give(shop.address, mint, 0)
    on_solana = {
        "name": "solanaLocal",
        "chainId": SOLANA_LOCAL,
        "rpcUrl": cluster.rpc_url,
        "tokens": {"USDC": {"address": mint, "decimals": 6}},
    }
    newcomer.names_chains(entry_of("base", base), on_solana)
    base.supply(newcomer.key.address, 100 * USDC)
    keypair = list(owner.secret() + owner.public_key)
    (newcomer.folder / "id.json").write_text(json.dumps(keypair))
    newcomer.environ |= {"SOLANA_KEYPAIR_FILE": "id.json", "SOLANA_CHAIN": "solanaLocal"}
    before, payee = base.units(newcomer.key.address), newcomer.payee

    said = newcomer.run("veridex/base_and_solana.py", payee, shop.address).splitlines()
    assert said[:2] == ["base: paid 3 USDC, 17 remaining", "solanaLocal: paid 3 USDC, 7 remaining"]
    assert said[2].startswith("the key of Base on Solana: ")
    assert said[3:] == [
        "app-base: 3 of 20 USDC spent, revoked, the chain shows it",
        "app-solanaLocal: 3 of 10 USDC spent, revoked, the chain shows it",
        "back from Solana: 7 USDC",
    ]
    assert (base.units(payee), cluster.units(till)) == (3 * USDC, 3 * USDC)
    assert base.units(newcomer.key.address) == before - 3 * USDC
    assert cluster.units(home) == 97 * USDC


# A session handed over


def test_a_session_is_handed_over_used_and_taken_back(newcomer: Newcomer) -> None:
    stack, folder = newcomer.stack, newcomer.folder
    newcomer.register()
    seller = stack.wallet()
    (folder / "seller.key").write_text(seller.to_hex())
    newcomer.environ |= {"SELLER_KEY_FILE": "seller.key", "SELLER_NAME": f"seller-{uuid.uuid4().hex[:8]}"}
    service = newcomer.run("abba_baba/seller_session.py", "worker.txt").strip()

    said = newcomer.run("abba_baba/create_session.py", "bundle.txt", service)
    session = re.search(r"^session (\S+)$", said, re.MULTILINE)
    wallet = re.search(r"^wallet  (\S+)$", said, re.MULTILINE)
    assert session
    assert wallet
    assert (folder / "bundle.txt").stat().st_mode & 0o777 == 0o600
    assert stack.units(wallet[1]) == 50 * USDC

    bundle = (folder / "bundle.txt").read_text()
    # A delegate is another process on another machine: it has neither the owner's keys nor its folder.
    delegate = Newcomer(stack, folder, newcomer.key, dict(newcomer.environ))
    for name in ("VALETKEY_API_KEY", "OWNER_KEY_FILE", "SELLER_KEY_FILE", "VALETKEY_PASSPHRASE"):
        del delegate.environ[name]
    delegate.environ["VALETKEY_HOME"] = str(folder / "elsewhere")
    said = delegate.run("abba_baba/delegate.py", "A long story about a fox", stdin=bundle)
    bought = re.search(r"^transaction (\S+): escrowed$", said, re.MULTILINE)
    assert bought
    assert "a thousand more: budget_exceeded, 47.45 USDC remaining" in said
    assert stack.units(wallet[1]) == 47_450_000

    said = delegate.run("abba_baba/seller_worker.py", stdin=(folder / "worker.txt").read_text())
    assert said == f"delivered {bought[1]}\n"
    said = delegate.run("abba_baba/confirm.py", bought[1], stdin=bundle)
    assert said == "delivered: A long story about a (signature holds: True)\nstatus: completed\n"
    assert stack.units(seller.address) == 2_500_000

    said = newcomer.run("abba_baba/reclaim.py", session[1])
    assert re.fullmatch(rf"swept in {HASH}\nthe session is revoked\n", said)
    assert stack.units(wallet[1]) == 0
    assert stack.units(newcomer.key.address) == 2_000 * USDC - 2_550_000
    assert "SessionRevoked" in delegate.run("abba_baba/confirm.py", bought[1], stdin=bundle, fails=True)


def test_an_expired_bundle_says_what_to_do(newcomer: Newcomer) -> None:
    newcomer.register()
    with BuyerAgent(newcomer.environ["VALETKEY_API_KEY"], base_url=newcomer.stack.base_url) as owner:
        bundle = owner.create_session(budget_usdc=1, expiry=1).serialize()
    time.sleep(2)
    said = newcomer.run("abba_baba/delegate.py", "A story", stdin=bundle, fails=True)
    assert said.startswith("ask the owner for another bundle: ")
