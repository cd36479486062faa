"""The page about chains and tokens tells what the code has."""

import json
import re
from pathlib import Path

from tests.docs.test_reference import REFERENCE, plain, tables
from valetkey.core.chains import CHAINS
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.tokens import TOKENS
from valetkey.sdk.chain_config import configured_chains

PAGE = "chains.md"


def test_every_chain_has_its_line() -> None:
    rows = tables(PAGE, "chain", "Chains")
    told = [(plain(name), int(number), plain(caip), coin) for name, number, caip, coin in rows]
    assert told == [(one.name, one.chain_id, one.id, one.coin) for one in CHAINS]


def test_every_token_has_its_line() -> None:
    names = {one.name: one.chain_id for one in CHAINS}
    told = [
        (names[plain(chain)], symbol, int(decimals), plain(address))
        for chain, symbol, decimals, address in tables(PAGE, "chain", "Tokens")
    ]
    assert told == [(one.chain_id, one.currency, one.decimals, one.address) for one in TOKENS]


def test_every_currency_has_its_line() -> None:
    assert {name: int(decimals) for name, decimals in tables(PAGE, "currency")} == CURRENCY_DECIMALS


def test_the_file_that_is_shown_is_one(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", (REFERENCE / PAGE).read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "chains.json"
    path.write_text(shown)
    found = configured_chains(path)
    assert [one.name for one in found] == [one["name"] for one in json.loads(shown)]
    assert [one.token("USDC").decimals for one in found] == [6] * len(found)
