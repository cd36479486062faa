"""What people see: every command's help, one call that goes well and one that fails, on a real stack.

`TRANSCRIPTS=write pytest tests/e2e/cli` writes tests/e2e/cli/transcripts anew.
"""

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.cli.transcribing import FOLDER, Scribe, commands, mark_of, registered
from tests.e2e.test_seven import NETWORKS
from tests.fixtures_stack import RunningStack
from tests.x402.channels import ChannelSeller
from tests.x402.resources import OfficialSeller
from valetkey import ApprovalRequired, BuyerAgent, Client, SessionConfig
from valetkey.cli.dev_rpc import USDC

LONG_LIVED = {"dev", "demo", "mcp", "serve", "studio"}
"""They go well elsewhere, in processes of their own: tests/e2e/test_dev.py, test_demo.py, integration/mcp, browser."""


def test_agent(scribe: Scribe, tmp_path: Path) -> None:
    scribe.run("agent register --name owner", 2, VALETKEY_OWNER_KEY_FILE="")
    registered(scribe)
    assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o600
    scribe.run(f"agent register --name owner --out {tmp_path}/api-key", 6)
    scribe.run("agent show")
    scribe.run("agent show agt_of_nobody", 5)
    scribe.run(f"agent list owner-{mark_of(scribe)}")
    scribe.run("agent list", 2, VALETKEY_BASE_URL="")
    scribe.run("agent list nobody-is-called-this")
    scribe.run("agent keys list")
    scribe.run("agent keys list", 4, VALETKEY_API_KEY="abba_" + "0" * 64)
    scribe.run(f"agent keys create reader --scope read --expires-in 30d --out {tmp_path}/reader")
    scribe.run("agent keys create reader --scope everything --print-key", 2)
    scribe.run("agent keys create printed --scope read --expires-in 1h --print-key")
    kept = json.loads(
        scribe.run(f"agent keys create other --scope market:read --out {tmp_path}/other --json")
    )
    scribe.run(f"agent keys revoke {kept['key']['id']}")
    scribe.run("agent keys revoke key_of_nobody --json", 5)
    scribe.check("agent")


def test_enrolment(scribe: Scribe, tmp_path: Path) -> None:
    registered(scribe)
    there = {
        "VALETKEY_HOME": str(tmp_path / "delegate"),
        "VALETKEY_OWNER_KEY_FILE": "",
        "VALETKEY_API_KEY_FILE": "",
    }
    told = scribe.run("agent enroll --label shopper --for 1s --json", 7, **there)
    code = json.loads(told)["code"]
    scribe.run(f"session create --budget 5 --enrollment {code}")
    scribe.run(f"agent enroll --resume {code} --for 30s", **there)
    # What enrolled here is held here, without a word.
    scribe.run("session show", **there)
    scribe.run(f"session show --enrollment {code}", **there)
    scribe.run("tx list", **there)
    scribe.run("tx buy svc_of_nobody", 5, **there)
    scribe.run("session attenuate --budget 1 --print-bundle", 2, **there)
    scribe.run("session show --enrollment 0000-0000-0000-0000", 5, **there)
    scribe.run(f"session show --enrollment {code} --bundle-file {tmp_path}/bundle", 2, **there)
    scribe.run("session show", 2, VALETKEY_HOME=str(tmp_path / "empty"))
    new = there | {"VALETKEY_HOME": str(tmp_path / "new-keys")}
    code = json.loads(scribe.run("agent enroll --label shopper --for 1s --json", 7, **new))["code"]
    first = json.loads(scribe.run("session list --json"))["sessions"][0]["session_id"]
    scribe.run(f"session rotate {first} --grace 0 --enrollment {code}")
    scribe.run("session show", **new)
    scribe.run("session show", 4, **there)
    scribe.run(f"session create --budget 5 --enrollment {code}", 6)
    scribe.check("enrolment")


