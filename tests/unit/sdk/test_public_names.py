"""`import valetkey` is quick and names everything; nothing heavy comes with it."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import valetkey

ROOT = Path(__file__).parents[3]
HEAVY = ("web3", "eth_account", "httpx", "aiohttp", "requests", "solders", "msgspec", "coincurve", "cryptography",
         "rich", "typer", "starlette", "apsw")  # fmt: skip


@pytest.mark.parametrize("name", valetkey.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(valetkey, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(valetkey)


def test_the_names_that_types_see_are_the_same() -> None:
    source = Path(valetkey.__file__).read_text(encoding="utf-8")
    typed = {line.rpartition(" as ")[2] for line in source.splitlines() if line.startswith("    from ")}
    assert typed == set(valetkey.__all__)


def test_the_version_is_written_once() -> None:
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert valetkey.__version__ == version("valetkey") == written


def test_there_are_no_other_names() -> None:
    with pytest.raises(AttributeError, match="Wallet"):
        valetkey.Wallet  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import valetkey", HEAVY),
        (
            "from valetkey import BuyerAgent, SellerAgent",
            ("web3", "eth_account", "aiohttp", "solders", "starlette"),
        ),
        (
            "import valetkey; valetkey.BuyerAgent(base_url='http://127.0.0.1:1').close()",
            ("web3", "eth_account"),
        ),
    ],
)
def test_what_is_not_used_is_not_imported(statement: str, absent: tuple[str, ...]) -> None:
    program = f"import sys; {statement}; print(*sorted(m for m in sys.modules if '.' not in m))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(ran.stdout.split()) & set(absent)
