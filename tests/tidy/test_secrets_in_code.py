"""SECRETS_STAY_SECRET, as the code is written: how secrets are compared, and that none is an argument of a program."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import typer

from tests.tidy.test_house_rules import GENERATED, SRC, calls, sources
from valetkey.cli.run import app

SECRET = re.compile(
    r"(^|_)(secrets?|token_hash|mac|hmac|signature|credential|credential_hash|seed|passphrase|password|reveal"
    r"|get_password|api_key|bearer|csrf)$"
)

# What is compared with `==` all the same, and why nobody learns anything from how long it takes.
PUBLIC = {
    # A signature names its transaction on Solana: everybody reads it.
    "chains/devsolana/cluster.py": "said.signature() != signature",
    "chains/solana/reader.py": "str(transaction.signatures[0]) != signature",
    "cli/demo/solana_books.py": "signature in seen",
    "sdk/manager/watching.py": "one.signature in counted",
    # Recovered from a signature that the same process made a moment ago.
    "sdk/x402/channel_guard.py": "address_of(recover_digest(digest, signature)) != self._bounds.wallet",
    "sdk/x402/guard.py": "address_of(recover_digest(unsigned.digest(), signature)) != self._bounds.wallet",
    # Two of type Secret.
    "crypto/locks/os_keyring.py": "self.get(account) != secret",
    # One caller's two headers: it knows both.
    "wire/http.py": "key != bearer",
    # A recovery byte.
    "wire/grants.py": "signature[64] not in (27, 28)",
    # Words in settings, not their secrets.
    "cli/doctor/production.py": "'sslmode=verify' not in named.reveal()",
    "platform/settings.py": "'://' in given.reveal()",
    # Names of settings.
    "cli/place.py": "name not in self._secrets",
}
# What is about to leave, with what was signed a moment ago: both are our own.
PUBLIC_TOO = {"same_letters(payload) != same_letters({**wanted, 'signature': signed.signature})"}


def last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return getattr(node, "attr", "") or getattr(node, "id", "")


def names_a_secret(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and last_name(node) == "len":
        return False
    named = isinstance(node, ast.Call | ast.Attribute | ast.Name) and SECRET.search(last_name(node))
    return bool(named) or any(names_a_secret(child) for child in ast.iter_child_nodes(node))


def comparisons(tree: ast.AST) -> Iterator[ast.Compare]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        if not all(isinstance(one, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for one in node.ops):
            continue
        sides = [one for one in (node.left, *node.comparators) if not isinstance(one, ast.Compare)]
        # Values of type Secret compare themselves so.
        if any(isinstance(one, ast.Call) and last_name(one) == "Secret" for one in sides):
            continue
        if any(names_a_secret(one) for one in sides):
            yield node


def test_secrets_are_compared_in_a_time_that_tells_nothing() -> None:
    found = []
    for path in sources():
        where = path.relative_to(SRC).as_posix()
        if GENERATED.search(path.as_posix()):
            continue
        for node in comparisons(ast.parse(path.read_text())):
            text = ast.unparse(node)
            if text not in PUBLIC_TOO and PUBLIC.get(where) != text:
                found.append(f"{where}:{node.lineno}: {text}: use hmac.compare_digest")
    assert found == []


def test_a_comparison_that_tells_something_is_found() -> None:
    for bad in (
        "given == self.secret",
        "row.token_hash != credential_hash(told)",
        "(one.reveal(), 1) == (two, 1)",
    ):
        assert list(comparisons(ast.parse(bad))), bad
    for good in (
        "len(secret) == 32",
        "secret is None",
        "(secret is None) == (key is None)",
        "asset == token",
    ):
        assert not list(comparisons(ast.parse(good))), good


SECRET_OPTION = re.compile(r"secret|token|key|pass|identity|bundle|seed|mnemonic|credential|enroll|claim")

# Options and arguments that are named like secrets, and are none.
NAMES = {
    "bundles": "a folder",
    "keystore": "a file",
    "token": "the address of an ERC-20 token",
    "key": "the public key that heads of an audit log are signed with",
    "key_id": "the id of an API key",
    "claim_id": "the id of a claim",
    "enrollment": "an enrolment's code: its fingerprint, which is read aloud",
    "idempotency_key": "a name that its caller chose; it opens nothing",
}


def commands(command: Any, path: str = "valetkey") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, f"{path} {name}")


def test_no_secret_is_an_argument_of_the_command_line() -> None:
    """Every process of a machine reads every other one's arguments: a secret comes from a file or the environment."""
    found, files = set(), set()
    for path, command in commands(typer.main.get_command(app)):
        for one in command.params:
            if not SECRET_OPTION.search(one.name) or one.name in NAMES or getattr(one, "is_flag", False):
                continue
            if all(option.endswith("-file") for option in one.opts):
                files.add(one.name)
            else:
                found.add(f"{path} {one.opts}")
    assert found == set()
    assert {"api_key", "bundle", "identity", "passphrase", "owner_key"} <= files


STARTERS = re.compile(r"subprocess\.\w+|asyncio\.create_subprocess_\w+|os\.(exec|spawn|posix_spawn)\w*")


def test_no_secret_is_an_argument_of_a_process_that_is_started() -> None:
    started = [
        (f"{path.relative_to(SRC)}:{call.lineno}", call)
        for path in sources()
        for name, call in calls(path)
        if STARTERS.fullmatch(name)
    ]
    assert started
    found = [
        f"{where}: {ast.unparse(one)}" for where, call in started for one in call.args if names_a_secret(one)
    ]
    assert found == []
