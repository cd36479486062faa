"""The last guard: it sees what is *about to be signed*, and lets nothing through that is not what was offered and held.

Whatever made the typed data, a package or a seller's words, it is compared field by field, and built anew to be signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from valetkey.core.refusal import Code, refuse
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import address_of, checksum_address, is_address
from valetkey.crypto.signatures import recover_digest
from valetkey.ports.signer import Signer
from valetkey.sdk.errors import refused_error
from valetkey.sdk.x402.offers import THROUGH_PERMIT2, UPTO, Offer
from valetkey.wire.authorizations import (
    AUTHORIZATION_FIELDS,
    EXACT_SPENDER,
    EXACT_WITNESS_FIELDS,
    PERMISSIONS_FIELDS,
    PERMIT,
    PERMIT2_ADDRESS,
    PERMIT_FIELDS,
    RECEIVE,
    TRANSFER,
    UINT256_MAX,
    UPTO_SPENDER,
    UPTO_WITNESS_FIELDS,
    Authorization,
    Fields,
    PermitTransfer,
    TransferAuthorization,
)

CLOCK_SECONDS = 5
"""So much later than now and the seconds asked for may what is signed end: the package reads its own clock."""

UNSIGNED = "0x" + "00" * 65


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be signed: `units` are held, and it holds between `now` and, at most, `until` (unix seconds)."""

    offer: Offer
    wallet: str
    units: int
    now: int
    until: int


class Guard:
    """A signer of the x402 package (its ClientEvmSigner) that signs once, and only what fits its bounds.

    `signed` is what it signed; None before. Raises SigningRefused.
    """

    def __init__(self, signer: Signer, bounds: Bounds) -> None:
        self._signer = signer
        self._bounds = bounds
        self.signed: Authorization | None = None

    def __repr__(self) -> str:
        return f"<Guard {self.address}>"

    @property
    def address(self) -> str:
        """The wallet, EIP-55."""
        return self._bounds.wallet

    def sign_typed_data(self, domain: Any, types: Any, primary_type: Any, message: Any) -> bytes:
        """65 bytes r, s, v over typed data that fits. Anything else, and anything after the first, is refused."""
        if self.signed is not None:
            refuse_signing("one payment was signed already")
        unsigned = checked(self._bounds, domain, types, primary_type, message)
        signature = self._signer.sign_typed_data(unsigned.typed_data())
        wrong = True
        try:
            wrong = address_of(recover_digest(unsigned.digest(), signature)) != self._bounds.wallet
        except InvalidSignature:
            wrong = True
        if wrong:
            refuse_signing("the wallet signed something else than it was given")
        self.signed = msgspec.structs.replace(unsigned, signature="0x" + signature.hex())
        return signature


def checked(bounds: Bounds, domain: Any, types: Any, primary_type: Any, message: Any) -> Authorization:
    """The typed data as a permission that is known, not signed yet. Raises SigningRefused unless all of it fits."""
    offer = bounds.offer
    told = domain_in(domain)
    shapes = shapes_in(types)
    shapes.pop("EIP712Domain", None)
    if offer.method == THROUGH_PERMIT2:
        found: Authorization = _permit(bounds, told, shapes, primary_type, message)
        ends = found.dead_from - 1
    else:
        found = _transfer(bounds, told, shapes, primary_type, message)
        ends = found.dead_from
    if found.payer != bounds.wallet or bounds.units != offer.units:
        refuse_signing("what is held is not what was offered")
    if not bounds.now < ends <= min(bounds.now + offer.seconds + CLOCK_SECONDS, bounds.until):
        refuse_signing("it would hold for longer than was offered, or for no time")
    if int(found.valid_after) > bounds.now:
        refuse_signing("it would not hold yet")
    return found


def _transfer(
    bounds: Bounds, domain: dict[str, Any], shapes: dict[str, Fields], primary_type: Any, message: Any
) -> TransferAuthorization:
    offer = bounds.offer
    if primary_type not in (TRANSFER, RECEIVE) or shapes != {primary_type: AUTHORIZATION_FIELDS}:
        refuse_signing("it is no authorization of EIP-3009")
    wanted = {
        "name": offer.name,
        "version": offer.domain_version,
        "chainId": offer.chain_id,
        "verifyingContract": offer.asset,
    }
    if domain != wanted:
        refuse_signing("it is for another contract, or another chain")
    said = members_in(message, AUTHORIZATION_FIELDS)
    if (address_in(said["from"]), address_in(said["to"])) != (bounds.wallet.lower(), offer.payee.lower()):
        refuse_signing("it moves another wallet's money, or pays somebody else")
    if number_in(said["value"]) != bounds.units:
        refuse_signing("it moves another amount than what is held")
    return TransferAuthorization(
        chain_id=offer.chain_id,
        token=offer.asset,
        name=offer.name,
        version=offer.domain_version,
        primary_type=primary_type,
        payer=bounds.wallet,
        payee=offer.payee,
        amount=str(bounds.units),
        valid_after=str(number_in(said["validAfter"])),
        valid_before=str(number_in(said["validBefore"])),
        nonce=word_in(said["nonce"]),
        signature=UNSIGNED,
    )


