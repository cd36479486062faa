"""A token is what its chain says: its decimals are read there once, before an amount of it counts."""

from typing import Protocol

from valetkey.core.money import NATIVE, Asset
from valetkey.core.tokens import check_decimals
from valetkey.ports.wallet import Call
from valetkey.wire import calls


class Viewer(Protocol):
    """What of a chain is asked: `view` of ports/chain.py."""

    async def view(self, call: Call) -> bytes: ...


class TokenChecks:
    """Which assets of one process are known to be what they are said to be."""

    def __init__(self) -> None:
        self._sound: set[Asset] = set()

    async def checked(self, asset: Asset, chain: Viewer) -> Asset:
        """The asset, whose decimals its chain told; a coin has no contract to ask.

        Raises TokenMismatch when the chain says otherwise, and ChainUnavailable. Only a yes is kept.
        """
        if asset.address != NATIVE and asset not in self._sound:
            check_decimals(asset, await chain.view(calls.decimals(asset.address)))
            self._sound.add(asset)
        return asset
