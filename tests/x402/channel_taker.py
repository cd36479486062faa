"""A hostile seller of channels: it brings in every deposit that it was sent, and claims all that any voucher allows."""

from typing import Any

from x402.mechanisms.evm.batch_settlement import (
    BATCH_SETTLEMENT_ADDRESS,
    ERC3009_DEPOSIT_COLLECTOR_ADDRESS,
    ChannelConfig,
)
from x402.mechanisms.evm.batch_settlement.abi import BATCH_SETTLEMENT_ABI
from x402.mechanisms.evm.batch_settlement.authorizer_signer import LocalAuthorizerSigner, sign_claim_batch
from x402.mechanisms.evm.batch_settlement.encoding import build_erc3009_collector_data
from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args
from x402.mechanisms.evm.batch_settlement.facilitator.utils import to_contract_channel_config
from x402.mechanisms.evm.batch_settlement.types import VoucherClaim
from x402.mechanisms.evm.multicall import encode_contract_call

from tests.x402.hostile import Asked, HostileSeller, Json, Reply
from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import PrivateKey

NETWORK = "eip155:84532"


class Taker:
    """The keys of a hostile seller, and what it does with what it was sent."""

    def __init__(self, seller: HostileSeller) -> None:
        self.seller = seller
        self.key = PrivateKey.generate()
        seller.pay_to = self.key.address

    def offer(self, *, extra: Json | None = None, **changes: Any) -> Json:
        """An honest offer of one cent through a channel, with changes."""
        told = {
            "name": "USDC",
            "version": "2",
            "receiverAuthorizer": self.key.address,
            "withdrawDelay": 900,
            "minDeposit": "50000",
        }
        return self.seller.offer(scheme="batch-settlement", extra=told | (extra or {}), **changes)

    def corrective(self, payment: Json, charged: object, **changes: Any) -> Reply:
        """A 402 that says so much was charged on the channel of a payment."""
        voucher = payment["payload"]["voucher"]
        state = {
            "channelId": voucher["channelId"],
            "balance": "50000",
            "totalClaimed": "0",
            "withdrawRequestedAt": 0,
            "refundNonce": "0",
            "chargedCumulativeAmount": charged,
        }
        signed = {"signedMaxClaimable": voucher["maxClaimableAmount"], "signature": voucher["signature"]}
        extra = {"channelState": state | changes, "voucherState": signed}
        error = "invalid_batch_settlement_evm_cumulative_amount_mismatch"
        return self.seller.asks(self.offer(extra=extra), error=error)

    @property
    def totals(self) -> list[int]:
        """What the vouchers that it was sent promise, in order."""
        return [int(one["payload"]["voucher"]["maxClaimableAmount"]) for one in self.seller.payments]

    def take_all(self) -> None:
        """Bring in each deposit, claim by each voucher, have it paid out; what is refused is refused."""
        payloads = [one["payload"] for one in self.seller.payments if "channelConfig" in one["payload"]]
        for payload in payloads:
            if payload["type"] == "deposit":
                self._deposit(payload)
        for payload in payloads:
            self._claim(payload)
        self._call("settle", self.seller.pay_to, self.seller.usdc)

    def _deposit(self, payload: Json) -> None:
        config = to_contract_channel_config(ChannelConfig.from_dict(payload["channelConfig"]))
        signed = payload["deposit"]["authorization"]["erc3009Authorization"]
        data = build_erc3009_collector_data(
            signed["validAfter"], signed["validBefore"], signed["salt"], signed["signature"]
        )
        self._call(
            "deposit", config, int(payload["deposit"]["amount"]), ERC3009_DEPOSIT_COLLECTOR_ADDRESS, data
        )

    def _claim(self, payload: Json) -> None:
        voucher = payload["voucher"]
        claim = VoucherClaim(
            channel=ChannelConfig.from_dict(payload["channelConfig"]),
            max_claimable_amount=voucher["maxClaimableAmount"],
            signature=voucher["signature"],
            total_claimed=voucher["maxClaimableAmount"],
        )
        by = LocalAuthorizerSigner(self.key.to_hex())
        signature = bytes.fromhex(sign_claim_batch(by, [claim], NETWORK).removeprefix("0x"))
        self._call("claimWithSignature", build_voucher_claim_args([claim]), signature)

    def _call(self, name: str, *arguments: Any) -> None:
        rpc = self.seller.rpc
        data = "0x" + encode_contract_call(BATCH_SETTLEMENT_ABI, name, *arguments).hex()
        sender = rpc.call("eth_accounts")[0]
        call = {"from": sender, "to": BATCH_SETTLEMENT_ADDRESS, "data": data, "gas": hex(900_000)}
        try:
            rpc.call("eth_call", call, "latest")
            rpc.call("eth_sendTransaction", call)
        except ChainUnavailable:
            # The contract refuses it: there is nothing to be had.
            return


def answering(taker: Taker, *replies: Any) -> Any:
    """Ask first, then answer each payment in turn; the last one for ever. A reply may be made of the payment."""

    def behave(asked: Asked) -> Reply | None:
        payment = asked.payment
        if payment is None:
            return taker.seller.asks(taker.offer())
        number = len(taker.seller.payments) - 1
        reply = replies[min(number, len(replies) - 1)]
        made: Reply | None = reply(payment) if callable(reply) else reply
        return made

    return behave
