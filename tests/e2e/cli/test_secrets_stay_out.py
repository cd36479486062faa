"""No secret is an argument, none is printed by mistake, and what is kept is kept for its owner alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.e2e.cli.transcribing import commands
from tests.fixtures_stack import RunningStack
from valetkey import Secret
from valetkey.cli.configured import Configured
from valetkey.cli.run import app
from valetkey.cli.told import plain
from valetkey.wire.errors import Exit

SECRET_WORDS = (
    *("key", "token", "secret", "bundle", "passphrase", "password", "seed", "mnemonic"),
    *("link", "identity", "private", "credential", "pin"),
)
PUBLIC = {
    ("audit verify", "key"): "the platform's public key",
    ("contracts deploy", "token"): "the address of a token",
    ("agent keys revoke", "key_id"): "an id, which opens nothing",
    ("tx buy", "idempotency_key"): "a name for an order",
}
"""Parameters that sound like secrets and are none."""


@pytest.mark.parametrize("name", sorted(commands()))
def test_SECRETS_STAY_SECRET_no_argument_takes_one(name: str) -> None:
    for param in commands()[name].params:
        words = {param.name, *(one.lstrip("-") for one in param.opts)}
        sounds = any(word in one.replace("-", "_").split("_") for one in words for word in SECRET_WORDS)
        if not sounds or (name, param.name) in PUBLIC or getattr(param, "is_flag", False):
            continue
        assert "Path" in repr(param.type_descriptor), f"{name} {param.opts}"


def test_exceptions_are_still_there() -> None:
    there = {(name, param.name) for name, one in commands().items() for param in one.params}
    assert there >= PUBLIC.keys()


def test_SECRETS_STAY_SECRET_children_are_told_none_by_argument(stack: RunningStack) -> None:
    """What `ps` shows of everything that `valetkey dev` started."""
    secrets = (stack.owner_key.removeprefix("0x"), stack.webhook_secret, stack.operator_token)
    ours = {stack.process.pid}
    for _ in range(3):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(entry) in ours:
                ours.add(int(entry.name))
    shown = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in ours]
    assert len(shown) >= 3
    assert not [one for one in shown if any(secret in one for secret in secrets)]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_a_secret_is_no_json() -> None:
    with pytest.raises(AssertionError, match="a secret is printed where"):
        plain({"api_key": Secret("abba_x")})


def run(*words: str, stdin: str = "", **environ: str) -> Any:
    clean: dict[str, Any] = {name: None for name in os.environ if name.startswith("VALETKEY_")}
    return CliRunner().invoke(app, list(words), input=stdin, env=clean | environ)


def test_standard_input_is_one_secret(stack: RunningStack, tmp_path: Path) -> None:
    where = {"VALETKEY_BASE_URL": stack.base_url, "VALETKEY_HOME": str(tmp_path), "HOME": str(tmp_path)}
    wallet = stack.wallet()
    out = tmp_path / "api-key"
    words = (
        "agent",
        "register",
        "--name",
        f"piped-{tmp_path.name}-{os.getpid()}",
        "--key-file",
        "-",
        "--out",
        str(out),
    )
    ran = run(*words, stdin=wallet.to_hex() + "\n", **where)
    assert ran.exit_code == 0, ran.stderr
    listed = run("agent", "keys", "list", "--api-key-file", "-", stdin=out.read_text(), **where)
    assert listed.exit_code == 0, listed.stderr
    both = run("session", "ungrant", "ses_x", "--api-key-file", "-", "--key-file", "-", stdin="one", **where)
    assert (both.exit_code, "cannot both be standard input" in both.stderr) == (Exit.INPUT, True), both.stderr


def test_the_keyring_keeps_an_api_key(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring

    kept: dict[tuple[str, str], str] = {}

    def get_password(_self: object, service: str, account: str) -> str | None:
        return kept.get((service, account))

    def set_password(_self: object, service: str, account: str, secret: str) -> None:
        kept[service, account] = secret

    methods = {"get_password": get_password, "set_password": set_password}
    backend = type("Keyring", (), {**methods, "__module__": "keyring.backends.SecretService"})()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    key = tmp_path / "wallet.key"
    key.write_text(stack.wallet().to_hex())
    where = {"VALETKEY_BASE_URL": stack.base_url, "VALETKEY_HOME": str(tmp_path), "HOME": str(tmp_path)}
    words = ("agent", "register", "--name", f"ring-{tmp_path.name}-{os.getpid()}", "--key-file", str(key))
    ran = run(*words, "--out", "keyring:work", "--json", **where)
    assert ran.exit_code == 0, ran.stderr
    assert kept["valetkey", "work"] not in ran.stdout
    assert json.loads(ran.stdout)["api_key_file"] == "keyring:work"
    assert run("agent", "keys", "list", "--api-key-file", "keyring:work", **where).exit_code == 0
    assert run(*words, "--out", "keyring:work", **where).exit_code == Exit.CONFLICT
    assert run("agent", "keys", "list", "--api-key-file", "keyring:other", **where).exit_code == Exit.INPUT


def test_one_order_of_settings(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("base_url = 'https://file.example.com'\nrpc_url = 'https://node.example.com'\n")
    config.chmod(0o600)
    environ = {"VALETKEY_CONFIG": str(config), "VALETKEY_BASE_URL": "https://environment.example.com"}
    found = Configured({"base_url": "https://flag.example.com"}, environ)
    assert (found.find("base_url").value, found.find("base_url").source) == (
        "https://flag.example.com",
        "--base-url",
    )
    found = Configured({}, environ)
    assert found.find("base_url").source == "VALETKEY_BASE_URL"
    assert (found.find("rpc_url").value, found.find("rpc_url").source) == (
        "https://node.example.com",
        str(config),
    )
    assert found.find("home").source == "default"


def test_a_new_secret_that_cannot_be_kept_is_not_made(stack: RunningStack, tmp_path: Path) -> None:
    where = {"VALETKEY_BASE_URL": stack.base_url, "VALETKEY_HOME": str(tmp_path), "HOME": str(tmp_path)}
    (tmp_path / "wallet.key").write_text(stack.wallet().to_hex())
    words = ("agent", "register", "--name", "x", "--key-file", str(tmp_path / "wallet.key"))
    # The platform refuses the name: nothing is left behind.
    assert run(*words, "--out", str(tmp_path / "api-key"), **where).exit_code == Exit.INPUT
    assert not (tmp_path / "api-key").exists()
    gone = run(*words, "--out", str(tmp_path / "nowhere" / "api-key"), **where)
    assert gone.exit_code == Exit.ENVIRONMENT
    assert "Traceback" not in gone.stderr


def test_the_environment_of_a_command_is_enough(stack: RunningStack, tmp_path: Path) -> None:
    """As a process of its own: an exit code, JSON on each stream, no traceback."""
    ran = subprocess.run(
        [sys.executable, "-m", "valetkey", "session", "list", "--json"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
        | {"VALETKEY_BASE_URL": stack.base_url, "VALETKEY_API_KEY": "abba_" + "0" * 64},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (Exit.CREDENTIAL, "")
    told = json.loads(ran.stderr)
    assert (told["code"], told["exit_code"]) == ("unauthenticated", Exit.CREDENTIAL)
