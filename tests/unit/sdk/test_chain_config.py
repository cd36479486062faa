"""Chains by configuration: what an entry may say, what it takes the place of, and that its URL is never shown."""

import json

import pytest

from valetkey.core.chains import CHAINS, SOLANA
from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE, Asset
from valetkey.core.tokens import token_of
from valetkey.crypto.keys import checksum_address
from valetkey.sdk.chain_config import CHAINS_FILE, ChainConfig, configured_chains, resolve_chain
from valetkey.sdk.errors import NotConfigured

ADDRESS = checksum_address("0x" + "ab" * 20)
WRONG_CHECKSUM = "0x" + ADDRESS[2:].swapcase()
KEYED = "https://rpc.example.org/v2/s3cret-key"


@pytest.mark.parametrize("chain", CHAINS, ids=lambda one: one.name)
def test_everybodys_chains_need_no_configuration(chain):
    for said in (chain.name, chain.chain_id, str(chain.chain_id), chain.id):
        found = resolve_chain(said, known=())
        assert (found.name, found.chain_id, found.coin) == (chain.name, chain.chain_id, chain.coin)
        assert found.chain is chain


def test_another_chain_is_what_its_entry_says():
    mine = ChainConfig(
        "anvil", 31337, KEYED, tokens={"USDC": (ADDRESS.lower(), 18)}, allowance=ADDRESS.lower()
    )
    for said in ("anvil", "ANVIL", 31337, "31337", "eip155:31337", mine):
        assert resolve_chain(said, known=[mine]) is mine
    assert mine.chain.id == "eip155:31337"
    assert mine.allowance == ADDRESS
    assert mine.token("USDC") == mine.token(ADDRESS) == Asset("USDC", 31337, ADDRESS, 18)
    assert mine.token("ETH") == Asset("ETH", 31337, NATIVE, 18)


def test_an_entry_for_a_known_chain_adds_to_what_is_known():
    mine = ChainConfig("base-sepolia", 84532, "http://127.0.0.1:8545", tokens={"USDC": (ADDRESS, 6)})
    assert mine.name == "baseSepolia"
    assert resolve_chain("baseSepolia", known=[mine]) is resolve_chain("base-sepolia", known=[mine]) is mine
    assert mine.token("USDC").address == ADDRESS
    assert mine.token("WETH") == token_of(84532, "WETH")
    assert ChainConfig("polygon", 137).token("POL").address == NATIVE


def test_the_coin_of_a_chain_is_spent_only_where_limits_can_be_written_in_it():
    bnb = ChainConfig("bnb", 56, coin="BNB", tokens={"USDC": (ADDRESS, 18)})
    with pytest.raises(InvalidInput) as refused:
        bnb.token("BNB")
    assert refused.value.code == "unknown_token"
    assert bnb.token("USDC").decimals == 18


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("base", 1),
        ("base", 31337),
        ("BASE", 84532),
        ("mainnet", 8453),
        ("mine", 8453),
        ("mine", SOLANA),
        ("solana", 5),
    ],
)
def test_a_known_name_or_number_means_what_everybody_means(name, number):
    with pytest.raises(InvalidInput) as refused:
        ChainConfig(name, number)
    assert refused.value.code == "chain_collision"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "invalid_input"),
        ({"name": "a b"}, "invalid_input"),
        ({"name": "bаse"}, "invalid_input"),
        ({"name": "x" * 65}, "invalid_input"),
        ({"name": None}, "invalid_input"),
        ({"chain_id": 0}, "unknown_chain"),
        ({"chain_id": -1}, "unknown_chain"),
        ({"chain_id": 2**53}, "unknown_chain"),
        ({"chain_id": True}, "unknown_chain"),
        ({"chain_id": "31337"}, "unknown_chain"),
        ({"chain_id": 1.0}, "unknown_chain"),
        ({"confirmations": 0}, "invalid_input"),
        ({"confirmations": True}, "invalid_input"),
        ({"coin": "eth"}, "invalid_input"),
        ({"coin": ""}, "invalid_input"),
        ({"coin": "USDC", "tokens": {"USDC": (ADDRESS, 6)}}, "invalid_input"),
        ({"tokens": {"DOGE": (ADDRESS, 6)}}, "unknown_token"),
        ({"tokens": {"usdc": (ADDRESS, 6)}}, "unknown_token"),
        ({"tokens": {"USDС": (ADDRESS, 6)}}, "unknown_token"),
        ({"tokens": {"USDC": ADDRESS}}, "invalid_input"),
        ({"tokens": {"USDC": (ADDRESS, 6, 6)}}, "invalid_input"),
        ({"tokens": {"USDC": (ADDRESS, -1)}}, "invalid_input"),
        ({"tokens": {"USDC": (ADDRESS, 37)}}, "invalid_input"),
        ({"tokens": {"USDC": (ADDRESS, True)}}, "invalid_input"),
        ({"tokens": {"USDC": (NATIVE, 6)}}, "invalid_address"),
        ({"tokens": {"USDC": (None, 6)}}, "invalid_address"),
        ({"tokens": {"USDC": (ADDRESS[:-1], 6)}}, "invalid_address"),
        (
            {"tokens": {"USDC": (WRONG_CHECKSUM, 6)}},
            "invalid_address",
        ),
        ({"allowance": NATIVE}, "invalid_address"),
        ({"allowance": WRONG_CHECKSUM}, "invalid_address"),
        ({"rpc_url": "http://rpc.example.org/key"}, "not_configured"),
        ({"rpc_url": "ftp://rpc.example.org/key"}, "not_configured"),
        ({"rpc_url": ""}, "not_configured"),
    ],
)
def test_an_entry_without_meaning_is_refused(changes, code):
    with pytest.raises(InvalidInput) as refused:
        ChainConfig(**{"name": "anvil", "chain_id": 31337, **changes})
    assert refused.value.code == code
    assert "key" not in str(refused.value)