def test_sessions(scribe: Scribe, tmp_path: Path) -> None:
    registered(scribe)
    scribe.run(
        "session create --budget 20 --label research --delegate 'process 7' --per-spend 5 --window 1h=10 --window 1d=20"
        f" --spends-max 9 --approval-above 4 --limit ETH=0.1 --expires-in 2h --out {tmp_path}/bundle"
    )
    assert (tmp_path / "bundle").stat().st_mode & 0o777 == 0o600
    scribe.run(f"session create --budget 20 --out {tmp_path}/bundle", 6)
    scribe.run("session create --budget -5 --print-bundle --json", 2)
    scribe.run("session create --budget unlimited --print-bundle --label '日本語 ☂'")
    one = json.loads(scribe.run("session list --label research --json"))["sessions"][0]["session_id"]
    scribe.run("session list")
    scribe.run("session list --limit 1")
    scribe.run("session list --status revoked")
    scribe.run("session list --sort best", 2)
    scribe.run(f"session show {one}")
    scribe.run("session show", VALETKEY_BUNDLE_FILE=str(tmp_path / "bundle"))
    scribe.run("session show ses_of_nobody", 5)
    scribe.run(f"session tree {one}")
    scribe.run("session tree ses_of_nobody", 5)
    scribe.run(f"session pause {one}")
    scribe.run("session pause ses_of_nobody", 5)
    scribe.run(f"session resume {one}")
    scribe.run("session resume ses_of_nobody --json", 5)
    scribe.run(f"session extend {one} --budget 30")
    scribe.run(f"session extend {one}", 2)
    scribe.run(f"session bundle {one} --out {tmp_path}/again")
    scribe.run("session bundle ses_of_nobody --print-bundle", 5)
    scribe.run("session freeze")
    scribe.run("session freeze", 4, VALETKEY_API_KEY="abba_" + "0" * 64)
    scribe.run("session thaw")
    scribe.run("session thaw", 2, VALETKEY_API_KEY_FILE="")
    scribe.run(f"session watch {one} --for 1s")
    scribe.run(f"session watch {one} --for 1s --json")
    scribe.run("session watch ses_of_nobody --for 1s", 5)
    scribe.run("session events --cursor 0 --count 1")
    scribe.run("session events --cursor 0 --count 1 --json")
    scribe.run("session events --count 1", 4, VALETKEY_API_KEY="abba_" + "0" * 64)
    scribe.run(
        f"session attenuate --budget 2 --label child --out {tmp_path}/child --bundle-file {tmp_path}/bundle"
    )
    scribe.run(f"session attenuate --budget 200 --print-bundle --bundle-file {tmp_path}/bundle", 3)
    scribe.run("session show", VALETKEY_BUNDLE_FILE=str(tmp_path / "child"))
    scribe.run(f"session tree {one}")
    scribe.run(f"session rotate {one} --grace 0 --label second --out {tmp_path}/rotated")
    scribe.run(f"session rotate {one} --print-bundle", 6)
    scribe.run(f"session revoke {one}")
    scribe.run("session revoke", 2)
    scribe.run("session revoke --all")
    scribe.check("session")


def test_money(scribe: Scribe, tmp_path: Path) -> None:
    registered(scribe)
    scribe.run(f"session create --budget 20 --out {tmp_path}/bundle")
    scribe.run(f"session create --budget 20 --label granted --out {tmp_path}/granted --funding wallet")
    granted, one = (view["session_id"] for view in json.loads(scribe.run("session list --json"))["sessions"])
    scribe.run(f"session fund {one}")
    scribe.run(f"session fund {one} --amount 100000", 3)
    scribe.run(f"session fund {granted} --bundle-file {tmp_path}/bundle", 2)
    scribe.run(f"session exposure {one}")
    scribe.run("session exposure ses_of_nobody", 5)
    scribe.run(f"session grant {granted}")
    scribe.run(f"session grant {granted} --json", 2, VALETKEY_OWNER_KEY_FILE="")
    scribe.run(f"session ungrant {granted}")
    scribe.run(f"session ungrant {one}", 5)
    scribe.run("session reclaim", VALETKEY_BUNDLE_FILE=str(tmp_path / "bundle"))
    scribe.run(f"session reclaim {one}")
    scribe.run(f"session reclaim {one} --to 0x12", 2)
    scribe.check("money")


