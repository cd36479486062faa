"""Channels of the x402 scheme `batch-settlement`: their identity, the deposit that opens one, vouchers, calls.

Source: EIP-712, EIP-3009, and the specification of the scheme (x402, scheme_batch_settlement_evm).
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.crypto.keys import keccak256
from valetkey.ports.wallet import Call
from valetkey.wire.authorizations import (
    EIP3009,
    RECEIVE,
    Authorization,
    Fields,
    Hex20,
    Hex32,
    Hex65,
    Number,
    PermitTransfer,
    TransferAuthorization,
    domain_separator,
)

SETTLEMENT = "0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003"
COLLECTOR = "0x4020806089470a89826cB9fB1f4059150b550004"
"""The contract of channels and the collector of deposits by EIP-3009 are at the same addresses on every chain."""

DELAY_SECONDS_MIN = 900
DELAY_SECONDS_MAX = 2_592_000
"""How long a payer's withdrawal takes: 15 minutes to 30 days."""

UINT128_MAX = 2**128 - 1
WORD = 32

DOMAIN_NAME, DOMAIN_VERSION = "x402 Batch Settlement", "1"
VOUCHER = "Voucher"
VOUCHER_FIELDS: Fields = (("channelId", "bytes32"), ("maxClaimableAmount", "uint128"))
CONFIG_FIELDS: Fields = (
    ("payer", "address"),
    ("payerAuthorizer", "address"),
    ("receiver", "address"),
    ("receiverAuthorizer", "address"),
    ("token", "address"),
    ("withdrawDelay", "uint40"),
    ("salt", "bytes32"),
)
_TUPLE = f"({','.join(kind for _, kind in CONFIG_FIELDS)})"
_DOMAIN_FIELDS: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


class ChannelConfig(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a channel is: who pays whom in what, who signs for either, and how long its payer's withdrawal takes.

    The same members in another order of letters are another channel: its id is their hash.
    """

    payer: Hex20
    payer_authorizer: Hex20
    receiver: Hex20
    receiver_authorizer: Hex20
    token: Hex20
    withdraw_delay: Annotated[int, Meta(ge=0, lt=2**40)]
    salt: Hex32

    def id(self, chain_id: int) -> str:
        """The channel's id on a chain: 0x and 64 hex digits."""
        struct = keccak256(keccak256(f"ChannelConfig({_listed(CONFIG_FIELDS)})".encode()) + self.words())
        return "0x" + _digest(chain_id, struct).hex()

    def words(self) -> bytes:
        """As calldata holds it."""
        accounts = (self.payer, self.payer_authorizer, self.receiver, self.receiver_authorizer, self.token)
        return b"".join(
            (*(_account(one) for one in accounts), _word(self.withdraw_delay), bytes.fromhex(self.salt[2:]))
        )


class ChannelDeposit(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag="channel", tag_field="kind"
):
    """The deposit that opens a channel: EIP-3009 to the collector, with a nonce that binds it to the channel.

    `amount` is base units; times are unix seconds, both bounds open; `name` and `version` are those of the token's
    own EIP-712 domain; `salt` is the deposit's, beside the channel's own.
    """

    chain_id: Annotated[int, Meta(ge=1, le=2**53)]
    name: str
    version: str
    channel: ChannelConfig
    amount: Number
    valid_after: Number
    valid_before: Number
    salt: Hex32
    signature: Hex65

    @property
    def channel_id(self) -> str:
        """0x and 64 hex digits."""
        return self.channel.id(self.chain_id)

    @property
    def token(self) -> str:
        """The token's contract."""
        return self.channel.token

    @property
    def payer(self) -> str:
        """Whose money it is, and whose it is again when it comes back."""
        return self.channel.payer

    @property
    def payee(self) -> str:
        """Whom the channel's vouchers pay."""
        return self.channel.receiver

    @property
    def nonce(self) -> str:
        """Of EIP-3009, as the collector makes it."""
        words = bytes.fromhex(self.channel_id[2:]) + bytes.fromhex(self.salt[2:])
        return "0x" + keccak256(words).hex()

    @property
    def reference(self) -> str:
        """What the ledger calls it: the token keeps one nonce of a payer once."""
        return f"{EIP3009}{self.token}:{self.payer}:{self.nonce}".lower()

    @property
    def dead_from(self) -> int:
        """Unix seconds of a block in which it can be used no more."""
        return int(self.valid_before)

    def authorization(self) -> TransferAuthorization:
        """The same as its token sees it: a payment to the collector."""
        return TransferAuthorization(
            chain_id=self.chain_id,
            token=self.token,
            name=self.name,
            version=self.version,
            primary_type=RECEIVE,
            payer=self.payer,
            payee=COLLECTOR,
            amount=self.amount,
            valid_after=self.valid_after,
            valid_before=self.valid_before,
            nonce=self.nonce,
            signature=self.signature,
        )

    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        return self.authorization().digest()


class Voucher(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a channel's receiver may claim in all. It never ends, and a higher one says all that lower ones said."""

    chain_id: int
    channel_id: Hex32
    total: Number
    signature: Hex65

    def typed_data(self) -> dict[str, Any]:
        """The JSON shape of eth_signTypedData_v4."""
        return {
            "types": {"EIP712Domain": _shown(_DOMAIN_FIELDS), VOUCHER: _shown(VOUCHER_FIELDS)},
            "primaryType": VOUCHER,
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": self.chain_id,
                "verifyingContract": SETTLEMENT,
            },
            "message": {"channelId": self.channel_id, "maxClaimableAmount": int(self.total)},
        }

    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        kind = keccak256(f"{VOUCHER}({_listed(VOUCHER_FIELDS)})".encode())
        return _digest(
            self.chain_id, keccak256(kind + bytes.fromhex(self.channel_id[2:]) + _word(int(self.total)))
        )


Signed = Authorization | ChannelDeposit


def read_signed(payload: bytes) -> Signed:
    """A payment as the ledger keeps it. Raises InvalidInput for bytes that are none."""
    problem = ""
    found: Signed | None = None
    try:
        found = msgspec.json.decode(payload, type=TransferAuthorization | PermitTransfer | ChannelDeposit)
        found.digest()
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError):
        problem = "this is no signed permission to move a token"
    if problem or found is None:
        raise InvalidInput(problem, field="payload")
    return found


