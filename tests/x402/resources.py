"""The official resource server: routes that ask for money through the package's own FastAPI middleware."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastapi import FastAPI, Request, Response
from x402 import AssetAmount, x402ResourceServer
from x402.http import FacilitatorConfig, HTTPFacilitatorClient, PaymentOption, RouteConfig
from x402.http.middleware.fastapi import PaymentMiddlewareASGI, set_settlement_overrides
from x402.mechanisms.evm.exact import ExactEvmServerScheme
from x402.mechanisms.evm.upto import UptoEvmServerScheme

from tests.x402.loopback import Loopback

SCALE = 10**6
METERED = 30_000
"""Base units that /meter costs in the end."""


@dataclass(frozen=True)
class Asset:
    """An EIP-3009 token with six decimals and its EIP-712 domain."""

    address: str
    name: str = "USDC"
    version: str = "2"

    @property
    def domain(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}

    def amount(self, units: int, **extra: str) -> AssetAmount:
        """So many base units of it, as a price."""
        return AssetAmount(amount=str(units), asset=self.address, extra=self.domain | extra)


class OfficialSeller:
    """Sells /weather for "$0.01" (10,000 units), POST /jobs for "$0.05" and /report for 250,000 units; /free is free.

    /permit2 takes Permit2, /meter the scheme upto: the chain needs their contracts (permit2.py), payers an allowance.

    `served` counts by route what the handlers did, paid or not.
    """

    def __init__(self, facilitator_url: str, asset: Asset, network: str, pay_to: str) -> None:
        self.pay_to = pay_to
        self.served: Counter[str] = Counter()
        server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=facilitator_url)))
        # The package knows the dollar of public chains alone: here "$" is the token of this chain.
        scheme = ExactEvmServerScheme().register_money_parser(
            lambda dollars, _: asset.amount(int(Decimal(str(dollars)) * SCALE))
        )
        server.register(network, scheme)
        server.register(network, UptoEvmServerScheme())

        def priced(price: Any, scheme: str = "exact") -> RouteConfig:
            return RouteConfig(accepts=PaymentOption(scheme, pay_to, price, network, max_timeout_seconds=60))

        routes = {
            "GET /weather": priced("$0.01"),
            "POST /jobs": priced("$0.05"),
            "GET /report": priced(asset.amount(250_000)),
            "GET /permit2": priced(asset.amount(20_000, assetTransferMethod="permit2")),
            "GET /meter": priced(asset.amount(90_000), "upto"),
        }
        app = FastAPI()
        app.add_middleware(PaymentMiddlewareASGI, routes=routes, server=server)
        self._offer(app)
        self._running = Loopback(app)
        self.url = self._running.url

    def stop(self) -> None:
        self._running.stop()

    def _offer(self, app: FastAPI) -> None:
        served = self.served

        @app.get("/weather")
        async def weather() -> dict[str, str]:
            served["/weather"] += 1
            return {"weather": "sunny"}

        @app.get("/report")
        async def report() -> dict[str, str]:
            served["/report"] += 1
            return {"report": "long"}

        @app.post("/jobs")
        async def jobs(request: Request) -> dict[str, Any]:
            served["/jobs"] += 1
            return {"done": await request.json()}

        @app.get("/permit2")
        async def permit2() -> dict[str, str]:
            served["/permit2"] += 1
            return {"permit2": "yes"}

        @app.get("/meter")
        async def meter(response: Response) -> dict[str, int]:
            served["/meter"] += 1
            set_settlement_overrides(response, {"amount": str(METERED)})
            return {"used": METERED}

        @app.get("/free")
        async def free() -> dict[str, str]:
            served["/free"] += 1
            return {"free": "yes"}
