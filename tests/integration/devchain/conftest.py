"""web3.py against the worker's chain, as a stranger would use it."""

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3

from tests.fixtures_chain import PRIVATE_KEYS, ChainRpc


@pytest.fixture
def web3(chain: ChainRpc) -> Web3:
    return Web3(Web3.HTTPProvider(chain.rpc_url))


@pytest.fixture
def wallet(web3: Web3) -> LocalAccount:
    """A well-known account whose transactions are signed here."""
    account: LocalAccount = web3.eth.account.from_key(PRIVATE_KEYS[5])
    return account