def test_market(scribe: Scribe, stack: RunningStack, tmp_path: Path) -> None:
    registered(scribe)
    title = f"Summaries {mark_of(scribe)}"
    offer = f"--title '{title}' --description 'One paragraph' --category summarization"
    scribe.run(f"service add {offer} --price 2.5 --for per_document")
    scribe.run(f"service add {offer} --price 2.5000000001", 2)
    found = json.loads(scribe.run(f"service list {mark_of(scribe)} --json"))
    service = found["services"][0]["id"]
    scribe.run(f"service list {mark_of(scribe)}")
    scribe.run("service list --max-price cheap", 2)
    scribe.run(f"service show {service}")
    scribe.run("service show svc_of_nobody", 5)
    scribe.run(f"service update {service} --price 2")
    scribe.run(f"service update {service}", 2)
    scribe.run(f"service pause {service}")
    scribe.run("service pause svc_of_nobody", 5)
    scribe.run(f"service resume {service}")
    scribe.run("service resume svc_of_nobody", 5)
    # Somebody else buys.
    key, buyer = tmp_path / "buyer.key", tmp_path / "buyer"
    key.write_text(stack.wallet(100 * USDC).to_hex())
    key.chmod(0o600)
    mine = {
        "VALETKEY_OWNER_KEY_FILE": str(key),
        "VALETKEY_API_KEY_FILE": str(buyer),
        "VALETKEY_HOME": str(tmp_path / "buyers-home"),
    }
    scribe.run(f"agent register --name buyer-{mark_of(scribe)} --out {buyer}", **mine)
    scribe.run(f"session create --budget 7 --out {tmp_path}/bundle", **mine)
    session = json.loads(scribe.run("session list --json", **mine))["sessions"][0]["session_id"]
    scribe.run(f"session fund {session}", **mine)
    held = {
        "VALETKEY_BUNDLE_FILE": str(tmp_path / "bundle"),
        "VALETKEY_API_KEY_FILE": "",
        "VALETKEY_OWNER_KEY_FILE": "",
        "VALETKEY_HOME": str(tmp_path / "delegates-home"),
    }
    (tmp_path / "request.json").write_text('{"text": "A long story"}')
    scribe.run(f"tx buy {service} --request {tmp_path}/request.json --once first --max-total 3", **held)
    first = json.loads(scribe.run("tx list --json", **held))["transactions"][0]["id"]
    scribe.run(f"tx buy {service} --quantity 9", 3, **held)
    scribe.run(f"tx buy {service} --quantity 9 --json", 3, **held)
    scribe.run("tx list", **held)
    scribe.run("tx list --status lost", 2, **held)
    scribe.run(f"tx show {first}", **held)
    scribe.run("tx show txn_of_nobody", 5, **held)
    scribe.run(f"tx fund {first}", **held)
    scribe.run("tx fund txn_of_nobody", 5, **held)
    scribe.run(f"tx deliver {first} -", 2, stdin="{")
    scribe.run(f"tx deliver {first} -", stdin='{"summary": "Short"}')
    scribe.run(f"tx prove {first} -", stdin='{"summary": "Short"}')
    scribe.run("tx prove txn_of_nobody -", 8, stdin="{}")
    scribe.run(f"tx confirm {first}", **held)
    scribe.run("tx confirm txn_of_nobody", 8, **held)
    scribe.run(f"tx buy {service} --encrypted --request - --once second", stdin='{"text": "Another"}', **held)
    second = json.loads(scribe.run("tx list --status pending --json", **held))["transactions"][0]["id"]
    scribe.run(f"tx fund {second}", **held)
    scribe.run(f"tx deliver {second} - --encrypted", stdin='"late"')
    scribe.run(f"tx prove {second} -", stdin='"late"')
    scribe.run(f"tx dispute {second} --reason 'It is another text'", **held)
    scribe.run("tx dispute txn_of_nobody --reason late", 8, **held)
    scribe.run(f"service archive {service}")
    scribe.run("service archive svc_of_nobody", 5)
    scribe.check("market")


def test_approvals(scribe: Scribe, stack: RunningStack, tmp_path: Path) -> None:
    registered(scribe)
    scribe.run(f"session create --budget 20 --approval-above 1 --per-spend 9 --out {tmp_path}/bundle")
    delegate = BuyerAgent(base_url=stack.base_url, state_dir=tmp_path / "delegate")
    delegate.init_with_session((tmp_path / "bundle").read_text().strip())
    scribe.run("approve list")
    for amount, note in (("3", "a book"), ("4", "a \x1b[31mbomb\x1b[0m")):
        with pytest.raises(ApprovalRequired):
            delegate.spend(amount, payee="0x" + "11" * 20, note=note)
    delegate.close()
    waiting = json.loads(scribe.run("approve list --json"))["approvals"]
    scribe.run("approve list")
    scribe.run("approve list", 4, VALETKEY_API_KEY="abba_" + "0" * 64)
    scribe.run(f"approve yes {waiting[1]['spend_id']} --for 10m")
    scribe.run("approve yes hld_of_nobody", 5)
    scribe.run(f"approve no {waiting[0]['spend_id']}")
    scribe.run("approve no hld_of_nobody", 5)
    scribe.check("approve")


