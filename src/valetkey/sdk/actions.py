"""What a session can be told to do with its money: pay, approve a contract, call one, swap. Checked when it is made.

An action is a value of one of these classes, or a mapping with the same members and its `type`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

from valetkey.core.errors import InvalidInput
from valetkey.core.operations import TRANSFER, approve_operation, call_operation, swap_operation
from valetkey.crypto.keys import checksum_address
from valetkey.sdk import action_members as checked
from valetkey.sdk.amounts import Amount
from valetkey.wire.abi import Function, decode_call, encode_call, function_of

DEADLINE_SECONDS_MAX = 86_400

MOVES = function_of("transfer(address,uint256)")
FORBIDDEN = {
    function_of(one).selector: one
    for one in (
        "approve(address,uint256)",
        "increaseAllowance(address,uint256)",
        "increaseApproval(address,uint256)",
        "setApprovalForAll(address,bool)",
        "transferFrom(address,address,uint256)",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        # DAI, ERC-1363 and what came before it, ERC-777.
        "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
        "approveAndCall(address,uint256)",
        "approveAndCall(address,uint256,bytes)",
        "transferAndCall(address,uint256)",
        "transferAndCall(address,uint256,bytes)",
        "transferFromAndCall(address,address,uint256)",
        "transferFromAndCall(address,address,uint256,bytes)",
        "authorizeOperator(address)",
        "send(address,uint256,bytes)",
    )
}
"""Functions that let money go without an amount that could be held: `approve` and `transfer` are actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Pay `to` so much of a token: `amount` is a decimal of it, `token` a name such as USDC or ETH, or an address."""

    type: ClassVar[str] = "transfer"
    to: str
    amount: Amount
    token: str = "USDC"  # noqa: S105 - a currency

    def __post_init__(self) -> None:
        _set(
            self,
            to=checked.payee(self.to, "to"),
            amount=checked.amount(self.amount),
            token=checked.token(self.token),
        )

    @property
    def operation(self) -> str:
        """What the policy has to allow."""
        return TRANSFER

    @property
    def payee(self) -> str:
        """Who gets the money, or may take it."""
        return self.to

    def members(self) -> dict[str, Any]:
        """What makes it this action and no other."""
        return {"to": self.to, "amount": str(self.amount), "token": self.token}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Let a contract take exactly so much of a token: it counts as spent, because it may leave at any time."""

    type: ClassVar[str] = "approve"
    spender: str
    amount: Amount
    token: str = "USDC"  # noqa: S105 - a currency

    def __post_init__(self) -> None:
        _set(
            self,
            spender=checked.account(self.spender, "spender"),
            amount=checked.amount(self.amount),
            token=checked.token(self.token),
        )

    @property
    def operation(self) -> str:
        """What the policy has to allow."""
        return approve_operation(self.spender)

    @property
    def payee(self) -> str:
        """Who may take the money."""
        return self.spender

    def members(self) -> dict[str, Any]:
        """What makes it this action and no other."""
        return {"spender": self.spender, "amount": str(self.amount), "token": self.token}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCall:
    """Call one function of a contract: `function` is its name and types, `args` its arguments, a list.

    `data` is the whole calldata instead of `args`, when somebody else made it; it has to be exactly a call of
    `function`. `max_spend` is all of `token` that the call may take: an allowance of just that lasts for the call
    alone. `value` is a decimal of the chain's own coin that goes with it. A call has one of the two, or neither.
    """

    type: ClassVar[str] = "contract_call"
    to: str
    function: str
    args: Any = ()
    data: bytes | str | None = None
    max_spend: Amount = 0
    token: str = "USDC"  # noqa: S105 - a currency
    value: Amount = 0

    def __post_init__(self) -> None:
        called = function_of(self.function)
        if called.selector in FORBIDDEN:
            raise InvalidInput(
                f"{FORBIDDEN[called.selector]} lets money go without a bound here: use the action for it",
                field="function",
            )
        if self.data is None:
            data = encode_call(called, self.args)
        elif self.args not in ((), []):
            raise InvalidInput("a call has args or data, not both", field="data")
        else:
            data = checked.calldata(self.data)
            decode_call(called, data)
        _set(
            self,
            to=checked.account(self.to, "to"),
            function=called.signature,
            args=(),
            data=data,
            max_spend=checked.amount(self.max_spend, "max_spend", least=0),
            token=checked.token(self.token),
            value=checked.amount(self.value, "value", least=0),
        )
        if self.max_spend and self.value:
            raise InvalidInput("a call spends a token or the chain's coin, not both", field="value")
        if called.selector == MOVES.selector and not self.max_spend:
            raise InvalidInput("what a transfer moves is its max_spend", field="max_spend")

    @property
    def called(self) -> Function:
        """The function."""
        return function_of(self.function)

    @property
    def calldata(self) -> bytes:
        """What is sent to the contract."""
        return cast(bytes, self.data)

    @property
    def moves(self) -> tuple[str, int] | None:
        """Whom a token's own `transfer` pays, and how many base units; None for every other function."""
        if self.called.selector != MOVES.selector:
            return None
        to, units = decode_call(MOVES, self.calldata)
        return checked.account(checksum_address(to), "args"), int(units)

    @property
    def operation(self) -> str:
        """What the policy has to allow."""
        return call_operation(self.to, self.called.selector)

    @property
    def payee(self) -> str:
        """The contract; of a token's own `transfer` whom it pays."""
        return self.to if self.moves is None else self.moves[0]

    def members(self) -> dict[str, Any]:
        """What makes it this action and no other."""
        return {
            "to": self.to,
            "data": self.calldata.hex(),
            "max_spend": str(self.max_spend),
            "token": self.token,
            "value": str(self.value),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Swap so much of a token for at least `min_out` of another one, through a router of the Uniswap V2 kind.

    `min_out` is a decimal of `token_out`, and more than nothing. `path` are the addresses of the tokens on the way, the
    first and the last included; straight from one to the other unless given. `deadline` is seconds that the router has,
    from when it is signed.
    """

    type: ClassVar[str] = "swap"
    router: str
    amount_in: Amount
    token_in: str
    token_out: str
    min_out: Amount
    path: tuple[str, ...] | None = None
    deadline: int = 600

    def __post_init__(self) -> None:
        _set(
            self,
            router=checked.account(self.router, "router"),
            amount_in=checked.amount(self.amount_in, "amount_in"),
            token_in=checked.token(self.token_in, "token_in"),
            token_out=checked.token(self.token_out, "token_out"),
            min_out=checked.amount(self.min_out, "min_out"),
            path=checked.path(self.path),
        )
        if self.token_in == self.token_out:
            raise InvalidInput("a swap is between two tokens", field="token_out")
        seconds = self.deadline
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int)
            or not 1 <= seconds <= DEADLINE_SECONDS_MAX
        ):
            raise InvalidInput(f"a deadline is 1 to {DEADLINE_SECONDS_MAX} seconds", field="deadline")

    @property
    def operation(self) -> str:
        """What the policy has to allow."""
        return swap_operation(self.router)

    @property
    def payee(self) -> str:
        """Who takes the money."""
        return self.router

    def members(self) -> dict[str, Any]:
        """What makes it this action and no other."""
        return {
            "router": self.router,
            "amount_in": str(self.amount_in),
            "token_in": self.token_in,
            "token_out": self.token_out,
            "min_out": str(self.min_out),
            "path": self.path,
            "deadline": self.deadline,
        }


Action = Transfer | Approve | ContractCall | Swap
KINDS: dict[str, type[Action]] = {one.type: one for one in (Transfer, Approve, ContractCall, Swap)}


def action_of(given: Action | Mapping[str, Any]) -> Action:
    """An action, or one made of a mapping with its `type`. Raises InvalidInput with the member that is wrong."""
    if isinstance(given, (Transfer, Approve, ContractCall, Swap)):
        return given
    if not isinstance(given, Mapping) or not all(isinstance(one, str) for one in given):
        raise InvalidInput("an action is one of the classes of valetkey, or a mapping", field="action")
    kind = KINDS.get(str(given.get("type")))
    if kind is None:
        raise InvalidInput(f"the type of an action is one of {', '.join(KINDS)}", field="type")
    members = {name: value for name, value in given.items() if name != "type"}
    known = {one.name for one in fields(kind)}
    for name in members:
        if name not in known:
            raise InvalidInput(f"a {kind.type} has no {name[:40]!r}", field=name)
    for one in fields(kind):
        needed = one.default is one.default_factory  # both are MISSING
        if needed and one.name not in members:
            raise InvalidInput(f"a {kind.type} needs {one.name}", field=one.name)
    return kind(**members)


def digest_of(action: Action) -> str:
    """32 hex digits of an action: a spend carries them, so that its idempotency key is for this very action."""
    text = json.dumps([action.type, action.members()], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _set(action: object, **members: object) -> None:
    for name, value in members.items():
        object.__setattr__(action, name, value)
