# Generated from src/valetkey/sdk/_async/connect.py by scripts/generate_sync.py: edit that file instead.
"""Composition root of the SDK: the one place that names the concrete chain."""

from valetkey.chains.evm.errors import CallReverts as CallReverts
from valetkey.chains.evm.errors import NotAccepted as NotAccepted
from valetkey.core.grant import NOBODY
from valetkey.ports.signer import Signer
from valetkey.sdk._sync.wallet import Wallet
from valetkey.wire.network import NetworkView


def open_wallet(network: NetworkView, rpc_url: str, signer: Signer | None) -> Wallet:
    """A wallet on a network. Nothing is asked of the node yet."""
    # Imported late: what only talks to the platform needs no chain.
    from valetkey.chains.evm._sync.wallet import EvmWallet

    return EvmWallet(rpc_url, network.chain_id, network.contracts.escrow or NOBODY, signer)


def open_signer(key: object) -> Signer:
    """A signer from a private key in hex, a PrivateKey, or whatever can sign already."""
    from valetkey.chains.evm.signer import LocalSigner
    from valetkey.crypto.keys import PrivateKey
    from valetkey.crypto.secret import Secret

    if isinstance(key, Secret):
        key = key.reveal()
    if isinstance(key, str):
        key = PrivateKey.from_hex(key)
    if isinstance(key, PrivateKey):
        return LocalSigner(key)
    if isinstance(key, Signer):
        return key
    raise TypeError("a wallet is a private key in hex, a PrivateKey or a signer")