def test_audit(scribe: Scribe, tmp_path: Path) -> None:
    registered(scribe)
    scribe.run(f"audit export {tmp_path}/log.jsonl")
    scribe.run(f"audit export {tmp_path}/log.csv --format csv --session ses_of_nobody", 5)
    scribe.run(f"audit verify {tmp_path}/log.jsonl")
    scribe.run(f"audit verify {tmp_path}/wallet.key", 2)
    scribe.run(f"audit verify {tmp_path}/log.jsonl --key short --json", 2)
    scribe.check("audit")


def test_keystore(scribe: Scribe, stack: RunningStack, tmp_path: Path) -> None:
    registered(scribe)
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("correct horse\n")
    new.write_text("battery staple\n")
    scribe.environ["VALETKEY_PASSPHRASE_FILE"] = str(old)
    scribe.run("keystore list", 5)
    with Client(
        (tmp_path / "api-key").read_text().strip(),
        chain="base-sepolia",
        base_url=stack.base_url,
        state_dir=tmp_path / "home",
        passphrase="correct horse",
    ) as client:
        made = client.create_session(
            SessionConfig(spending_limit=5, valid_until=timedelta(hours=1), label="kept")
        )
    scribe.run("keystore list")
    scribe.run(f"keystore show {made.session_key_hash}")
    scribe.run("keystore show nothing", 5)
    scribe.run("keystore check")
    scribe.run("keystore check", 2, VALETKEY_PASSPHRASE_FILE="")
    scribe.run(f"keystore passphrase --new-passphrase-file {new}")
    scribe.run("keystore list", 4)
    scribe.run(f"keystore passphrase --new-passphrase-file {new}", 4)
    with closing(sqlite3.connect(tmp_path / "home" / "keys.db")) as db, db:
        db.execute("UPDATE keystore_records SET body = zeroblob(length(body)) WHERE name LIKE 'session %'")
    scribe.run("keystore check", 7, VALETKEY_PASSPHRASE_FILE=str(new))
    scribe.run("keystore list --json", VALETKEY_PASSPHRASE_FILE=str(new))
    scribe.check("keystore")


def test_machine(scribe: Scribe, stack: RunningStack, tmp_path: Path) -> None:
    scribe.run("version")
    scribe.run("version now", 2)
    scribe.run("completion bash")
    scribe.run("completion zsh")
    scribe.run("completion fish")
    scribe.run("completion tcsh", 2)
    scribe.run("config show")
    config = tmp_path / "config.toml"
    config.write_text("bas_url = 'https://pay.example.com'\n")
    config.chmod(0o600)
    named = {"VALETKEY_CONFIG": str(config)}
    scribe.run("config show", 2, **named)
    config.write_text("api_key = 'abba_secret'\n")
    scribe.run("config show --json", 2, **named)
    config.write_text("rpc_url = 'https://node.example.com/v2/a-key-of-ours'\nhome = '/elsewhere'\n")
    scribe.run("config show", VALETKEY_BUNDLE="a secret", **named)
    config.chmod(0o644)
    scribe.run("config show", 2, **named)
    scribe.run("migrate", 2)
    scribe.run("migrate", VALETKEY_DATABASE=str(tmp_path / "platform.db"))
    scribe.run("migrate --json", VALETKEY_DATABASE=str(tmp_path / "platform.db"))
    copied = {"VALETKEY_DATABASE": str(tmp_path / "copied.db")}
    scribe.run(f"backup {tmp_path}/backup.db", VALETKEY_DATABASE=str(tmp_path / "platform.db"))
    scribe.run(f"backup {tmp_path}/backup.db", 7, VALETKEY_DATABASE=str(tmp_path / "platform.db"))
    scribe.run(f"restore {tmp_path}/backup.db", **copied)
    scribe.run(f"restore {tmp_path}/backup.db", 7, **copied)
    scribe.run("release", **copied)
    scribe.run("release", 5, VALETKEY_DATABASE=str(tmp_path / "nothing.db"))
    serving = {
        "VALETKEY_NETWORKS": json.dumps(NETWORKS),
        "VALETKEY_MASTER_SECRET": "n" * 32,
        "VALETKEY_MASTER_SECRET_OTHER": "m" * 32,
        "VALETKEY_WEBHOOK_SECRET": "w" * 32,
    }
    scribe.run("reseal", **serving, **copied)
    scribe.run("reseal", 5, **serving | {"VALETKEY_DATABASE": str(tmp_path / "nothing.db")})
    scribe.run("serve", 2)
    scribe.run("mcp", 2)
    scribe.run("mcp --owner", 2, VALETKEY_API_KEY_FILE="")
    taken = stack.base_url.rpartition(":")[2]
    scribe.places[taken] = "PORT"
    scribe.run("studio --host 0.0.0.0", 2)
    scribe.run("studio", 2, VALETKEY_BASE_URL="")
    scribe.run("studio --idle soon", 2)
    scribe.run(f"studio --port {taken}", 7)
    scribe.run(f"dev --port {taken}", 7)
    scribe.run("demo --chain bitcoin", 2)
    scribe.check("machine")