def test_the_coin_of_a_known_chain_is_its_own():
    assert ChainConfig("polygon", 137).coin == "POL"
    with pytest.raises(InvalidInput, match="the coin of base is ETH"):
        ChainConfig("base", 8453, coin="POL")


@pytest.mark.parametrize("token", [WRONG_CHECKSUM, NATIVE, "0x12"])
def test_an_address_with_aWRONG_CHECKSUM_is_refused_also_when_nobody_knows_the_token(token):
    with pytest.raises(InvalidInput) as refused:
        resolve_chain("base", known=()).token(token)
    assert refused.value.code == "invalid_address"


def test_the_url_is_not_shown():
    mine = resolve_chain("base", rpc_url=KEYED, known=())
    assert mine.rpc_url == KEYED
    assert "s3cret" not in f"{mine} {mine!r}"


@pytest.fixture
def chains_file(tmp_path, monkeypatch):
    path = tmp_path / "chains.json"
    monkeypatch.setenv(CHAINS_FILE, str(path))

    def write(content: object) -> None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    return write


def test_entries_come_from_a_file(chains_file):
    chains_file(
        [
            {
                "name": "anvil",
                "chainId": 31337,
                "rpcUrl": KEYED,
                "coin": "ETH",
                "tokens": {"USDC": {"address": ADDRESS, "decimals": 6}},
                "allowance": ADDRESS,
                "confirmations": 3,
            },
            {"name": "base", "chainId": 8453, "rpcUrl": "http://127.0.0.1:8545"},
        ]
    )
    assert resolve_chain("anvil") == ChainConfig(
        "anvil", 31337, KEYED, tokens={"USDC": (ADDRESS, 6)}, allowance=ADDRESS, confirmations=3
    )
    assert resolve_chain(8453).rpc_url == "http://127.0.0.1:8545"
    assert resolve_chain(8453, rpc_url=KEYED).rpc_url == KEYED
    assert resolve_chain("polygon").rpc_url is None


def test_without_a_file_there_are_no_entries(monkeypatch):
    monkeypatch.delenv(CHAINS_FILE, raising=False)
    assert configured_chains() == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[{}]",
        "s3cret",
        '[{"name": "anvil", "chainId": "s3cret"}]',
        '[{"name": "anvil", "chainId": 31337, "rpcURL": "https://s3cret"}]',
        '[{"name": "anvil", "chainId": 31337, "tokens": {"USDC": {"address": "s3cret"}}}]',
        '[{"name": "anvil", "chainId": 31337, "rpcUrl": "s3cret"}]',
        '[{"name": "anvil", "chainId": 31337, "allowance": "s3cret"}]',
        '[{"name": "a", "chainId": 5}, {"name": "b", "chainId": 5}]',
        '[{"name": "a", "chainId": 5}, {"name": "A", "chainId": 6}]',
        "[" * 100_000,
        '["' + "s3cret" * 200_000 + '"]',
    ],
)
def test_a_file_that_says_something_else_is_refused_and_not_quoted(chains_file, content):
    chains_file(content)
    with pytest.raises(InvalidInput) as refused:
        resolve_chain("base")
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_there_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(CHAINS_FILE, str(tmp_path / "none"))
    with pytest.raises(NotConfigured, match="No such file"):
        configured_chains()
