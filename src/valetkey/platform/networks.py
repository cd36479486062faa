"""Networks of the settings: which chain each one is, where its node is, and which contracts are on it."""

from collections.abc import Iterable, Mapping

import msgspec

from valetkey.core.chains import SOLANA_NAMESPACE, Chain, chain_of, is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE
from valetkey.crypto.base58 import is_solana_address
from valetkey.crypto.keys import is_address
from valetkey.wire.network import CHAIN_NAMES

CHAIN_IDS = {name: chain_of(chain).chain_id for name, chain in CHAIN_NAMES.items()}
"""The networks that have names of their own, which third-party clients know."""

CHAIN_ID_MAX = 2**53 - 1
NAME_CHARS_MAX = 64

_NAMES = {chain_id: name for name, chain_id in CHAIN_IDS.items()}


class NetworkSettings(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """One network that the platform serves. `rpc_url` may hold a provider's key, so it is never shown.

    `network` is a chain's name, as in core/chains.py, or another one together with `chain_id`; `coin` is what fees are
    paid in there. `escrow` and `score` come together; without them nothing is sold on the network. `public_rpc_url` is
    what clients are told; in test mode they are told `rpc_url` when it is None. A cluster of Solana has a mint for
    `usdc`, no contracts, and decides itself what is final.
    """

    network: str
    rpc_url: str
    usdc: str
    escrow: str | None = None
    score: str | None = None
    allowance: str | None = None
    confirmations: int = 1
    public_rpc_url: str | None = None
    chain_id: int | None = None
    coin: str = "ETH"

    def __post_init__(self) -> None:
        self._check_chain()
        if self.confirmations < 1:
            raise ValueError("confirmations are at least 1")
        if (self.escrow is None) != (self.score is None):
            raise ValueError("a network has an escrow and a score, or neither")
        if self.is_solana:
            self._check_cluster()
            return
        for address in (self.usdc, self.escrow, self.score, self.allowance):
            if address is not None and (not is_address(address) or address == NATIVE):
                raise ValueError("an address is none, or its checksum is wrong")

    def __repr__(self) -> str:
        return f"<NetworkSettings {self.network}>"

    @property
    def is_solana(self) -> bool:
        """Whether it is a cluster of Solana."""
        return is_solana(self.chain.chain_id)

    @property
    def chain(self) -> Chain:
        """The chain of this network."""
        if self.network in CHAIN_IDS:
            return chain_of(CHAIN_IDS[self.network])
        try:
            return chain_of(self.network)
        except InvalidInput:
            assert self.chain_id is not None, "a chain without a known name has a number"
            return Chain(self.network, self.chain_id, self.coin)

    @property
    def name(self) -> str:
        """What the network is called: as third-party clients call it, where they know it, else as its chain is."""
        return _NAMES.get(self.chain.chain_id, self.chain.name)

    def _check_chain(self) -> None:
        found: Chain | None = None
        try:
            found = chain_of(self.network)
        except InvalidInput:
            found = None
        if found is None:
            named = self.network.replace("-", "").isalnum() and self.network.isascii()
            if not named or self.network.isdecimal() or len(self.network) > NAME_CHARS_MAX:
                raise ValueError("a network's name is letters, digits and hyphens")
            if self.chain_id is None:
                raise ValueError("no chain has this name: say its chainId")
            if not 1 <= self.chain_id <= CHAIN_ID_MAX:
                raise ValueError("a chainId is a positive whole number")
            if _is_known(self.chain_id):
                raise ValueError(f"chain {self.chain_id} is {chain_of(self.chain_id).name}: call it that")
            if CURRENCY_DECIMALS.get(self.coin, 18) != 18 or not self.coin.isalnum():
                raise ValueError("a coin is a symbol, and no token's")
            return
        if self.chain_id is not None and self.chain_id != found.chain_id:
            raise ValueError(f"{found.name} is the chain {found.chain_id}")
        if found.namespace == SOLANA_NAMESPACE and self.coin not in ("ETH", found.coin):
            raise ValueError(f"the coin of {found.name} is {found.coin}")

    def _check_cluster(self) -> None:
        if (self.escrow, self.score, self.allowance) != (None, None, None):
            raise ValueError("a cluster of Solana has no escrow, score or allowance")
        if self.confirmations != 1:
            raise ValueError("a cluster of Solana decides itself what is final: leave confirmations out")
        if not is_solana_address(self.usdc):
            raise ValueError("on Solana usdc is a mint: 32 bytes in base58")


def check_once(networks: Iterable[NetworkSettings]) -> bool:
    """Whether each network and each chain is named once."""
    found = list(networks)
    names, numbers = {one.name.lower() for one in found}, {one.chain.chain_id for one in found}
    return len(names) == len(numbers) == len(found)


def entry_for(chain_id: int) -> dict[str, object]:
    """How an entry of the settings names a chain."""
    name = _NAMES.get(chain_id) or (chain_of(chain_id).name if _is_known(chain_id) else None)
    return {"network": name} if name else {"network": f"chain-{chain_id}", "chainId": chain_id}


def chain_id_of(entry: Mapping[str, object]) -> int | None:
    """The number of the chain that an entry of the settings names; None when it names none."""
    name, number = entry.get("network"), entry.get("chainId")
    if isinstance(name, str) and (name in CHAIN_IDS or _is_known(name)):
        return CHAIN_IDS.get(name) or chain_of(name).chain_id
    return number if type(number) is int else None


def _is_known(chain: int | str) -> bool:
    try:
        chain_of(chain)
    except InvalidInput:
        return False
    return True
