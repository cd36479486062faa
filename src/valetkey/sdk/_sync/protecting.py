# Generated from src/valetkey/sdk/_async/protecting.py by scripts/generate_sync.py: edit that file instead.
"""Routes of an HTTP application that ask for money (x402): the official package's, paid to the owner of the agent."""

from collections.abc import Mapping
from typing import Any

from valetkey.crypto.keys import PrivateKey, checksum_address
from valetkey.sdk._sync.agent import Agent
from valetkey.sdk.errors import ContractMisbehaved
from valetkey.sdk.x402.asking import LocalFacilitator, Price, Terms, resource_server
from valetkey.sdk.x402.seller import App, protected
from valetkey.wire import calls
from valetkey.wire.abi import decode_words

SETTLE_SECONDS = 60


class Protecting(Agent):
    """The part of a seller that asks for payments over HTTP."""

    def protect(
        self,
        app: App,
        routes: Mapping[str, Price],
        *,
        facilitator: Any,
        seconds: int = SETTLE_SECONDS,
        chain: str | int | None = None,
    ) -> App:
        """Ask for money at routes of an ASGI application: USDC, paid to the owner's wallet.

        `routes`: `{"GET /weather/{city}": "0.01"}`, prices in USDC, never floats; what is not named stays free.
        `facilitator` checks and settles: the URL of one; a PrivateKey with gas, for the official one in this process
        over the platform's node, for development; or whatever has the package's three methods. `seconds`: for how long
        a payer's authorisation has to hold. `chain`: another that the platform serves. A session asks for its owner.
        Returns the application; that of Starlette and FastAPI is the same object. Needs `valetkey[x402]` and a wallet
        or a session. Raises InvalidInput, InvalidAmount, NotConfigured, WrongNetwork.
        """
        network = self.network(chain)
        desk = self._desk(network=network)
        usdc = network.contracts.usdc
        told: list[str] = []
        for question in (calls.token_name(usdc), calls.token_version(usdc)):
            words = decode_words(("string",), desk.wallet.view(question))
            if words is None:
                raise ContractMisbehaved(
                    "the USDC of the network takes no authorisations: it has no name or version"
                )
            told.append(str(words[0]))
        owner = self._need_signer().address if self.session is None else self.session.owner_wallet
        terms = Terms(network.chain_id, usdc, told[0], told[1], checksum_address(owner), seconds)
        if isinstance(facilitator, PrivateKey):
            facilitator = LocalFacilitator(self._node(network, self.network()), facilitator, network.chain_id)
        return protected(app, resource_server(routes, terms, facilitator))
