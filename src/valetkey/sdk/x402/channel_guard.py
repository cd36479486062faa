"""The last guard of channels: it sees the deposit and the voucher that are *about to be signed*, field by field.

A deposit opens exactly the channel that was decided on; a voucher says exactly the total that was counted before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import address_of
from valetkey.crypto.signatures import recover_digest
from valetkey.ports.signer import Signer
from valetkey.sdk.x402.guard import (
    CLOCK_SECONDS,
    UNSIGNED,
    address_in,
    domain_in,
    members_in,
    number_in,
    refuse_signing,
    same_letters,
    shapes_in,
    word_in,
)
from valetkey.sdk.x402.offers import Offer
from valetkey.wire.authorizations import AUTHORIZATION_FIELDS, RECEIVE, TransferAuthorization
from valetkey.wire.channels import (
    COLLECTOR,
    DELAY_SECONDS_MAX,
    DELAY_SECONDS_MIN,
    DOMAIN_NAME,
    DOMAIN_VERSION,
    SETTLEMENT,
    VOUCHER,
    VOUCHER_FIELDS,
    ChannelConfig,
    ChannelDeposit,
    Voucher,
)


@dataclass(frozen=True, slots=True)
class ChannelBounds:
    """What may be signed: a voucher of `total` for one channel and, where it is not open yet, its `deposit`.

    `deposit` is what the gate holds for it, base units, 0 for no deposit; `deposited` what the channel was opened with.
    The deposit holds from `now` and, at most, until `until` (unix seconds).
    """

    offer: Offer
    wallet: str
    channel: ChannelConfig
    total: int
    deposited: int
    deposit: int
    now: int
    until: int


class ChannelGuard:
    """A signer of the x402 package (its ClientEvmSigner) that signs one deposit, where there is one, and one voucher.

    `authorization` and `voucher` are what it signed; None before. Raises SigningRefused.
    """

    def __init__(self, signer: Signer, bounds: ChannelBounds) -> None:
        check_bounds(bounds)
        self._signer = signer
        self._bounds = bounds
        self.authorization: TransferAuthorization | None = None
        self.voucher: Voucher | None = None

    def __repr__(self) -> str:
        return f"<ChannelGuard {self.address}>"

    @property
    def address(self) -> str:
        """The wallet, EIP-55."""
        return self._bounds.wallet

    def sign_typed_data(self, domain: Any, types: Any, primary_type: Any, message: Any) -> bytes:
        """65 bytes r, s, v over typed data that fits. Anything else, and anything twice, is refused."""
        shapes = shapes_in(types)
        shapes.pop("EIP712Domain", None)
        if primary_type == RECEIVE and self.authorization is None and self.voucher is None:
            unsigned = deposit_in(self._bounds, domain_in(domain), shapes, message)
            signature = self._sign(unsigned.typed_data(), unsigned.digest())
            self.authorization = msgspec.structs.replace(unsigned, signature="0x" + signature.hex())
            return signature
        if primary_type == VOUCHER and self.voucher is None:
            if (self.authorization is None) != (self._bounds.deposit == 0):
                refuse_signing("a channel would be paid out of before it is opened")
            voucher = voucher_in(self._bounds, domain_in(domain), shapes, message)
            signature = self._sign(voucher.typed_data(), voucher.digest())
            self.voucher = msgspec.structs.replace(voucher, signature="0x" + signature.hex())
            return signature
        return refuse_signing("it is neither the deposit of a channel nor its voucher, or was signed already")

    def opened(self, payload: Any) -> ChannelDeposit | None:
        """The deposit that was signed, with the salt that its payment names; None where none was to be signed.

        Raises SigningRefused for a nonce that does not bind the money to the channel: nothing was sent yet.
        """
        signed, bounds = self.authorization, self._bounds
        if signed is None:
            return None
        deposit = ChannelDeposit(
            chain_id=signed.chain_id,
            name=signed.name,
            version=signed.version,
            channel=bounds.channel,
            amount=signed.amount,
            valid_after=signed.valid_after,
            valid_before=signed.valid_before,
            salt=_salt_of(payload),
            signature=signed.signature,
        )
        if deposit.authorization() != signed:
            refuse_signing("its nonce binds it to another channel")
        return deposit

    def _sign(self, data: dict[str, Any], digest: bytes) -> bytes:
        signature = self._signer.sign_typed_data(data)
        wrong = True
        try:
            wrong = address_of(recover_digest(digest, signature)) != self._bounds.wallet
        except InvalidSignature:
            wrong = True
        if wrong:
            refuse_signing("the wallet signed something else than it was given")
        return signature


def check_bounds(bounds: ChannelBounds) -> None:
    """Raise SigningRefused unless the channel is the offer's, and no more is promised than it was opened with."""
    offer, channel, terms = bounds.offer, bounds.channel, bounds.offer.channel
    if terms is None:
        refuse_signing("the offer is for no channel")
    if (channel.payer, channel.payer_authorizer) != (bounds.wallet, bounds.wallet):
        refuse_signing("it is another wallet's channel, or another key may pay out of it")
    if (channel.receiver, channel.token) != (offer.payee, offer.asset):
        refuse_signing("the channel pays somebody else, or in another token")
    if (channel.receiver_authorizer, channel.withdraw_delay) != (terms.authorizer, terms.delay):
        refuse_signing("the channel is another one than was offered")
    if not DELAY_SECONDS_MIN <= channel.withdraw_delay <= DELAY_SECONDS_MAX:
        refuse_signing("money would not come back out of the channel in time")
    if not 0 < bounds.total <= bounds.deposited or bounds.deposit not in (0, bounds.deposited):
        refuse_signing("more would be promised than the channel was opened with")


