"""Stopping everything with the platform gone: on the chain itself, with the owner's wallet and its state folder."""

import msgspec

from valetkey.core.errors import ValetkeyError
from valetkey.sdk import recovery
from valetkey.sdk._async.agent import NETWORK
from valetkey.sdk._async.owner import AsyncOwner
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.stopped import Stopped, Swept
from valetkey.wire import grant_calls
from valetkey.wire.network import NetworkView


class AsyncStopping(AsyncOwner):
    """The part of an owner that needs nobody."""

    async def stop_directly(self) -> Stopped:
        """Freeze every grant of the wallet, and sweep the wallets of all sessions whose recovery copies are kept here.

        Asks no platform: the network is the one that was met last from this state folder. What cannot be frozen or
        swept is told, and keeps nothing else from being swept. Doing it again does what is left. `thaw_on_chain` lets
        grants go on. Raises NotConfigured when this folder never met a platform, or without a wallet.
        """
        network, home = self._kept_network(), self.wallet_address
        frozen, problem = await self._frozen(network)
        swept = [await self._swept(home, name) for name in self._state.names(recovery.ROOM)]
        return Stopped(frozen, tuple(swept), problem)

    async def thaw_directly(self) -> str | None:
        """Let every grant of the wallet go on, without a platform; the hash, None when none was frozen."""
        network = self._kept_network()
        if network.contracts.allowance is None or not await self._is_frozen(network.contracts.allowance):
            return None
        return await self.thaw_on_chain()

    async def _frozen(self, network: NetworkView) -> tuple[str | None, str | None]:
        try:
            return await self._freeze_grants(network), None
        except ValetkeyError as error:
            # An owner without a coin for gas cannot freeze; its sessions' wallets pay for their own sweeping.
            return None, str(error)

    async def _freeze_grants(self, network: NetworkView) -> str | None:
        contract = network.contracts.allowance
        if contract is None or await self._is_frozen(contract):
            return None
        return await self.freeze_on_chain()

    async def _is_frozen(self, contract: str) -> bool:
        desk = await self._desk()
        call = grant_calls.standings(contract, desk.wallet.address)
        return grant_calls.number(await desk.wallet.view(call)) & 1 == 1

    async def _swept(self, home: str, session_id: str) -> Swept:
        try:
            return Swept(session_id, await self.reclaim_session(home, session=session_id))
        except ValetkeyError as error:
            # One wallet that cannot be emptied must not save the others.
            return Swept(session_id, None, str(error))

    def _kept_network(self) -> NetworkView:
        if self._served is None:
            kept = self._state.read(NETWORK, NETWORK)
            if kept is None:
                raise NotConfigured("this state folder never met a platform: its network is not known here")
            try:
                self._served = msgspec.json.decode(kept, type=NetworkView)
            except msgspec.MsgspecError:
                raise NotConfigured("the network in the state folder cannot be read") from None
        return self._served
