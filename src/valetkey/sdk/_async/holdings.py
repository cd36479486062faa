"""What addresses hold on a chain, and what became of transactions: read from its node, signed by nobody."""

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, to_decimal
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk._async.agent import AsyncAgent
from valetkey.sdk._async.connect import async_open_wallet
from valetkey.sdk._async.wallet import AsyncWallet
from valetkey.sdk.holdings import Holdings

NOBODY = ""
"""Who signs with the wallet that only reads."""


class AsyncHolding(AsyncAgent):
    """The part of an owner that looks at its chains."""

    async def holdings(self, address: str, chain: str | int | None = None) -> Holdings:
        """What an address has on a chain, by name or number, the platform's first one otherwise: USDC, and its coin.

        Raises InvalidInput, WrongNetwork, ChainUnavailable.
        """
        if not is_address(address):
            raise InvalidInput("this is not an address, or its checksum is wrong", code="invalid_address")
        network = await self.network(chain)
        wallet, at = await self._reader(chain), checksum_address(address)
        units = await wallet.token_balance(network.contracts.usdc, at)
        return Holdings(
            usdc=to_decimal(units, CURRENCY_DECIMALS["USDC"]),
            wei=await wallet.native_balance(at),
            wei_per_gas=await wallet.fee_per_gas(),
        )

    async def is_mined(self, tx_hash: str, chain: str | int | None = None) -> bool | None:
        """Whether a transaction succeeded; None while it is in no block. `chain` as for `holdings`."""
        mined = await (await self._reader(chain)).mined(tx_hash)
        return None if mined is None else mined.succeeded

    async def _reader(self, chain: str | int | None) -> AsyncWallet:
        own = await self.network()
        network = own if chain is None else await self.network(chain)
        place = (network.chain_id, NOBODY)
        wallet = self._wallets.get(place)
        if wallet is None:
            wallet = self._wallets[place] = async_open_wallet(network, self._node(network, own), None)
        return wallet
