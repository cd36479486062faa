"""Which contract is which token: a table, and everything that only looks like a row of it."""

import pytest

from valetkey.core.chains import CHAINS, EIP155, SOLANA, SOLANA_DEVNET, is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset
from valetkey.core.tokens import COINS, TOKENS, TokenMismatch, check_decimals, token_of
from valetkey.crypto.base58 import is_solana_address
from valetkey.crypto.keys import checksum_address, is_address

USDC = token_of(8453, "USDC")
WRAPPED_SOL = "So11111111111111111111111111111111111111112"
OTHER = Asset("USDC", 8453, checksum_address("0x" + "ab" * 20), 6)


@pytest.mark.parametrize(
    "asset",
    [one for one in TOKENS if not is_solana(one.chain_id)],
    ids=lambda one: f"{one.currency}@{one.chain_id}",
)
def test_every_token_is_found_by_symbol_and_by_address_in_any_case_without_a_checksum(asset):
    digits = asset.address[2:]
    for spelled in (asset.currency, asset.address, "0x" + digits.lower(), "0x" + digits.upper()):
        assert token_of(asset.chain_id, spelled) is asset
    assert is_address(asset.address)
    assert asset.address == checksum_address(asset.address)
    assert asset.decimals == CURRENCY_DECIMALS[asset.currency]


@pytest.mark.parametrize("chain_id", [SOLANA, SOLANA_DEVNET])
def test_a_mint_is_found_by_symbol_and_by_its_own_spelling_alone(chain_id):
    asset = token_of(chain_id, "USDC")
    assert token_of(chain_id, asset.address) is asset
    assert is_solana_address(asset.address)
    for other in (asset.address.lower(), asset.address[:-1], "SOL", WRAPPED_SOL):
        with pytest.raises(InvalidInput) as refused:
            token_of(chain_id, other)
        assert refused.value.code == "unknown_token"


@pytest.mark.parametrize(
    "chain", [one for one in CHAINS if one.namespace == EIP155], ids=lambda one: one.name
)
def test_every_evm_chain_has_its_coin_and_circles_usdc(chain):
    assert token_of(chain.chain_id, chain.coin) == Asset(chain.coin, chain.chain_id, NATIVE, 18)
    assert token_of(chain.chain_id, "USDC").decimals == 6


def test_no_asset_is_told_twice():
    told = [asset.id for asset in (*TOKENS, *COINS)]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    "token",
    [
        "usdc",
        "Usdc",
        "USDC ",
        " USDC",
        "USDC.e",
        "USDC\n",
        "USDС",
        "UЅDC",
        "ＵＳＤＣ",
        "US\u200bDC",
        "",
        "DOGE",
        "POL",
        "0X833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "0x" + "12" * 20,
        token_of(1, "USDC").address,
        None,
        6,
        True,
        b"USDC",
    ],
)
def test_what_is_no_token_of_the_chain_is_refused(token):
    with pytest.raises(InvalidInput) as refused:
        token_of(8453, token)
    assert refused.value.code == "unknown_token"
    assert refused.value.field == "token"


@pytest.mark.parametrize(
    "token",
    [
        NATIVE,
        "0x",
        "0x833589",
        USDC.address + "0",
        USDC.address + "\n",
        USDC.address[:-1] + "g",
        USDC.address[:-1] + "３",
        USDC.address.replace("fCD6", "FCD6"),
        USDC.address.replace("eDb6", "eDB6"),
    ],
)
def test_an_address_that_is_none_or_has_a_wrong_checksum_is_refused(token):
    with pytest.raises(InvalidInput) as refused:
        token_of(8453, token)
    assert refused.value.code == "invalid_address"
    assert refused.value.field == "token"


def test_a_chain_without_tokens_has_those_of_its_configuration():
    mine = Asset("USDC", 31337, OTHER.address, 18)
    with pytest.raises(InvalidInput, match="no token of this chain"):
        token_of(31337, "USDC")
    assert token_of(31337, "USDC", [mine]) is mine
    assert token_of(31337, mine.address, [mine]) is mine
    with pytest.raises(InvalidInput):
        token_of(31338, "USDC", [mine])


def test_a_configuration_takes_the_place_of_what_is_known_under_its_symbol():
    assert token_of(8453, "USDC", [OTHER]) is OTHER
    with pytest.raises(InvalidInput) as refused:
        token_of(8453, USDC.address, [OTHER])
    assert refused.value.code == "unknown_token"
    assert token_of(8453, "WETH", [OTHER]) == token_of(8453, "WETH")


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_decimals_that_are_the_known_ones_pass():
    assert check_decimals(USDC, word(6)) is None


@pytest.mark.parametrize(
    "answer", [b"", b"\x06", word(6)[1:], word(6) + b"\0", word(18), word(0), word(2**255)]
)
def test_any_other_answer_is_a_mismatch(answer):
    with pytest.raises(TokenMismatch) as refused:
        check_decimals(USDC, answer)
    assert refused.value.code == "token_mismatch"
    assert USDC.address in str(refused.value)
    assert len(str(refused.value)) < 200
