"""The official facilitator on a chain of ours, and the three routes by which the world reaches one."""

from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from x402 import x402FacilitatorSync
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator
from x402.mechanisms.evm.upto import UptoEvmFacilitatorScheme
from x402.schemas import PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from valetkey.crypto.keys import PrivateKey

RECEIPT_SECONDS = 30


@dataclass(frozen=True)
class Settlement:
    """What one call of `settle` was asked and what came of it; `amount` in base units."""

    payer: str
    pay_to: str
    amount: int
    nonce: str
    success: bool
    transaction: str
    reason: str | None


class OfficialFacilitator:
    """`x402FacilitatorSync` with the schemes exact (EIP-3009, Permit2) and upto for EVM.

    Its gas comes out of `key`, which needs ETH.

    `app` serves /supported, /verify and /settle; `settlements` are in the order in which they ended.
    """

    def __init__(self, rpc_url: str, key: PrivateKey, chain_id: int) -> None:
        self.network = f"eip155:{chain_id}"
        self.address = key.address
        self.settlements: list[Settlement] = []
        self.verified = 0
        self._facilitator = x402FacilitatorSync()
        signer = FacilitatorWeb3Signer(key.to_hex(), rpc_url, confirmation_timeout_seconds=RECEIPT_SECONDS)
        register_exact_evm_facilitator(self._facilitator, signer, self.network)
        self._facilitator.register([self.network], UptoEvmFacilitatorScheme(signer))
        routes = [
            Route("/supported", self._tell_supported),
            Route("/verify", self._verify, methods=["POST"]),
            Route("/settle", self._settle, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    @property
    def settled(self) -> list[Settlement]:
        """The settlements that moved money."""
        return [one for one in self.settlements if one.success]

    def verify(self, body: dict[str, Any]) -> VerifyResponse:
        """What POST /verify answers."""
        self.verified += 1
        return self._facilitator.verify(*read_body(body))

    def settle(self, body: dict[str, Any]) -> SettleResponse:
        """What POST /settle answers."""
        payload, requirements = read_body(body)
        answer = self._facilitator.settle(payload, requirements)
        signed = payload.payload.get("authorization") or payload.payload["permit2Authorization"]
        amount = answer.amount or requirements.get_amount()
        settlement = Settlement(
            signed["from"],
            requirements.pay_to,
            int(amount),
            str(signed["nonce"]),
            answer.success,
            answer.transaction,
            answer.error_reason,
        )
        self.settlements.append(settlement)
        return answer

    async def _tell_supported(self, request: Request) -> JSONResponse:
        return _answer(self._facilitator.get_supported())

    async def _verify(self, request: Request) -> JSONResponse:
        return _answer(await run_in_threadpool(self.verify, await request.json()))

    async def _settle(self, request: Request) -> JSONResponse:
        return _answer(await run_in_threadpool(self.settle, await request.json()))


def read_body(body: dict[str, Any]) -> tuple[Any, Any]:
    """Payload and requirements of either version of the protocol."""
    first = body["x402Version"] == 1
    payload_type: Any = PaymentPayloadV1 if first else PaymentPayload
    requirements_type: Any = PaymentRequirementsV1 if first else PaymentRequirements
    return (
        payload_type.model_validate(body["paymentPayload"]),
        requirements_type.model_validate(body["paymentRequirements"]),
    )


def _answer(model: Any) -> JSONResponse:
    return JSONResponse(model.model_dump(by_alias=True, exclude_none=True, mode="json"))
