"""The embedded development chain: a JSON-RPC endpoint on loopback in a process of its own.

anvil when it is installed, otherwise py-evm. Never for real money: its keys are printed in every tutorial.
"""

from valetkey.chains.devchain.accounts import DEV_ADDRESSES, DEV_MNEMONIC, dev_private_key
from valetkey.chains.devchain.process import CHAIN_ID, DevChain, DevChainError

__all__ = ["CHAIN_ID", "DEV_ADDRESSES", "DEV_MNEMONIC", "DevChain", "DevChainError", "dev_private_key"]