def deposit_of(payload: bytes) -> ChannelDeposit | None:
    """The deposit that a payment opens a channel with; None for a payment of another kind, or for no payment."""
    try:
        found = read_signed(payload)
    except InvalidInput:
        return None
    return found if isinstance(found, ChannelDeposit) else None


# Calls of the contract


def ask_channel(channel_id: str) -> Call:
    """Ask what a channel has, and what of it was claimed; see `read_pair`."""
    return _call("channels(bytes32)", bytes.fromhex(channel_id[2:]))


def ask_withdrawal(channel_id: str) -> Call:
    """Ask for the withdrawal that is under way: how much, and since when (unix seconds, 0 for none)."""
    return _call("pendingWithdrawals(bytes32)", bytes.fromhex(channel_id[2:]))


def ask_nonce(token: str, payer: str, nonce: str) -> Call:
    """Ask a token whether a payer's nonce was used (EIP-3009)."""
    words = _account(payer) + bytes.fromhex(nonce[2:])
    return Call(token, keccak256(b"authorizationState(address,bytes32)")[:4] + words)


def initiate_withdraw(channel: ChannelConfig, units: int) -> Call:
    """Begin to take back so many base units: the payer's step. The receiver has the delay to claim its due."""
    return _call(f"initiateWithdraw({_TUPLE},uint128)", channel.words() + _word(units))


def finalize_withdraw(channel: ChannelConfig) -> Call:
    """Take them back after the delay: the payer's step."""
    return _call(f"finalizeWithdraw({_TUPLE})", channel.words())


def read_pair(answer: bytes) -> tuple[int, int]:
    """The two numbers of an answer. Raises ChainUnavailable where no contract of channels answers."""
    if len(answer) != 2 * WORD:
        raise ChainUnavailable("what answers at the address of x402's channels is no contract of them")
    return int.from_bytes(answer[:WORD], "big"), int.from_bytes(answer[WORD:], "big")


def _call(signature: str, words: bytes) -> Call:
    return Call(SETTLEMENT, keccak256(signature.encode("ascii"))[:4] + words)


def _digest(chain_id: int, struct: bytes) -> bytes:
    domain = domain_separator(DOMAIN_NAME, DOMAIN_VERSION, chain_id, SETTLEMENT)
    return keccak256(b"\x19\x01" + domain + struct)


def _shown(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _listed(fields: Fields) -> str:
    return ",".join(f"{kind} {name}" for name, kind in fields)


def _account(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(WORD, b"\0")


def _word(number: int) -> bytes:
    if number > UINT128_MAX:
        raise InvalidInput("an amount of a channel has 128 bits")
    return number.to_bytes(WORD, "big")
