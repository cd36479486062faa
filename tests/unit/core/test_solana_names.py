"""Assets and payees of Solana: base58, where another case of a letter is another account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.addresses import (
    canonical_address,
    canonical_addresses,
    canonical_asset,
    canonical_assets,
    same_address,
)
from valetkey.core.chains import (
    CHAINS,
    LOCAL_GENESIS_HASH,
    SOLANA,
    SOLANA_DEVNET,
    SOLANA_LOCAL,
    SOLANA_NAMESPACE,
    SOLANA_TESTNET,
    chain_of,
)
from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE, Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code
from valetkey.core.rules import names
from valetkey.core.session import Role, Session, Usage
from valetkey.core.spend import SpendRequest
from valetkey.crypto import base58

MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
PAYEE = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
USDC = Asset("USDC", SOLANA, MINT, 6)

GENESIS_HASHES = {
    SOLANA: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    SOLANA_DEVNET: "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG",
    SOLANA_TESTNET: "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY",
    SOLANA_LOCAL: LOCAL_GENESIS_HASH,
}


def session(**rules: object) -> Session:
    policy = Policy(budget=10**9, expires_at=2_000_000_000, **rules)  # type: ignore[arg-type]
    return Session(id="s", owner_id="o", role=Role.BUYER, policy=policy, usage=Usage(), created_at=0)


def codes(policy_payees: frozenset[str], payee: str) -> list[Code]:
    request = SpendRequest(Money(1, USDC), None, payee, "payment")
    return [one.code for one in names(session(allowed_payees=policy_payees), request)]


@pytest.mark.parametrize("chain", [one for one in CHAINS if one.namespace == SOLANA_NAMESPACE])
def test_references_of_clusters_are_their_genesis_hashes(chain: object) -> None:
    found = chain_of(chain.chain_id)  # type: ignore[attr-defined]
    genesis = GENESIS_HASHES[found.chain_id]
    assert found.reference == genesis[:32]
    assert len(base58.decode(genesis)) == 32
    assert chain_of(found.id) is found


def test_ids_of_assets() -> None:
    assert USDC.id == f"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:{MINT}"
    sol = Asset("SOL", SOLANA_DEVNET, NATIVE, 9)
    assert sol.id == "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1/slip44:501"
    assert canonical_asset(USDC.id) == USDC.id
    assert (
        canonical_asset("EIP155:84532/ERC20:0xABCDEF" + "0" * 34) == "eip155:84532/erc20:0xabcdef" + "0" * 34
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [(PAYEE, PAYEE), ("0xABCDEF", "0xabcdef"), ("0Xab", "0xab"), ("", "")],
)
def test_spellings(text: str, written: str) -> None:
    assert canonical_address(text) == written


def test_spellings_of_many() -> None:
    assert canonical_addresses(None) is None
    assert canonical_assets(None) is None
    assert canonical_addresses([PAYEE, "0xAB", "0xab"]) == {PAYEE, "0xab"}
    assert canonical_assets([USDC.id]) == {USDC.id}


@pytest.mark.parametrize(
    "policy", [{"allowed_assets": frozenset({USDC.id})}, {"allowed_payees": frozenset({PAYEE})}]
)
def test_policies_take_them(policy: dict[str, frozenset[str]]) -> None:
    request = SpendRequest(Money(1, USDC), None, PAYEE, "payment")
    assert names(session(**policy), request) == []


def test_another_mint_is_another_asset() -> None:
    other = Asset("USDC", SOLANA, MINT.swapcase().replace("O", "o").replace("I", "i"), 6)
    request = SpendRequest(Money(1, other), None, PAYEE, "payment")
    found = names(session(allowed_assets=frozenset({USDC.id})), request)
    assert [one.code for one in found] == [Code.ASSET_NOT_ALLOWED]


@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_payee_in_another_case_is_another_payee(key: bytes, data: st.DataObject) -> None:
    payee = base58.encode(key)
    assert codes(frozenset({payee}), payee) == []
    places = [at for at, letter in enumerate(payee) if letter.swapcase() != letter]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    other = payee[:at] + payee[at].swapcase() + payee[at + 1 :]
    assert not same_address(payee, other)
    assert codes(frozenset({payee}), other) == [Code.PAYEE_NOT_ALLOWED]


@given(st.binary(min_size=20, max_size=20), st.data())
def test_an_evm_payee_in_another_case_is_the_same(raw: bytes, data: st.DataObject) -> None:
    digits = raw.hex()
    spelt = "".join(data.draw(st.sampled_from([one, one.upper()])) for one in digits)
    assert codes(frozenset({"0x" + digits}), "0x" + spelt) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            PAYEE[:31],
            PAYEE + "x",
            PAYEE[:-1] + "0",
            PAYEE[:-1] + "O",
            PAYEE[:-1] + "I",
            PAYEE[:-1] + "l",
        ),
        *(PAYEE[:-1] + "\n", PAYEE + "\n", " " + PAYEE, "0x" + PAYEE[2:], PAYEE[:-1] + "é"),
    ],
)
def test_payees_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput):
        session(allowed_payees=frozenset({name}))


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"solana:short/token:{MINT}",
            f"solana:{'5' * 32}/erc20:{MINT}",
            f"solana:{'5' * 32}/token:0x{'a' * 40}",
        ),
        *(f"SOLANA:{'5' * 32}/token:{MINT}", f"solana:{'5' * 32}/slip44:60", f"eip155:1/token:{MINT}"),
        *("eip155:1/slip44:501", f"solana:{'0' * 32}/token:{MINT}", USDC.id + "\n"),
    ],
)
def test_assets_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput):
        session(allowed_assets=frozenset({name}))
