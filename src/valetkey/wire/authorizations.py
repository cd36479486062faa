"""Signed permissions to move a token (EIP-3009, Permit2) as the ledger keeps them: enough to prove what became of them.

Source: EIP-712, EIP-3009, Permit2's SignatureTransfer, and the witness types of the x402 schemes `exact` and `upto`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import keccak256
from valetkey.wire.shape import END

EIP3009 = "eip3009:"
PERMIT2 = "permit2:"
"""What the references of such payments begin with."""

TRANSFER = "TransferWithAuthorization"
RECEIVE = "ReceiveWithAuthorization"
PERMIT = "PermitWitnessTransferFrom"

PERMIT2_ADDRESS = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
"""The contract is at the same address on every chain."""

EXACT_SPENDER = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001"
UPTO_SPENDER = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"
"""The contracts of the x402 schemes that move what Permit2 permits, to the witness's `to` alone."""

UINT256_MAX = 2**256 - 1

Hex20 = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}" + END)]
Hex32 = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{64}" + END)]
Hex65 = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{130}" + END)]
Number = Annotated[str, Meta(pattern="^(?:0|[1-9][0-9]{0,77})" + END)]
"""A number in decimal text: those of a contract are larger than JSON's."""

Fields = tuple[tuple[str, str], ...]

