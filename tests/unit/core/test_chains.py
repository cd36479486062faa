"""Chains by name and number."""

import pytest

from valetkey.core.chains import CHAINS, SOLANA, chain_of, is_solana
from valetkey.core.errors import InvalidInput


@pytest.mark.parametrize("chain", CHAINS, ids=lambda one: one.name)
def test_a_chain_is_found_by_name_number_digits_and_caip_2(chain):
    assert chain_of(chain.name) is chain
    assert chain_of(chain.name.lower()) is chain
    assert chain_of(chain.chain_id) is chain
    assert chain_of(str(chain.chain_id)) is chain
    assert chain_of(chain.id) is chain


def test_numbers_names_and_ids_are_told_once():
    for told in ("name", "chain_id", "id"):
        assert len({getattr(one, told) for one in CHAINS}) == len(CHAINS)
    assert all(one.chain_id < 2**53 for one in CHAINS), "JSON carries them as numbers"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("base", 8453),
        ("baseSepolia", 84532),
        ("base-sepolia", 84532),
        ("ethereum", 1),
        ("polygon", 137),
        ("polygonAmoy", 80002),
    ],
)
def test_the_chains_of_the_documents(name, number):
    assert chain_of(name).chain_id == number


@pytest.mark.parametrize(
    "nonsense", ["", "moon", 0, -1, 5, True, None, 1.0, "8453.0", "٨٤٥٣", "eip155:5", "9" * 40, "solana:"]
)
def test_another_chain_is_refused(nonsense):
    with pytest.raises(InvalidInput) as refused:
        chain_of(nonsense)
    assert refused.value.code == "unknown_chain"


def test_solana_is_told_apart():
    assert is_solana(SOLANA)
    assert not is_solana(8453)
    assert not is_solana(5)
