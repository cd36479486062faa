"""Channels of x402 on a chain of ours: the contracts where every client looks, the official facilitator and server."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI, Response
from vyper.compiler import compile_code
from x402 import x402ResourceServer
from x402.http import (
    FacilitatorConfig,
    HTTPFacilitatorClient,
    HTTPFacilitatorClientSync,
    PaymentOption,
    RouteConfig,
)
from x402.http.middleware.fastapi import PaymentMiddlewareASGI, set_settlement_overrides
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.batch_settlement import (
    BATCH_SETTLEMENT_ADDRESS,
    ERC3009_DEPOSIT_COLLECTOR_ADDRESS,
)
from x402.mechanisms.evm.batch_settlement.authorizer_signer import LocalAuthorizerSigner
from x402.mechanisms.evm.batch_settlement.facilitator import BatchSettlementEvmFacilitator
from x402.mechanisms.evm.batch_settlement.server.channel_manager_common import ChannelManagerConfigSync
from x402.mechanisms.evm.batch_settlement.server.channel_manager_sync import BatchSettlementChannelManagerSync
from x402.mechanisms.evm.batch_settlement.server.scheme import (
    BatchSettlementEvmScheme,
    BatchSettlementEvmSchemeServerConfig,
)
from x402.mechanisms.evm.constants import MULTICALL3_ADDRESS
from x402.mechanisms.evm.exact import ExactEvmServerScheme
from x402.schemas import SettleResponse

from tests.fixtures_stack import RunningStack
from tests.integration.sdk.amm import DOUBLES
from tests.x402.facilitator import RECEIPT_SECONDS, OfficialFacilitator, read_body
from tests.x402.loopback import Loopback
from tests.x402.resources import Asset
from valetkey.crypto.keys import PrivateKey, keccak256

PLACES = {
    "Multicall3": MULTICALL3_ADDRESS,
    "DepositCollector": ERC3009_DEPOSIT_COLLECTOR_ADDRESS,
    "BatchSettlement": BATCH_SETTLEMENT_ADDRESS,
}
PRICE = 10_000
METERED = 4_000
"""What /meter charges in the end; it asks for PRICE."""


@cache
def _code(name: str) -> str:
    source = (DOUBLES / f"{name}.vy").read_text()
    return str(compile_code(source, output_formats=["bytecode_runtime"])["bytecode_runtime"])


def place_channels(stack: RunningStack) -> None:
    """Put the contracts there; nothing is done twice."""
    for name, address in PLACES.items():
        if not stack.rpc.has_code(address):
            stack.rpc.call("anvil_setCode", address, _code(name))


def in_channel(stack: RunningStack, channel_id: str) -> tuple[int, int]:
    """What a channel has, and what of it was claimed."""
    data = "0x" + keccak256(b"channels(bytes32)")[:4].hex() + channel_id[2:]
    answer = stack.rpc.call("eth_call", {"to": BATCH_SETTLEMENT_ADDRESS, "data": data}, "latest")[2:]
    return int(answer[:64], 16), int(answer[64:], 16)


@dataclass(frozen=True)
class Step:
    """One step that the facilitator settled: deposit, claim, settle or refund; `payload` is what it was asked."""

    kind: str
    payload: dict[str, Any]
    success: bool
    reason: str | None


class ChannelFacilitator(OfficialFacilitator):
    """The official facilitator with the scheme `batch-settlement`; it signs for sellers that leave that to it."""

    def __init__(self, rpc_url: str, key: PrivateKey, second: PrivateKey, chain_id: int) -> None:
        super().__init__(rpc_url, key, chain_id)
        self.steps: list[Step] = []
        signer = FacilitatorWeb3Signer(second.to_hex(), rpc_url, confirmation_timeout_seconds=RECEIPT_SECONDS)
        authorizer = LocalAuthorizerSigner(second.to_hex())
        self._facilitator.register([self.network], BatchSettlementEvmFacilitator(signer, authorizer))

    def settle(self, body: dict[str, Any]) -> SettleResponse:
        payload, requirements = read_body(body)
        kind = payload.payload.get("type")
        if kind is None:
            return super().settle(body)
        answer = self._facilitator.settle(payload, requirements)
        self.steps.append(Step(kind, payload.payload, answer.success, answer.error_reason))
        return answer

    def of(self, payer: str, kind: str) -> list[Step]:
        """The steps of one kind that moved a payer's money."""
        return [
            one
            for one in self.steps
            if one.kind == kind
            and one.success
            and one.payload.get("channelConfig", {}).get("payer", "").lower() == payer.lower()
        ]


