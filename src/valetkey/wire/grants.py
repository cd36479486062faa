"""EIP-712 of SessionAllowance and Escrow: what owners and session keys sign, how a grant is named, trees of payees.

Source: EIP-712, EIP-2098, and contracts/SessionAllowance.vy and Escrow.vy with their modules, whose types these are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY, NOTHING, Grant
from valetkey.crypto.keys import keccak256

NAME, VERSION = "Valetkey SessionAllowance", "1"
ESCROW_NAME = "Valetkey Escrow"
ACCEPT, DISPUTE, CLAIM = 1, 2, 3
"""A buyer's steps on an escrow, as they are signed."""

FIRST = 2**256 - 1
"""The nonce of a signed spend that makes its grant known, which happens once."""

PROOF_MAX = 20
"""Steps of a proof that the contract takes."""

Fields = tuple[tuple[str, str], ...]

_DOMAIN: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_GRANT: Fields = (
    ("owner", "address"),
    ("key", "address"),
    ("token", "address"),
    ("escrow", "address"),
    ("cap", "uint256"),
    ("perSpend", "uint256"),
    ("windowCap", "uint256"),
    ("windowSeconds", "uint256"),
    ("validAfter", "uint256"),
    ("validUntil", "uint256"),
    ("payees", "bytes32"),
    ("predecessor", "bytes32"),
    ("parent", "bytes32"),
    ("epoch", "uint256"),
    ("unit", "uint256"),
    ("salt", "bytes32"),
)
_SPEND: Fields = (
    ("grant", "bytes32"),
    ("payee", "address"),
    ("amount", "uint256"),
    ("reference", "bytes32"),
    ("executor", "address"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
_FUNDING: Fields = tuple(("escrow", kind) if name == "executor" else (name, kind) for name, kind in _SPEND)
_VOUCHER: Fields = (
    ("grant", "bytes32"),
    ("payee", "address"),
    ("total", "uint256"),
    ("executor", "address"),
    ("deadline", "uint256"),
)
_REVOKE: Fields = (("grant", "bytes32"),)
_STEP: Fields = (("escrow", "bytes32"), ("step", "uint8"), ("deadline", "uint256"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSpend:
    """One payment out of a grant, as its key signs it. `executor`: who may submit it, NOBODY for anyone.

    amount: base units. reference: 32 bytes that the event tells. nonce: any number that the grant did not use.
    deadline: unix seconds; from then on it cannot be submitted.
    """

    payee: str
    amount: int
    reference: bytes
    nonce: int
    deadline: int
    executor: str = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A growing promise to one payee, as the key signs it. `total`: base units, what was settled included."""

    payee: str
    total: int
    deadline: int
    executor: str = NOBODY


@dataclass(frozen=True, slots=True)
class Domain:
    """The contract of one chain: SessionAllowance, or the one that is named."""

    chain_id: int
    contract: str
    name: str = NAME

    def hash(self) -> bytes:
        """The EIP-712 domain separator."""
        kind = keccak256(_type("EIP712Domain", _DOMAIN))
        named = keccak256(self.name.encode()) + keccak256(VERSION.encode())
        return keccak256(kind + named + self.chain_id.to_bytes(32) + _word(self.contract, "address"))

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed for a struct: 32 bytes."""
        return keccak256(b"\x19\x01" + self.hash() + struct_hash)

    def typed_data(self, kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON shape of eth_signTypedData_v4, as wallets show it."""
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": type_} for name, type_ in _DOMAIN],
                kind: [{"name": name, "type": type_} for name, type_ in _TYPES[kind]],
            },
            "primaryType": kind,
            "domain": {
                "name": self.name,
                "version": VERSION,
                "chainId": self.chain_id,
                "verifyingContract": self.contract,
            },
            "message": {
                name: "0x" + one.hex() if isinstance(one, bytes) else one for name, one in message.items()
            },
        }


_TYPES = {
    "Grant": _GRANT,
    "Spend": _SPEND,
    "EscrowFunding": _FUNDING,
    "Voucher": _VOUCHER,
    "Revoke": _REVOKE,
    "BuyerStep": _STEP,
}


def grant_message(grant: Grant) -> dict[str, Any]:
    """The message of a Grant."""
    fields = (
        *(grant.owner, grant.key, grant.token, grant.escrow, grant.cap, grant.per_spend),
        *(grant.window_cap, grant.window_seconds, grant.valid_after, grant.valid_until),
        *(grant.payees, grant.predecessor, grant.parent, grant.epoch, grant.unit, grant.salt),
    )
    return dict(zip([name for name, _ in _GRANT], fields, strict=True))


def grant_terms(grant: Grant) -> tuple[Any, ...]:
    """A grant as the contract takes it: the struct Terms, in which what is small shares a word."""
    times = grant.valid_after << 192 | grant.valid_until << 128 | grant.window_seconds << 64 | grant.epoch
    return (
        *(grant.owner, grant.key, grant.token, grant.escrow),
        grant.cap << 128 | grant.per_spend,
        grant.window_cap << 128 | grant.unit,
        times,
        *(grant.payees, grant.predecessor, grant.parent, grant.salt),
    )


def spend_message(grant_hash: bytes, spend: GrantSpend) -> dict[str, Any]:
    """The message of a Spend."""
    fields = (spend.payee, spend.amount, spend.reference, spend.executor, spend.nonce, spend.deadline)
    return dict(zip([name for name, _ in _SPEND], (grant_hash, *fields), strict=True))


def funding_message(grant_hash: bytes, spend: GrantSpend) -> dict[str, Any]:
    """The message of an EscrowFunding: the executor is the escrow contract, the payee its seller."""
    message = spend_message(grant_hash, spend)
    return {"escrow" if name == "executor" else name: one for name, one in message.items()}


def voucher_message(grant_hash: bytes, voucher: Voucher) -> dict[str, Any]:
    """The message of a Voucher."""
    fields = (voucher.payee, voucher.total, voucher.executor, voucher.deadline)
    return dict(zip([name for name, _ in _VOUCHER], (grant_hash, *fields), strict=True))


def revoke_message(grant_hash: bytes) -> dict[str, Any]:
    """The message of a Revoke."""
    return {"grant": grant_hash}


def step_message(escrow_id: bytes, step: int, deadline: int) -> dict[str, Any]:
    """The message of a BuyerStep, in the domain ESCROW_NAME of the escrow contract: ACCEPT, DISPUTE or CLAIM."""
    return {"escrow": escrow_id, "step": step, "deadline": deadline}


def struct_hash(kind: str, message: Mapping[str, Any]) -> bytes:
    """The EIP-712 hash of a message, 32 bytes. Raises InvalidInput for a value that does not fit its type."""
    fields = _TYPES[kind]
    words = [_word(message[name], type_) for name, type_ in fields]
    return keccak256(keccak256(_type(kind, fields)) + b"".join(words))


def grant_hash(grant: Grant) -> bytes:
    """The name of a grant: 32 bytes."""
    return struct_hash("Grant", grant_message(grant))


def grant_id(owner: str, hashed: bytes) -> bytes:
    """Under which the contract keeps and tells what concerns a grant: no other owner's word reaches it."""
    return keccak256(_word(owner, "address") + hashed)


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """The two words of EIP-2098 of a signature of 65 bytes r, s, v."""
    if len(signature) != 65 or signature[64] not in (27, 28) or signature[32] & 0x80:
        raise InvalidInput("a signature has 65 bytes: r, a low s, and v of 27 or 28")
    parity = (signature[64] - 27) << 7
    return signature[:32], bytes([signature[32] | parity]) + signature[33:64]


class PayeeTree:
    """The addresses that a grant may pay, as one word in it and a proof for each of them.

    Leaves are hashed twice and pairs in order, as OpenZeppelin's StandardMerkleTree does for `["address"]`.
    """

    def __init__(self, payees: Sequence[str]) -> None:
        names = sorted({one.lower() for one in payees})
        if not names:
            raise InvalidInput("a grant names at least one payee, or allows anyone")
        self._places = {name: place for place, name in enumerate(names)}
        self._layers = [[_leaf(name) for name in names]]
        while len(self._layers[-1]) > 1:
            below = self._layers[-1]
            pairs = [below[place : place + 2] for place in range(0, len(below), 2)]
            self._layers.append(
                [keccak256(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
            )
        if len(self._layers) - 1 > PROOF_MAX:
            raise InvalidInput(f"a grant names at most {2**PROOF_MAX} payees")

    @property
    def root(self) -> bytes:
        """What a grant says."""
        return self._layers[-1][0]

    def proof(self, payee: str) -> list[bytes]:
        """What a spend to this payee shows. Raises InvalidInput when it is none of them."""
        place = self._places.get(payee.lower())
        if place is None:
            raise InvalidInput("this payee is not in the tree", field="payee")
        found = []
        for layer in self._layers[:-1]:
            beside = place ^ 1
            if beside < len(layer):
                found.append(layer[beside])
            place //= 2
        return found


def payees_of(allowed: Collection[str] | None) -> bytes:
    """What a grant says of the payees that a policy names: anyone (None), the only one, or the root of their tree.

    Raises InvalidInput for none at all: a session that may pay nobody needs no grant.
    """
    if allowed is None:
        return NOTHING
    return only(next(iter(allowed))) if len(allowed) == 1 else PayeeTree(sorted(allowed)).root


def proof_of(payees: bytes, allowed: Collection[str] | None, payee: str) -> list[bytes]:
    """What shows that a payee is among those that a grant names; nothing where they are no tree.

    `payees` is the grant's word, `allowed` the addresses that it stands for. Raises InvalidInput for another payee.
    """
    return PayeeTree(sorted(allowed or ())).proof(payee) if any(payees[:12]) else []


def only(payee: str) -> bytes:
    """What a grant says that may pay one address alone."""
    return _word(payee, "address")


def _leaf(payee: str) -> bytes:
    return keccak256(keccak256(_word(payee, "address")))


def _type(kind: str, fields: Fields) -> bytes:
    return f"{kind}({','.join(f'{type_} {name}' for name, type_ in fields)})".encode()


def _word(value: Any, type_: str) -> bytes:
    if type_ == "address":
        raw = bytes.fromhex(value.removeprefix("0x"))
        if len(raw) != 20:
            raise InvalidInput("an address has 20 bytes")
        return raw.rjust(32, b"\0")
    if type_ in ("uint256", "uint8"):
        bits = int(type_.removeprefix("uint"))
        if type(value) is not int or not 0 <= value < 2**bits:
            raise InvalidInput(f"a number is from 0 to 2**{bits} - 1")
        return value.to_bytes(32)
    if len(value) != 32:
        raise InvalidInput("a word has 32 bytes")
    return bytes(value)
