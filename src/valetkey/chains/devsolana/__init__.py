"""The embedded cluster of Solana: LiteSVM behind a JSON-RPC endpoint on loopback, in a process of its own.

Its programs are the real ones (System, SPL Token, Token-2022, associated accounts, memo). Never for real money.
"""

from valetkey.chains.child import DevChainError
from valetkey.chains.devsolana.process import DevSolana

__all__ = ["DevChainError", "DevSolana"]