DOMAIN_FIELDS: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
PERMIT2_DOMAIN_FIELDS: Fields = tuple(one for one in DOMAIN_FIELDS if one[0] != "version")
AUTHORIZATION_FIELDS: Fields = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)
PERMIT_FIELDS: Fields = (
    ("permitted", "TokenPermissions"),
    ("spender", "address"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
    ("witness", "Witness"),
)
PERMISSIONS_FIELDS: Fields = (("token", "address"), ("amount", "uint256"))
EXACT_WITNESS_FIELDS: Fields = (("to", "address"), ("validAfter", "uint256"))
UPTO_WITNESS_FIELDS: Fields = (("to", "address"), ("facilitator", "address"), ("validAfter", "uint256"))


class TransferAuthorization(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag="eip3009", tag_field="kind"
):
    """EIP-3009. `amount` is base units; times are unix seconds, both bounds open: it holds strictly between them.

    `name` and `version` are those of the token's own EIP-712 domain.
    """

    chain_id: int
    token: Hex20
    name: str
    version: str
    primary_type: str = TRANSFER
    payer: Hex20
    payee: Hex20
    amount: Number
    valid_after: Number
    valid_before: Number
    nonce: Hex32
    signature: Hex65

    @property
    def reference(self) -> str:
        """What the ledger calls it: the token keeps one nonce of a payer once."""
        return f"{EIP3009}{self.token}:{self.payer}:{self.nonce}".lower()

    @property
    def dead_from(self) -> int:
        """Unix seconds of a block in which it can be used no more."""
        return int(self.valid_before)

    def typed_data(self) -> dict[str, Any]:
        """The JSON shape of eth_signTypedData_v4."""
        return {
            "types": {"EIP712Domain": _shown(DOMAIN_FIELDS), self.primary_type: _shown(AUTHORIZATION_FIELDS)},
            "primaryType": self.primary_type,
            "domain": {
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.token,
            },
            "message": {
                "from": self.payer,
                "to": self.payee,
                "value": int(self.amount),
                "validAfter": int(self.valid_after),
                "validBefore": int(self.valid_before),
                "nonce": self.nonce,
            },
        }

    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        if self.primary_type not in (TRANSFER, RECEIVE):
            raise InvalidInput("this is no authorization of EIP-3009")
        domain = domain_separator(self.name, self.version, self.chain_id, self.token)
        struct = _hash(
            f"{self.primary_type}({_listed(AUTHORIZATION_FIELDS)})",
            *(_account(self.payer), _account(self.payee), _number(self.amount)),
            *(_number(self.valid_after), _number(self.valid_before), bytes.fromhex(self.nonce[2:])),
        )
        return keccak256(b"\x19\x01" + domain + struct)


class PermitTransfer(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag="permit2", tag_field="kind"
):
    """Permit2 with a witness: `spender`, a contract of x402, moves `amount` to `payee`, all of it or, upto, less.

    `facilitator` is who may settle it, of the scheme `upto` alone. Times are unix seconds; `deadline` still counts.
    """

    chain_id: int
    token: Hex20
    payer: Hex20
    payee: Hex20
    amount: Number
    spender: Hex20
    facilitator: Hex20 | None = None
    valid_after: Number
    deadline: Number
    nonce: Number
    signature: Hex65

    @property
    def reference(self) -> str:
        """What the ledger calls it: Permit2 keeps one nonce of a payer once, whatever the token."""
        return f"{PERMIT2}{PERMIT2_ADDRESS}:{self.payer}:0x{int(self.nonce):064x}".lower()

    @property
    def dead_from(self) -> int:
        """Unix seconds of a block in which it can be used no more."""
        return int(self.deadline) + 1

    def typed_data(self) -> dict[str, Any]:
        """The JSON shape of eth_signTypedData_v4."""
        witness = {"to": self.payee, "validAfter": int(self.valid_after)}
        if self.facilitator is not None:
            witness["facilitator"] = self.facilitator
        return {
            "types": {
                "EIP712Domain": _shown(PERMIT2_DOMAIN_FIELDS),
                PERMIT: _shown(PERMIT_FIELDS),
                "TokenPermissions": _shown(PERMISSIONS_FIELDS),
                "Witness": _shown(self._witness_fields),
            },
            "primaryType": PERMIT,
            "domain": {
                "name": "Permit2",
                "chainId": self.chain_id,
                "verifyingContract": PERMIT2_ADDRESS,
            },
            "message": {
                "permitted": {"token": self.token, "amount": int(self.amount)},
                "spender": self.spender,
                "nonce": int(self.nonce),
                "deadline": int(self.deadline),
                "witness": witness,
            },
        }

    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        domain = _hash(
            f"EIP712Domain({_listed(PERMIT2_DOMAIN_FIELDS)})",
            *(keccak256(b"Permit2"), self.chain_id.to_bytes(32), _account(PERMIT2_ADDRESS)),
        )
        permissions = f"TokenPermissions({_listed(PERMISSIONS_FIELDS)})"
        witness = f"Witness({_listed(self._witness_fields)})"
        settler = [] if self.facilitator is None else [_account(self.facilitator)]
        struct = _hash(
            f"{PERMIT}({_listed(PERMIT_FIELDS)}){permissions}{witness}",
            _hash(permissions, _account(self.token), _number(self.amount)),
            *(_account(self.spender), _number(self.nonce), _number(self.deadline)),
            _hash(witness, _account(self.payee), *settler, _number(self.valid_after)),
        )
        return keccak256(b"\x19\x01" + domain + struct)

    @property
    def _witness_fields(self) -> Fields:
        return EXACT_WITNESS_FIELDS if self.facilitator is None else UPTO_WITNESS_FIELDS


Authorization = TransferAuthorization | PermitTransfer


def is_authorization(reference: str | None) -> bool:
    """Whether a reference is one of such a payment."""
    return reference is not None and reference.startswith((EIP3009, PERMIT2))


def read_authorization(payload: bytes) -> Authorization:
    """Raises InvalidInput for bytes that are no such payment."""
    problem = ""
    found: Authorization | None = None
    try:
        found = msgspec.json.decode(payload, type=TransferAuthorization | PermitTransfer)
        found.digest()
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError):
        problem = "this is no signed permission to move a token"
    if problem or found is None:
        raise InvalidInput(problem, field="payload")
    return found


def domain_separator(name: str, version: str, chain_id: int, token: str) -> bytes:
    """The EIP-712 domain of a token, as its DOMAIN_SEPARATOR() tells it: 32 bytes."""
    return _hash(
        f"EIP712Domain({_listed(DOMAIN_FIELDS)})",
        *(keccak256(name.encode()), keccak256(version.encode())),
        *(chain_id.to_bytes(32), _account(token)),
    )


def _shown(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _listed(fields: Fields) -> str:
    return ",".join(f"{kind} {name}" for name, kind in fields)


def _hash(kind: str, *words: bytes) -> bytes:
    assert all(len(word) == 32 for word in words)
    return keccak256(keccak256(kind.encode()) + b"".join(words))


def _account(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def _number(text: str) -> bytes:
    number = int(text)
    if number > UINT256_MAX:
        raise InvalidInput("a number of a contract has 256 bits")
    return number.to_bytes(32)
