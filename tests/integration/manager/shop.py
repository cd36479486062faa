"""The official server and facilitator of x402 on the chain of a manager's tests, and who sells there."""

from typing import Any

import apsw

from tests.fixtures_chain import CHAIN_ID
from tests.integration.manager.world import World
from tests.x402.facilitator import OfficialFacilitator
from tests.x402.hostile import HostileSeller
from tests.x402.loopback import Loopback
from tests.x402.resources import Asset, OfficialSeller
from valetkey.cli.dev_rpc import DevRpc
from valetkey.crypto.keys import PrivateKey

GAS_WEI = 10**18
CENT = 10_000


class Shop:
    """An honest seller, and as many others as are asked for. Close it."""

    def __init__(self, world: World) -> None:
        self.world = world
        key = PrivateKey.generate()
        world.give(key.address, GAS_WEI)
        self.facilitator = OfficialFacilitator(world.chain.rpc_url, key, CHAIN_ID)
        self._settling = Loopback(self.facilitator.app)
        self.seller = OfficialSeller(
            self._settling.url,
            Asset(world.at.usdc),
            self.facilitator.network,
            PrivateKey.generate().address,
        )
        self._hostile: list[HostileSeller] = []

    @property
    def weather(self) -> str:
        """What costs a cent."""
        return f"{self.seller.url}/weather"

    def paid(self) -> int:
        """Base units that the honest seller has."""
        return self.world.units(self.seller.pay_to)

    def payments(self) -> list[int]:
        """Base units of each settlement, in order."""
        return [one.amount for one in self.facilitator.settled]

    def hostile(self, behaviour: Any = None) -> HostileSeller:
        """A seller that keeps no rule."""
        rpc = DevRpc(self.world.chain.rpc_url)
        self._hostile.append(HostileSeller(rpc, self.world.at.usdc, behaviour))
        return self._hostile[-1]

    def close(self) -> None:
        for one in self._hostile:
            one.close()
        self.seller.stop()
        self._settling.stop()


def spends(world: World) -> list[tuple[str, str, int]]:
    """Operation, state and base units of each spend in a world's file, oldest first."""
    rows = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY).execute(
        "SELECT json_extract(request, '$[7]'), state, amount FROM holds ORDER BY seq"
    )
    return [(str(operation), str(state), int(str(amount))) for operation, state, amount in rows]


def states(world: World) -> list[str]:
    """The state of each spend."""
    return [state for _, state, _ in spends(world)]


def ids(world: World) -> list[str]:
    """What each spend is called."""
    db = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY)
    return [str(one) for (one,) in db.execute("SELECT id FROM holds ORDER BY seq")]