class ChannelSeller:
    """Sells /quote through channels; /both for `exact` too; /meter charges less than it asks; /fails answers 500.

    `served` counts by route what the handlers did. `delay` is that of its channels, seconds.
    """

    def __init__(
        self, facilitator_url: str, asset: Asset, network: str, *, delay: int = 900, least: str | None = None
    ) -> None:
        self.key = PrivateKey.generate()
        self.pay_to = self.key.address
        self.served: Counter[str] = Counter()
        self.failing = False
        self._facilitator_url, self._asset, self._network = facilitator_url, asset, network
        self.scheme = self._scheme(delay)
        server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=facilitator_url)))
        server.register(network, self.scheme)
        server.register(network, ExactEvmServerScheme())
        extra = {} if least is None else {"minDeposit": least}

        def option(scheme: str) -> PaymentOption:
            price = asset.amount(PRICE, **(extra if scheme == "batch-settlement" else {}))
            return PaymentOption(scheme, self.pay_to, price, network, max_timeout_seconds=60)

        batch = RouteConfig(accepts=option("batch-settlement"))
        routes = {
            "GET /quote": batch,
            "GET /other": batch,
            "GET /meter": batch,
            "GET /fails": batch,
            "GET /both": RouteConfig(accepts=[option("exact"), option("batch-settlement")]),
        }
        app = FastAPI()
        app.add_middleware(PaymentMiddlewareASGI, routes=routes, server=server)
        self._serve(app)
        self._running = Loopback(app)
        self.url = self._running.url

    def _scheme(self, delay: int) -> BatchSettlementEvmScheme:
        config = BatchSettlementEvmSchemeServerConfig(
            receiver_authorizer_signer=LocalAuthorizerSigner(self.key.to_hex()), withdraw_delay=delay
        )
        return BatchSettlementEvmScheme(self.pay_to, config)

    def claim(self) -> None:
        """Claim what the vouchers allow, and have it paid out."""
        self._manager().claim_and_settle()

    def _manager(self) -> BatchSettlementChannelManagerSync:
        return BatchSettlementChannelManagerSync(
            ChannelManagerConfigSync(
                scheme=self.scheme,
                facilitator=HTTPFacilitatorClientSync(FacilitatorConfig(url=self._facilitator_url)),
                receiver=self.pay_to,
                token=self._asset.address,
                network=self._network,
            )
        )

    def give_back(self) -> None:
        """Give back what is left in every channel, unasked."""
        self._manager().refund()

    def forget(self) -> None:
        """Lose every channel's state, as a restart of a server with state in its memory does."""
        storage = self.scheme.get_storage()
        for one in storage.list():
            storage.update_channel(one.channel_id, lambda _: None)

    def charged(self) -> int:
        """What it charged in all, as its own books say."""
        return sum(int(one.charged_cumulative_amount) for one in self.scheme.get_storage().list())

    def stop(self) -> None:
        self._running.stop()

    def _serve(self, app: FastAPI) -> None:
        served = self.served

        def counting(route: str) -> Any:
            async def handler() -> dict[str, str]:
                served[route] += 1
                return {"from": route}

            return handler

        for route in ("/quote", "/other", "/both"):
            app.get(route)(counting(route))

        @app.get("/meter")
        async def meter(response: Response) -> dict[str, int]:
            served["/meter"] += 1
            set_settlement_overrides(response, {"amount": str(METERED)})
            return {"used": METERED}

        @app.get("/fails")
        async def fails(response: Response) -> dict[str, str]:
            served["/fails"] += 1
            if self.failing:
                response.status_code = 500
            return {"from": "/fails"}
