# Generated from src/valetkey/sdk/_async/holdings.py by scripts/generate_sync.py: edit that file instead.
"""What addresses hold on a chain, and what became of transactions: read from its node, signed by nobody."""

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, to_decimal
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk._sync.agent import Agent
from valetkey.sdk._sync.connect import open_wallet
from valetkey.sdk._sync.wallet import Wallet
from valetkey.sdk.holdings import Holdings

NOBODY = ""
"""Who signs with the wallet that only reads."""


class Holding(Agent):
    """The part of an owner that looks at its chains."""

    def holdings(self, address: str, chain: str | int | None = None) -> Holdings:
        """What an address has on a chain, by name or number, the platform's first one otherwise: USDC, and its coin.

        Raises InvalidInput, WrongNetwork, ChainUnavailable.
        """
        if not is_address(address):
            raise InvalidInput("this is not an address, or its checksum is wrong", code="invalid_address")
        network = self.network(chain)
        wallet, at = self._reader(chain), checksum_address(address)
        units = wallet.token_balance(network.contracts.usdc, at)
        return Holdings(
            usdc=to_decimal(units, CURRENCY_DECIMALS["USDC"]),
            wei=wallet.native_balance(at),
            wei_per_gas=wallet.fee_per_gas(),
        )

    def is_mined(self, tx_hash: str, chain: str | int | None = None) -> bool | None:
        """Whether a transaction succeeded; None while it is in no block. `chain` as for `holdings`."""
        mined = (self._reader(chain)).mined(tx_hash)
        return None if mined is None else mined.succeeded

    def _reader(self, chain: str | int | None) -> Wallet:
        own = self.network()
        network = own if chain is None else self.network(chain)
        place = (network.chain_id, NOBODY)
        wallet = self._wallets.get(place)
        if wallet is None:
            wallet = self._wallets[place] = open_wallet(network, self._node(network, own), None)
        return wallet
