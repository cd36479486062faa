"""The reference pages tell what the code has: no code, endpoint, setting, option or method lacks its line."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import valetkey
from valetkey.cli.configured import SETTINGS
from valetkey.cli.failing import INTERRUPTED, READER_GONE
from valetkey.core.api_key import INCLUDES, Scope
from valetkey.core.audit import Kind
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.health.routes import ROUTES
from valetkey.platform.limits import PER_MINUTE
from valetkey.platform.networks import NetworkSettings
from valetkey.platform.settings import Settings
from valetkey.platform.variables import CLIENT_SIDE, OF_SESSIONS, PREFIX, Variables
from valetkey.sdk import config, errors
from valetkey.wire.audit import AuditExportQuery
from valetkey.wire.audit_file import COLUMNS
from valetkey.wire.bundle import BundleCode
from valetkey.wire.envelope import EnvelopeCode
from valetkey.wire.errors import CODES, Exit
from valetkey.wire.webhooks import WebhookCode

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "valetkey"
REFERENCE = ROOT / "docs" / "reference"
ADDRESS = "0x" + "1" * 40
REQUIRED = {
    "VALETKEY_DATABASE": "valetkey.db",
    "VALETKEY_MASTER_SECRET": "m" * 32,
    "VALETKEY_WEBHOOK_SECRET": "w" * 32,
    "VALETKEY_NETWORKS": json.dumps(
        [
            {
                "network": "base-sepolia",
                "rpcUrl": "http://127.0.0.1:1",
                "usdc": ADDRESS,
            }
        ]
    ),
}


def tables(page: str, first: str, section: str | None = None) -> list[list[str]]:
    """The rows of every table of a page, or of a section of it, whose first column is called `first`."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    if section is not None:
        found = re.search(rf"^#+ {re.escape(section)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        assert found, f"{page} has no section {section}"
        text = found[1]
    rows: list[list[str]] = []
    heading: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            heading = None
            continue
        cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        if heading is None:
            heading = cells
        elif not set(line) <= set("|- ") and heading[0] == first:
            assert len(cells) == len(heading), f"{page}: {line}"
            rows.append(cells)
    return rows


def plain(cell: str) -> str:
    return cell.strip("`")


# Refusals


def test_every_code_has_its_line() -> None:
    told = [
        (plain(code), int(status), plain(kind), int(exit_code), retry)
        for code, status, kind, exit_code, retry, means, todo in codes_with_a_status()
        if means and todo
    ]
    wanted = [
        (str(code), row.http_status, row.sdk_class, row.exit_code, "yes" if row.retryable else "no")
        for code, row in CODES.items()
    ]
    assert sorted(told) == sorted(wanted)
    assert all(hasattr(errors, kind) for _, _, kind, _, _ in told)


def codes_with_a_status() -> list[list[str]]:
    return [row for row in tables("refusals.md", "code") if len(row) == 7]


def test_every_code_that_is_not_told_over_http_has_its_line() -> None:
    told = {plain(row[0]): plain(row[1]) for row in tables("refusals.md", "code", "Without the platform")}
    for code, kind in codes_of_classes():
        assert told.get(code) == kind, f"{kind} {code}"
    families: dict[str, tuple[str, type[BundleCode | WebhookCode | EnvelopeCode]]] = {
        "bundle_*": ("BundleError", BundleCode),
        "webhook_*": ("WebhookError", WebhookCode),
        "envelope_*": ("EnvelopeError", EnvelopeCode),
    }
    text = (REFERENCE / "refusals.md").read_text(encoding="utf-8")
    for family, (kind, members) in families.items():
        assert told[family] == kind
        assert not [code for code in members if f"`{code}`" not in text]
    known = {code for code, _ in codes_of_classes()} | families.keys() | {str(BundleCode.EXPIRED)}
    assert told.keys() == known


def codes_of_classes() -> Iterator[tuple[str, str]]:
    """Codes that classes of errors carry by themselves and the table of HTTP does not hold."""
    for path in SRC.rglob("*.py"):
        if "_sync" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or node.name == "ValetkeyError":
                continue
            for line in node.body:
                if not isinstance(line, ast.Assign) or not isinstance(line.value, ast.Constant):
                    continue
                named = any(isinstance(target, ast.Name) and target.id == "code" for target in line.targets)
                code = line.value.value
                # A family of codes is told as one.
                if named and code not in CODES and not str(code).startswith("bundle_"):
                    yield str(code), node.name


# HTTP


def test_every_endpoint_has_its_line() -> None:
    told = [tuple(plain(cell) for cell in row) for row in tables("http.md", "method")]
    wanted = [(one.method, one.path, one.access.value, str(one.limit), one.summary) for one in ENDPOINTS]
    assert sorted(told) == sorted(wanted)
    assert sorted(plain(row[0]) for row in tables("http.md", "path")) == sorted(one.path for one in ROUTES)


def test_every_scope_has_its_line() -> None:
    told = {plain(scope): brought for scope, brought, lets in tables("http.md", "scope") if lets}
    assert told.pop("full") == "everything"
    named = {
        scope: {plain(one.strip()) for one in brought.split(",")} - {"-"} for scope, brought in told.items()
    }
    assert named == {str(scope): set(map(str, INCLUDES.get(scope, ()))) for scope in Scope if scope != "full"}


def test_every_limit_has_its_line() -> None:
    told = {plain(name): int(number) for name, number in tables("http.md", "limit")}
    assert told == {str(limit): number for limit, number in PER_MINUTE.items()}


# Settings


def platform_rows() -> dict[str, list[str]]:
    return {plain(row[0]): row for row in tables("settings.md", "name", "The platform")}


def names_in_the_code(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every name that the platform asks for, the SDK knows, or the sources spell out."""
    found: set[str] = {config.BASE_URL, config.RPC_URL, config.HOME}
    # Whoever knows all names it asked for can tell which others are unknown.
    with monkeypatch.context() as patched:
        patched.setattr(
            Variables,
            "check_all_known",
            lambda names: found.update(PREFIX + name for name in names._known),
        )
        Settings.from_env(REQUIRED)
    for path in SRC.rglob("*.py"):
        found |= set(re.findall(r"\bVALETKEY_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    return found


def test_every_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    client = {
        plain(row[0]) for part in ("Agents", "Development") for row in tables("settings.md", "name", part)
    }
    assert client | platform_rows().keys() == names_in_the_code(monkeypatch)
    plain_names = {name.removeprefix(PREFIX) for name in client}
    assert all(name.startswith(CLIENT_SIDE) or name in OF_SESSIONS for name in plain_names)


@pytest.mark.parametrize("mode", ["0", "1"], ids=["in earnest", "test mode"])
def test_a_default_that_is_told_is_the_default(mode: str) -> None:
    environ = {**REQUIRED, "VALETKEY_TEST_MODE": mode}
    usual = Settings.from_env(environ)
    for name, (_, in_earnest, in_test_mode, _) in platform_rows().items():
        default = plain(in_test_mode if mode == "1" else in_earnest)
        if name == "VALETKEY_TEST_MODE" or name.endswith("_FILE"):
            continue
        if in_earnest == "must be given":
            with pytest.raises(ValueError, match=name):
                Settings.from_env({key: value for key, value in environ.items() if key != name})
            continue
        assert Settings.from_env({**environ, name: default}) == usual, f"{name}={default}"
    assert platform_rows()["VALETKEY_TEST_MODE"][1] == "`0`"
    assert Settings.from_env(REQUIRED) == Settings.from_env({**REQUIRED, "VALETKEY_TEST_MODE": "0"})


def test_every_member_of_a_network_has_its_line() -> None:
    told = {plain(name): plain(default) for name, default, _ in tables("settings.md", "member")}
    (network,) = json.loads(REQUIRED["VALETKEY_NETWORKS"])
    fields = NetworkSettings.__struct_encode_fields__
    assert tuple(told) == fields
    assert {name for name, default in told.items() if default == "must be given"} == network.keys()
    (made,) = Settings.from_env(REQUIRED).networks
    values = dict(
        zip(fields, (getattr(made, name) for name in NetworkSettings.__struct_fields__), strict=True)
    )
    for name, default in told.items():
        if default != "must be given":
            assert json.loads(default) == values[name], name


# The command line


def help_of(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    ran = subprocess.run(
        [sys.executable, "-m", *command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def options_of(text: str) -> dict[str, str]:
    """Each option of a help text with the default that it names."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if option := re.match(r"[\s│|*]*(?:-\w, )?(--[a-z][a-z-]*)\b", line):
            name = option[1]
            found[name] = ""
        if name and (default := re.search(r"\[default: ([^\]]+)\]", line)):
            found[name] = default[1]
    return {name: default for name, default in found.items() if name != "--help"}


def test_the_commands_are_told_as_they_are() -> None:
    """The page is written from the commands, so none lacks its section and no option its line."""
    ran = subprocess.run([sys.executable, str(ROOT / "scripts" / "generate_cli.py"), "--check"], timeout=60)
    assert ran.returncode == 0, "run scripts/generate_cli.py"


def test_every_setting_of_the_command_line_has_its_line() -> None:
    told = {
        (plain(flag), *(plain(one) for one in names.split(", ")), plain(member))
        for flag, names, member, _ in tables("cli.md", "flag")
    }
    wanted = {
        (one.flag, one.variable, *([one.file_variable] if one.is_secret else []), one.member)
        for one in SETTINGS.values()
    }
    assert told == wanted


def test_every_option_of_the_development_chain_has_its_line() -> None:
    told = {plain(row[0]) for row in tables("cli.md", "option", "python -m valetkey.chains.devchain")}
    assert told == options_of(help_of("valetkey.chains.devchain")).keys()


def test_every_exit_code_has_its_line() -> None:
    told = {int(row[0]) for row in tables("cli.md", "exit")}
    # A shell's own codes stand beside ours.
    assert told == {int(code) for code in Exit} | {INTERRUPTED, READER_GONE}


# The SDK


def public(kind: type[Any]) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def spelled(kind: type[Any], name: str) -> str:
    """A method as the page spells it: names and defaults, no types."""
    if isinstance(inspect.getattr_static(kind, name), property):
        return name
    signature = inspect.signature(getattr(kind, name))
    kept = [one.replace(annotation=one.empty) for one in signature.parameters.values() if one.name != "self"]
    return name + str(signature.replace(parameters=kept, return_annotation=signature.empty))


def test_every_public_name_has_its_line() -> None:
    assert sorted(plain(name) for name, _ in tables("sdk.md", "name", "Names")) == valetkey.__all__


@pytest.mark.parametrize("name", ["BuyerAgent", "SellerAgent"])
def test_every_method_has_its_line(name: str) -> None:
    kind, twin = getattr(valetkey, name), getattr(valetkey, f"Async{name}")
    assert public(kind) == public(twin)
    told = [plain(call) for part in ("Both agents", name) for call, _ in tables("sdk.md", "call", part)]
    assert sorted(told) == sorted(spelled(kind, one) for one in public(kind))
    assert sorted(told) == sorted(spelled(twin, one) for one in public(twin))


def test_every_method_of_the_client_has_its_line() -> None:
    kind, twin = valetkey.Client, valetkey.AsyncClient
    told = [plain(call) for call, _ in tables("sdk.md", "call", "Client")]
    assert sorted(told) == sorted(spelled(kind, one) for one in public(kind))
    assert sorted(told) == sorted(spelled(twin, one) for one in public(twin))


def test_every_method_of_the_manager_has_its_line() -> None:
    kind, twin = valetkey.SessionKeyManager, valetkey.AsyncSessionKeyManager
    told = [plain(call) for call, _ in tables("sdk.md", "call", "SessionKeyManager")]
    assert sorted(told) == sorted(spelled(kind, one) for one in public(kind))
    assert sorted(told) == sorted(spelled(twin, one) for one in public(twin))


# The audit log


def test_every_kind_of_entry_and_column_has_its_line() -> None:
    assert sorted(plain(row[0]) for row in tables("audit.md", "kind")) == sorted(Kind)
    told = {plain(name) for row in tables("audit.md", "column") for name in row[0].split(", ")}
    assert told == set(COLUMNS)
    members = set(AuditExportQuery.__struct_encode_fields__)
    assert {plain(row[0]) for row in tables("audit.md", "parameter", "Getting it")} == members
