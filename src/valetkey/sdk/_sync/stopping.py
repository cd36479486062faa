# Generated from src/valetkey/sdk/_async/stopping.py by scripts/generate_sync.py: edit that file instead.
"""Stopping everything with the platform gone: on the chain itself, with the owner's wallet and its state folder."""

import msgspec

from valetkey.core.errors import ValetkeyError
from valetkey.sdk import recovery
from valetkey.sdk._sync.agent import NETWORK
from valetkey.sdk._sync.grants import allowance_of
from valetkey.sdk._sync.owner import Owner
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.stopped import Stopped, Swept
from valetkey.wire import grant_calls
from valetkey.wire.network import NetworkView


class Stopping(Owner):
    """The part of an owner that needs nobody."""

    def stop_directly(self) -> Stopped:
        """Freeze every grant of the wallet, and sweep the wallets of all sessions whose recovery copies are kept here.

        Asks no platform: the networks are those that were met from this state folder. What cannot be frozen or
        swept is told, and keeps nothing else from being swept. Doing it again does what is left. `thaw_on_chain` lets
        grants go on. Raises NotConfigured when this folder never met a platform, or without a wallet.
        """
        kept, home = self._kept_networks(), self.wallet_address
        frozen, problems = [], []
        for network in kept:
            tx_hash, problem = self._frozen(network)
            frozen += [tx_hash] if tx_hash else []
            problems += [problem] if problem else []
        swept = [self._swept(home, name) for name in self._state.names(recovery.ROOM)]
        return Stopped(
            frozen[0] if frozen else None, tuple(swept), "; ".join(problems) or None, tuple(frozen[1:])
        )

    def thaw_directly(self) -> str | None:
        """Let every grant of the wallet go on, without a platform; the last hash, None when none was frozen."""
        thawed = None
        for network in self._kept_networks():
            if network.contracts.allowance is not None and self._is_frozen(network):
                thawed = self.thaw_on_chain(network.chain_id)
        return thawed

    def _frozen(self, network: NetworkView) -> tuple[str | None, str | None]:
        try:
            return self._freeze_grants(network), None
        except ValetkeyError as error:
            # An owner without a coin for gas cannot freeze; its sessions' wallets pay for their own sweeping.
            return None, str(error)

    def _freeze_grants(self, network: NetworkView) -> str | None:
        if network.contracts.allowance is None or self._is_frozen(network):
            return None
        return self.freeze_on_chain(network.chain_id)

    def _is_frozen(self, network: NetworkView) -> bool:
        desk = self._desk(network=network)
        call = grant_calls.standings(allowance_of(network), desk.wallet.address)
        return grant_calls.number(desk.wallet.view(call)) & 1 == 1

    def _swept(self, home: str, session_id: str) -> Swept:
        try:
            return Swept(session_id, self.reclaim_session(home, session=session_id))
        except ValetkeyError as error:
            # One wallet that cannot be emptied must not save the others.
            return Swept(session_id, None, str(error))

    def _kept_networks(self) -> list[NetworkView]:
        """Every network that was met from this state folder, the platform's first one first."""
        if self._served is None:
            if self._state.read(NETWORK, NETWORK) is None:
                raise NotConfigured("this state folder never met a platform: its network is not known here")
            self._served = self._kept_network(NETWORK)
        found = {self._served.chain_id: self._served}
        for name in self._state.names(NETWORK):
            network = self._kept_network(name)
            found.setdefault(network.chain_id, network)
        self._networks |= found
        return list(found.values())

    def _kept_network(self, name: str) -> NetworkView:
        kept = self._state.read(NETWORK, name)
        try:
            return msgspec.json.decode(kept or b"", type=NetworkView)
        except msgspec.MsgspecError:
            raise NotConfigured("a network in the state folder cannot be read") from None