def _permit(
    bounds: Bounds, domain: dict[str, Any], shapes: dict[str, Fields], primary_type: Any, message: Any
) -> PermitTransfer:
    offer = bounds.offer
    upto = offer.scheme == UPTO
    witness_fields = UPTO_WITNESS_FIELDS if upto else EXACT_WITNESS_FIELDS
    wanted_shapes = {PERMIT: PERMIT_FIELDS, "TokenPermissions": PERMISSIONS_FIELDS, "Witness": witness_fields}
    if primary_type != PERMIT or shapes != wanted_shapes:
        refuse_signing("it is no permission of Permit2 that x402 knows")
    if domain != {"name": "Permit2", "chainId": offer.chain_id, "verifyingContract": PERMIT2_ADDRESS}:
        refuse_signing("it is for another contract, or another chain")
    said = members_in(message, PERMIT_FIELDS)
    permitted = members_in(said["permitted"], PERMISSIONS_FIELDS)
    witness = members_in(said["witness"], witness_fields)
    if (
        address_in(permitted["token"]) != offer.asset.lower()
        or number_in(permitted["amount"]) != bounds.units
    ):
        refuse_signing("it moves another token or amount than what is held")
    if address_in(said["spender"]) != (UPTO_SPENDER if upto else EXACT_SPENDER).lower():
        refuse_signing("a contract that is not known may take the money")
    if address_in(witness["to"]) != offer.payee.lower():
        refuse_signing("it pays somebody else")
    if upto and address_in(witness["facilitator"]) != (offer.facilitator or "").lower():
        refuse_signing("somebody else than was offered may settle it")
    return PermitTransfer(
        chain_id=offer.chain_id,
        token=offer.asset,
        payer=bounds.wallet,
        payee=offer.payee,
        amount=str(bounds.units),
        spender=UPTO_SPENDER if upto else EXACT_SPENDER,
        facilitator=offer.facilitator if upto else None,
        valid_after=str(number_in(witness["validAfter"])),
        deadline=str(number_in(said["deadline"])),
        nonce=str(number_in(said["nonce"])),
        signature=UNSIGNED,
    )


def check_sent(payload: Any, signed: Authorization | None) -> None:
    """Raise SigningRefused unless what is about to be sent is what was signed."""
    if signed is None or not isinstance(payload, Mapping):
        refuse_signing("nothing was signed")
    if isinstance(signed, TransferAuthorization):
        wanted: dict[str, Any] = {
            "authorization": {
                "from": signed.payer,
                "to": signed.payee,
                "value": signed.amount,
                "validAfter": signed.valid_after,
                "validBefore": signed.valid_before,
                "nonce": signed.nonce,
            },
        }
    else:
        witness = {"to": signed.payee, "validAfter": signed.valid_after}
        if signed.facilitator is not None:
            witness["facilitator"] = signed.facilitator
        wanted = {
            "permit2Authorization": {
                "from": signed.payer,
                "permitted": {"token": signed.token, "amount": signed.amount},
                "spender": signed.spender,
                "nonce": signed.nonce,
                "deadline": signed.deadline,
                "witness": witness,
            },
        }
    if same_letters(payload) != same_letters({**wanted, "signature": signed.signature}):
        refuse_signing("what is about to be sent is not what was signed")


def domain_in(domain: Any) -> dict[str, Any]:
    """A domain as the package gives it, an object or a mapping, with the contract's address as it is compared."""
    if not isinstance(domain, Mapping):
        names = {"name": "name", "version": "version", "chain_id": "chainId"}
        names["verifying_contract"] = "verifyingContract"
        domain = {shown: getattr(domain, name, None) for name, shown in names.items()}
    found = dict(domain)
    contract = found.get("verifyingContract")
    chain_id = found.get("chainId")
    if not isinstance(contract, str) or not is_address(contract) or type(chain_id) is not int:
        refuse_signing("it is for no contract")
    return {**found, "verifyingContract": checksum_address(contract)}


def shapes_in(types: Any) -> dict[str, Fields]:
    """The types by name. Raises SigningRefused."""
    if not isinstance(types, Mapping):
        refuse_signing("it has no types")
    shapes: dict[str, Fields] = {}
    for name, fields in types.items():
        listed = []
        for one in fields:
            pair = (
                (one.get("name"), one.get("type"))
                if isinstance(one, Mapping)
                else (getattr(one, "name", None), getattr(one, "type", None))
            )
            listed.append((str(pair[0]), str(pair[1])))
        shapes[str(name)] = tuple(listed)
    return shapes


def members_in(message: Any, fields: Fields) -> Mapping[str, Any]:
    """A message that has these members and no others. Raises SigningRefused."""
    if not isinstance(message, Mapping) or set(message) != {name for name, _ in fields}:
        refuse_signing("it has other members than are signed")
    return message


def address_in(text: Any) -> str:
    """An address in lower case. Raises SigningRefused."""
    if not isinstance(text, str) or not is_address(text):
        refuse_signing("it names something that is no address")
    return text.lower()


def number_in(value: Any) -> int:
    """A number of 256 bits. Raises SigningRefused."""
    if type(value) is not int or not 0 <= value <= UINT256_MAX:
        refuse_signing("it has a number that is none")
    return value


def word_in(value: Any) -> str:
    """32 bytes, as 0x and 64 hex digits. Raises SigningRefused."""
    if isinstance(value, str) and value.startswith("0x"):
        value = _bytes(value[2:])
    if not isinstance(value, bytes) or len(value) != 32:
        refuse_signing("it has a word that has not 32 bytes")
    return "0x" + value.hex()


def _bytes(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def same_letters(value: Any) -> Any:
    """Hex in one case, whoever wrote it."""
    if isinstance(value, Mapping):
        return {name: same_letters(one) for name, one in value.items()}
    return value.lower() if isinstance(value, str) else value


def refuse_signing(why: str) -> NoReturn:
    """Raise SigningRefused."""
    error = refused_error(
        refuse(
            Code.SIGNING_REFUSED,
            "guard",
            f"nothing was signed: {why}",
            hint="the seller or the package asked for something else than was offered: report it",
        )
    )
    raise error
