"""`valetkey contracts`: deployed once, gone on with, checked; and every way in which it may not go."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures_chain import ACCOUNTS, PRIVATE_KEYS, ChainRpc
from valetkey.chains.devchain import DevChain
from valetkey.platform.networks import NetworkSettings
from valetkey.platform.settings import Settings
from valetkey.wire.errors import Exit

TREASURY, RESOLVER, STRANGER = ("0x" + digit * 40 for digit in "234")
TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
OWNER = ACCOUNTS[1]

Ran = subprocess.CompletedProcess[str]
Run = Callable[..., Ran]


@pytest.fixture
def run(chain: ChainRpc) -> Run:
    """The command, with the key of a rich account in the environment, on a chain that has the token."""
    chain("anvil_setCode", TOKEN, "0x00")

    def command(*arguments: str, **environ: str) -> Ran:
        known = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        known |= {"VALETKEY_RPC_URL": chain.rpc_url, "VALETKEY_DEPLOYER_KEY": PRIVATE_KEYS[1]}
        return subprocess.run(
            [sys.executable, "-m", "valetkey", "contracts", *arguments],
            env=known | environ,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return command


def deploying(*more: str, owner: str = OWNER, treasury: str = TREASURY) -> list[str]:
    roles = ["--owner", owner, "--treasury", treasury, "--resolver", RESOLVER, "--token", TOKEN]
    return ["deploy", *roles, *more]


def data_of(ran: Ran) -> dict[str, Any]:
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_dry_run_sends_nothing_and_tells_where_all_will_be(run: Run, chain: ChainRpc) -> None:
    before = chain("eth_blockNumber")
    told = data_of(run(*deploying("--dry-run", "--json")))
    assert chain("eth_blockNumber") == before
    assert told["dry_run"]
    assert not told["done"]
    assert int(told["cost_wei"]) > 0
    made = data_of(run(*deploying("--json")))
    assert {name: one["address"] for name, one in made["contracts"].items()} == {
        name: one["address"] for name, one in told["contracts"].items()
    }
    assert made["done"]


def test_deployed_once_written_down_and_checked(run: Run, chain: ChainRpc, tmp_path: Path) -> None:
    config = tmp_path / "networks.json"
    config.write_text(json.dumps([{"network": "base", "rpcUrl": "http://elsewhere"}]))
    first = run(*deploying("--config", str(config)))
    assert first.returncode == 0, first.stderr
    sent = int(chain("eth_getTransactionCount", OWNER, "latest"), 16)
    again = run(*deploying("--config", str(config)))
    assert (again.returncode, "nothing was sent" in again.stdout) == (0, True)
    assert int(chain("eth_getTransactionCount", OWNER, "latest"), 16) == sent
    other, entry = json.loads(config.read_text())
    assert other["network"] == "base", "what was there stays"
    assert config.stat().st_mode & 0o777 == 0o600, "a URL may hold a provider's key"
    checked = run("verify", "--config", str(config), "--owner", OWNER, "--resolver", RESOLVER)
    assert checked.returncode == 0, checked.stdout
    assert "everything holds" in checked.stdout
    config.write_text(json.dumps([entry]))
    settings = Settings.from_env(
        {
            "VALETKEY_DATABASE": ":memory:",
            "VALETKEY_NETWORKS_FILE": str(config),
            "VALETKEY_MASTER_SECRET": "m" * 32,
            "VALETKEY_WEBHOOK_SECRET": "w",
        }
    )
    assert settings.networks[0].allowance == entry["allowance"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("{}", "is no list of networks"),
        ('["base"]', "is no list of networks"),
    ],
)
def test_a_configuration_that_is_none_is_said_before_anything_is_paid_for(
    run: Run, chain: ChainRpc, tmp_path: Path, text: str, words: str
) -> None:
    config = tmp_path / "networks.json"
    config.write_text(text)
    before = chain("eth_blockNumber")
    ran = run(*deploying("--config", str(config)))
    assert (ran.returncode, words in ran.stderr) == (Exit.INPUT, True), ran.stderr
    assert chain("eth_blockNumber") == before
    assert config.read_text() == text


def test_a_configuration_that_cannot_be_written_is_said_before_anything_is_paid_for(
    run: Run, chain: ChainRpc, tmp_path: Path
) -> None:
    before = chain("eth_blockNumber")
    ran = run(*deploying("--config", str(tmp_path / "nowhere" / "networks.json")))
    assert (ran.returncode, "cannot write" in ran.stderr) == (Exit.ENVIRONMENT, True), ran.stderr
    assert chain("eth_blockNumber") == before


def test_a_chain_without_a_known_name_gets_an_entry_that_the_platform_serves(
    run: Run, tmp_path: Path
) -> None:
    config = tmp_path / "networks.json"
    with DevChain.start(engine="py-evm", chain_id=31337) as other:
        rpc = ChainRpc(other)
        rpc("anvil_setCode", TOKEN, "0x00")
        ran = run(*deploying("--config", str(config)), VALETKEY_RPC_URL=other.rpc_url)
        assert ran.returncode == Exit.OK, ran.stderr
        (entry,) = msgspec.json.decode(config.read_bytes(), type=list[NetworkSettings])
        assert (entry.network, entry.chain.chain_id) == ("chain-31337", 31337)
        assert all(int(rpc("eth_getCode", one, "latest"), 16) for one in (entry.escrow, entry.allowance))
        rpc.close()


def test_the_wrong_chain_is_said(run: Run, chain: ChainRpc, tmp_path: Path) -> None:
    """Its tokens are not here, and a configuration of another chain has no entry for this one."""
    chain("anvil_setCode", TOKEN, "0x")
    before = chain("eth_blockNumber")
    for more in ([], ["--dry-run"]):
        ran = run(*deploying(*more))
        assert (ran.returncode, f"there is no token {TOKEN} on chain 84532" in ran.stderr) == (
            Exit.INPUT,
            True,
        )
    assert chain("eth_blockNumber") == before
    config = tmp_path / "networks.json"
    config.write_text(json.dumps([{"network": "base", "escrow": TOKEN}]))
    ran = run("verify", "--config", str(config))
    assert (ran.returncode, "no entry for chain 84532" in ran.stderr) == (Exit.NOT_FOUND, True)


def test_a_key_file_is_as_good_as_the_environment_and_is_not_shown(
    run: Run, chain: ChainRpc, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text(PRIVATE_KEYS[2] + "\n")
    told = data_of(
        run(*deploying("--dry-run", "--json", "--key-file", str(secret)), VALETKEY_DEPLOYER_KEY="")
    )
    assert told["deployer"] == ACCOUNTS[2]
    for spoiled in (PRIVATE_KEYS[2] + "7", "0x" + "zz" * 32):
        secret.write_text(spoiled)
        ran = run(*deploying("--key-file", str(secret)))
        assert (ran.returncode, "Traceback" in ran.stderr) == (Exit.INPUT, False), ran.stderr
        assert spoiled[4:40] not in ran.stderr + ran.stdout


def test_what_only_another_owner_may_do_is_told(run: Run, chain: ChainRpc) -> None:
    ran = run(*deploying("--json", owner=ACCOUNTS[2]))
    told = data_of(ran)
    assert (ran.returncode, told["done"]) == (Exit.CONFLICT, False)
    assert all(one["there"] for one in told["contracts"].values())
    calls = [one for one in told["settings"] if not one["done"]]
    assert len(calls) == 2
    at = {name: one["address"] for name, one in told["contracts"].items()}
    where = ["--escrow", at["Escrow"], "--score", at["Score"], "--allowance", at["SessionAllowance"]]
    checked = data_of(run("verify", *where, "--json"))
    wrong = {one["what"] for one in checked["checks"] if not one["holds"]}
    assert wrong == {"Escrow: allowance", "Score: escrow records"}
    # The owner sends them.
    for one in calls:
        chain("eth_sendTransaction", {"from": ACCOUNTS[2], "to": one["to"], "data": one["data"]})
    assert data_of(run("verify", *where, "--json"))["ok"]


def test_other_code_and_other_roles_are_found(run: Run, chain: ChainRpc) -> None:
    told = data_of(run(*deploying("--json")))
    at = {name: one["address"] for name, one in told["contracts"].items()}
    where = ["--escrow", at["Escrow"], "--score", at["Score"], "--allowance", at["SessionAllowance"]]
    ran = run("verify", *where, "--treasury", STRANGER, "--json")
    assert ran.returncode == Exit.PROOF
    assert {one["what"] for one in data_of(ran)["checks"] if not one["holds"]} == {"Escrow: treasury"}
    chain("anvil_setCode", at["SessionAllowance"], "0x6000")
    ran = run("verify", *where, "--json")
    assert {one["what"] for one in data_of(ran)["checks"] if not one["holds"]} == {"SessionAllowance: code"}


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (deploying(treasury="0x" + "0" * 40), {}, Exit.INPUT, "zero"),
        (deploying(treasury="0x12"), {}, Exit.INPUT, "no address"),
        (deploying(treasury=TOKEN[:-1] + "E"), {}, Exit.INPUT, "checksum"),
        (deploying(), {"VALETKEY_DEPLOYER_KEY": ""}, Exit.INPUT, "private key is needed"),
        (deploying("--key-file", "/nowhere/at/all"), {}, Exit.INPUT, "cannot be read"),
        (deploying(), {"VALETKEY_RPC_URL": "http://127.0.0.1:1/secret"}, Exit.ENVIRONMENT, "did not answer"),
        (deploying(), {"VALETKEY_DEPLOYER_KEY": "0x" + "77" * 32}, Exit.INPUT, "has 0 wei"),
        (["verify", "--escrow", TOKEN], {}, Exit.INPUT, "--score"),
        (["verify", "--config", "/nowhere"], {}, Exit.INPUT, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    run: Run, arguments: list[str], environ: dict[str, str], code: int, words: str
) -> None:
    ran = run(*arguments, **environ)
    assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr
    assert words in ran.stderr
    assert "secret" not in ran.stderr + ran.stdout
    assert "7777" not in ran.stderr + ran.stdout
