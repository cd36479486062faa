"""What a route asks for: prices, network, token and payee, as the official package's resource server takes them."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import parse_units
from valetkey.crypto.keys import PrivateKey
from valetkey.recursion import recursion_limit_kept
from valetkey.sdk.amounts import USDC_DECIMALS
from valetkey.sdk.errors import NotConfigured

if TYPE_CHECKING:
    from x402.http import x402HTTPResourceServer

Price = Decimal | int | str
"""USDC: `"0.01"`, `"$0.01"`, `Decimal("2.5")`, `3`; never a float."""

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "*"})
TIMEOUT_SECONDS_MAX = 3_600

_WHOLE_REST = re.compile(r"\{[A-Za-z_]\w*:path\}")
_ONE_PART = re.compile(r"\{[A-Za-z_]\w*(:[a-z]+)?\}")


@dataclass(frozen=True, slots=True)
class Terms:
    """To whom and in what a route is paid. `asset` and `pay_to` are EIP-55; `name` and `version` the token's EIP-712
    domain; `seconds` for how long an authorisation of a payer has to hold."""

    chain_id: int
    asset: str
    name: str
    version: str
    pay_to: str
    seconds: int = 60

    @property
    def network(self) -> str:
        """CAIP-2."""
        return f"eip155:{self.chain_id}"


def price_units(price: Price) -> int:
    """Base units of USDC. Raises InvalidAmount for a float, for what is not exact, and for nothing."""
    if isinstance(price, (bool, float)) or not isinstance(price, (Decimal, int, str)):
        raise InvalidAmount("a price is a decimal string, a Decimal or a whole number of USDC", field="price")
    units = parse_units(price.removeprefix("$") if isinstance(price, str) else price, USDC_DECIMALS)
    if units == 0:
        raise InvalidAmount("a price is more than nothing", field="price")
    return units


def pattern_of(route: str) -> str:
    """A route as the package matches it: `GET /users/{id}` in Starlette's words is `GET /users/[id]` there.

    Raises InvalidInput for what would match nothing: the route would be free.
    """
    method, _, path = route.rpartition(" ")
    method = method.strip().upper() or "*"
    if method not in METHODS:
        raise InvalidInput(f"a route begins with one of {', '.join(sorted(METHODS))}", field="routes")
    path = _ONE_PART.sub("[part]", _WHOLE_REST.sub("*", path))
    if not path.startswith("/") or re.search(r"[{}?#\s]", path):
        raise InvalidInput("a route is a method and a path, such as GET /weather/{city}", field="routes")
    # "/" says the same as "" once its end is cut off, which is what the package compares.
    return f"{method} {path.rstrip('/') or '/'}"


def resource_server(routes: Mapping[str, Price], terms: Terms, facilitator: Any) -> "x402HTTPResourceServer":
    """The official server of these routes. `facilitator` is a URL, or has the package's three methods.

    Raises InvalidInput, InvalidAmount, and NotConfigured without the package.
    """
    try:
        with recursion_limit_kept():
            from x402 import AssetAmount, x402ResourceServer
            from x402.http import (
                FacilitatorConfig,
                HTTPFacilitatorClient,
                PaymentOption,
                RouteConfig,
                x402HTTPResourceServer,
            )
            from x402.mechanisms.evm.exact import ExactEvmServerScheme
    except ImportError as error:
        raise NotConfigured("this needs the x402 package: install valetkey[x402]") from error
    if not routes:
        raise InvalidInput("no route is named", field="routes")
    if not 1 <= terms.seconds <= TIMEOUT_SECONDS_MAX:
        raise InvalidInput(f"seconds are 1 to {TIMEOUT_SECONDS_MAX}", field="seconds")
    if isinstance(facilitator, str):
        facilitator = HTTPFacilitatorClient(FacilitatorConfig(url=facilitator))
    server = x402ResourceServer(facilitator)
    # The package's own types do not fit each other here.
    scheme: Any = ExactEvmServerScheme  # the class is untyped
    server.register(terms.network, scheme())

    def asked(price: Price) -> RouteConfig:
        amount = AssetAmount(
            amount=str(price_units(price)),
            asset=terms.asset,
            extra={"name": terms.name, "version": terms.version},
        )
        option = PaymentOption(
            "exact", terms.pay_to, amount, terms.network, max_timeout_seconds=terms.seconds
        )
        return RouteConfig(accepts=option)

    configured = {pattern_of(route): asked(price) for route, price in routes.items()}
    if len(configured) != len(routes):
        raise InvalidInput("two routes are the same", field="routes")
    return x402HTTPResourceServer(server, configured)


class LocalFacilitator:
    """The official facilitator in this process, for development: it checks payments and settles them through a node.

    `key` pays the gas, so it needs the chain's coin; it never holds what is paid. Raises NotConfigured.
    """

    def __init__(self, rpc_url: str, key: PrivateKey, chain_id: int) -> None:
        try:
            with recursion_limit_kept():
                from x402 import x402FacilitatorSync
                from x402.mechanisms.evm import FacilitatorWeb3Signer
                from x402.mechanisms.evm.exact import register_exact_evm_facilitator
        except ImportError as error:
            raise NotConfigured("this needs the x402 package: install valetkey[x402]") from error
        self.address = key.address
        signer = FacilitatorWeb3Signer(key.to_hex(), rpc_url)
        self._facilitator = register_exact_evm_facilitator(
            x402FacilitatorSync(), signer, f"eip155:{chain_id}"
        )

    def get_supported(self) -> Any:
        """Which payments it settles."""
        return self._facilitator.get_supported()

    async def verify(self, payload: Any, requirements: Any) -> Any:
        """Whether a payment would settle now."""
        # The package talks to the node in blocking calls.
        return await asyncio.to_thread(self._facilitator.verify, payload, requirements)

    async def settle(self, payload: Any, requirements: Any) -> Any:
        """Send a payment to the chain, and wait for its block."""
        return await asyncio.to_thread(self._facilitator.settle, payload, requirements)

    def __repr__(self) -> str:
        return f"<LocalFacilitator {self.address}>"