def deposit_in(
    bounds: ChannelBounds, domain: dict[str, Any], shapes: dict[str, Any], message: Any
) -> TransferAuthorization:
    """The typed data as a deposit that is known, not signed yet. Raises SigningRefused unless all of it fits."""
    offer = bounds.offer
    if shapes != {RECEIVE: AUTHORIZATION_FIELDS}:
        refuse_signing("it is no authorization of EIP-3009")
    wanted = {"name": offer.name, "version": offer.domain_version}
    if domain != {**wanted, "chainId": offer.chain_id, "verifyingContract": offer.asset}:
        refuse_signing("it is for another contract, or another chain")
    said = members_in(message, AUTHORIZATION_FIELDS)
    if (address_in(said["from"]), address_in(said["to"])) != (bounds.wallet.lower(), COLLECTOR.lower()):
        refuse_signing(
            "it moves another wallet's money, or to another contract than the collector of deposits"
        )
    if bounds.deposit == 0 or number_in(said["value"]) != bounds.deposit:
        refuse_signing("it moves another amount than what is held")
    begins, ends = number_in(said["validAfter"]), number_in(said["validBefore"])
    if not bounds.now < ends <= min(bounds.now + offer.seconds + CLOCK_SECONDS, bounds.until):
        refuse_signing("it would hold for longer than was offered, or for no time")
    if begins > bounds.now:
        refuse_signing("it would not hold yet")
    return TransferAuthorization(
        chain_id=offer.chain_id,
        token=offer.asset,
        name=offer.name,
        version=offer.domain_version,
        primary_type=RECEIVE,
        payer=bounds.wallet,
        payee=COLLECTOR,
        amount=str(bounds.deposit),
        valid_after=str(begins),
        valid_before=str(ends),
        nonce=word_in(said["nonce"]),
        signature=UNSIGNED,
    )


def voucher_in(
    bounds: ChannelBounds, domain: dict[str, Any], shapes: dict[str, Any], message: Any
) -> Voucher:
    """The typed data as a voucher that is known, not signed yet. Raises SigningRefused unless all of it fits."""
    if shapes != {VOUCHER: VOUCHER_FIELDS}:
        refuse_signing("it is no voucher of a channel")
    wanted = {"name": DOMAIN_NAME, "version": DOMAIN_VERSION, "verifyingContract": SETTLEMENT}
    if domain != {**wanted, "chainId": bounds.offer.chain_id}:
        refuse_signing("it is for another contract, or another chain")
    said = members_in(message, VOUCHER_FIELDS)
    channel_id = bounds.channel.id(bounds.offer.chain_id)
    if word_in(said["channelId"]) != channel_id:
        refuse_signing("it is for another channel")
    if number_in(said["maxClaimableAmount"]) != bounds.total:
        refuse_signing("it promises another total than what was counted")
    return Voucher(
        chain_id=bounds.offer.chain_id, channel_id=channel_id, total=str(bounds.total), signature=UNSIGNED
    )


def _salt_of(payload: Any) -> str:
    try:
        return word_in(payload["deposit"]["authorization"]["erc3009Authorization"]["salt"])
    except (TypeError, LookupError):
        return refuse_signing("its nonce is of nothing that is known")


def shown_config(channel: ChannelConfig) -> dict[str, Any]:
    """A channel as a payment names it."""
    return {
        "payer": channel.payer,
        "payerAuthorizer": channel.payer_authorizer,
        "receiver": channel.receiver,
        "receiverAuthorizer": channel.receiver_authorizer,
        "token": channel.token,
        "withdrawDelay": channel.withdraw_delay,
        "salt": channel.salt,
    }


def payload_of(
    kind: str, channel: ChannelConfig, voucher: Voucher, deposit: ChannelDeposit | None
) -> dict[str, Any]:
    """What is sent: a voucher, the deposit that it comes with, or the wish to have the rest back."""
    shown: dict[str, Any] = {
        "type": kind,
        "channelConfig": shown_config(channel),
        "voucher": {
            "channelId": voucher.channel_id,
            "maxClaimableAmount": voucher.total,
            "signature": voucher.signature,
        },
    }
    if deposit is not None:
        signed = {
            "validAfter": deposit.valid_after,
            "validBefore": deposit.valid_before,
            "salt": deposit.salt,
            "signature": deposit.signature,
        }
        shown["deposit"] = {"amount": deposit.amount, "authorization": {"erc3009Authorization": signed}}
    return shown


def check_sent_channel(payload: Any, wanted: Mapping[str, Any]) -> None:
    """Raise SigningRefused unless what is about to be sent is what was signed."""
    if not isinstance(payload, Mapping) or same_letters(payload) != same_letters(wanted):
        refuse_signing("what is about to be sent is not what was signed")