def test_stopping(scribe: Scribe, stack: RunningStack, tmp_path: Path) -> None:
    registered(scribe)
    scribe.run("freeze")
    scribe.run("freeze --thaw")
    scribe.run("freeze", 2, VALETKEY_API_KEY_FILE="")
    scribe.run("freeze --direct", 2, VALETKEY_HOME=str(tmp_path / "empty"))
    there = {"VALETKEY_RPC_URL": stack.rpc_url, "VALETKEY_DEPLOYER_KEY": stack.owner_key}
    roles = " ".join(
        f"--{name} 0x{digit * 40}"
        for name, digit in zip(("owner", "treasury", "resolver"), "123", strict=True)
    )
    scribe.run(f"contracts deploy {roles} --token {stack.contracts['usdc']} --dry-run", **there)
    scribe.run(f"contracts deploy {roles} --token 0x12", 2, **there)
    found = " ".join(f"--{name} {stack.contracts[name]}" for name in ("escrow", "score", "usdc", "allowance"))
    scribe.run(f"contracts verify {found}", **there)
    scribe.run("contracts verify", 2, **there)
    scribe.check("stopping")


def test_paying_over_http(
    scribe: Scribe,
    x402_seller: OfficialSeller,
    channel_seller: ChannelSeller,
    tmp_path: Path,
) -> None:
    registered(scribe)
    scribe.places[x402_seller.url] = "<seller>"
    scribe.run(f"session create --budget 1 --out {tmp_path}/bundle")
    session = json.loads(scribe.run("session list --json"))["sessions"][0]["session_id"]
    scribe.run(f"session fund {session}")
    held = {
        "VALETKEY_BUNDLE_FILE": str(tmp_path / "bundle"),
        "VALETKEY_HOME": str(tmp_path / "delegates-home"),
    }
    scribe.run(f"x402 get {x402_seller.url}/weather --max-amount 0.05", **held)
    scribe.run(f"x402 get {x402_seller.url}/weather --max-amount 0.001", 3, **held)
    scribe.run("x402 get http://127.0.0.1:1/nothing --max-amount 1 --json", 7, **held)
    scribe.places[channel_seller.url] = "<seller of channels>"
    quote = f"x402 get {channel_seller.url}/quote --max-amount 0.05"
    scribe.run(quote, 3, **held)
    scribe.run(f"{quote} --max-deposit 0.10", **held)
    scribe.run(f"x402 withdraw {session}")
    scribe.run("x402 close", **held)
    scribe.run("x402 close --json", **held)
    scribe.run("x402 close", 2)
    scribe.run("x402 withdraw nothing", 5)
    scribe.check("x402")


def test_doctor(scribe: Scribe) -> None:
    registered(scribe)
    scribe.run("doctor")
    scribe.run("doctor --base-url http://127.0.0.1:1 --json", 7)
    scribe.check("doctor")


def test_every_command_has_its_transcripts() -> None:
    """One call that goes well and one that fails, of each."""
    went: dict[str, set[bool]] = {name: set() for name in commands()}
    for path in FOLDER.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        for command, code in re.findall(r"^\$ valetkey (.*)\n(?:(?!\$ ).*\n)*?-> (\d+)$", text, re.MULTILINE):
            name = next((one for one in went if f"{command} ".startswith(f"{one} ")), None)
            if name is not None and "--help" not in command:
                went[name].add(code == "0")
    lacking = {name: found for name, found in went.items() if found != {True, False}}
    assert {name for name, found in lacking.items() if False in found} == LONG_LIVED
    assert lacking.keys() == LONG_LIVED


def test_help(scribe: Scribe) -> None:
    scribe.run("--help")
    for name in (
        "agent",
        "agent keys",
        "session",
        "service",
        "tx",
        "approve",
        "x402",
        "audit",
        "keystore",
        "config",
        "contracts",
    ):
        scribe.run(f"{name} --help")
    for name in commands():
        scribe.run(f"{name} --help")
    scribe.check("help")
