"""Which chain is meant: one of everybody's, or one that a configuration describes, with its node and its tokens."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from valetkey.core.chains import ALIASES, CHAINS, EIP155, Chain, chain_of
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset
from valetkey.core.tokens import COIN_DECIMALS, token_of
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.config import checked_url, rpc_url_of
from valetkey.sdk.errors import NotConfigured
from valetkey.wire.network import NetworkView

CHAINS_FILE = "VALETKEY_CHAINS_FILE"
CHAIN_ID_MAX = 2**53 - 1
CONFIRMATIONS_MAX = 100_000
TOKEN_DECIMALS_MAX = 36
FILE_BYTES_MAX = 1_048_576

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,15}", re.ASCII)
_MINT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """A chain, how it is reached and what is on it.

    chain_id: its EIP-155 number. rpc_url: its node, never shown because it may hold a key; None is found elsewhere.
    coin: what its fees are paid in. tokens: symbol to (address, decimals); a symbol is one in which limits can be
    written. allowance: the contract that keeps grants, None where there is none. confirmations: after how many blocks
    something counts, 1 is the block itself.

    Raises InvalidInput for a value without meaning, and with the code `chain_collision` for the name of a known chain
    with another number, or the number of a known chain under another name. NotConfigured: the URL is none.
    """

    name: str
    chain_id: int
    rpc_url: str | None = field(default=None, repr=False)
    coin: str = "ETH"
    tokens: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    allowance: str | None = None
    confirmations: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InvalidInput("a chain's name is letters, digits and hyphens, 64 at most", field="name")
        if not _is_number(self.chain_id, 1, CHAIN_ID_MAX):
            raise InvalidInput(
                "a chain's number is a positive whole one", code="unknown_chain", field="chain_id"
            )
        if not _is_number(self.confirmations, 1, CONFIRMATIONS_MAX):
            raise InvalidInput(f"confirmations are 1 to {CONFIRMATIONS_MAX}", field="confirmations")
        if not isinstance(self.coin, str) or not _SYMBOL.fullmatch(self.coin):
            raise InvalidInput("a coin is a symbol in capitals", field="coin")
        if self.rpc_url is not None:
            checked_url(self.rpc_url, "the RPC URL")
        self._check_known()
        object.__setattr__(self, "tokens", MappingProxyType(dict(map(self._token, self.tokens.items()))))
        if self.allowance is not None:
            object.__setattr__(self, "allowance", self._address(self.allowance, "allowance"))

    @property
    def chain(self) -> Chain:
        """The chain itself."""
        return _known(self.chain_id) or Chain(self.name, self.chain_id, self.coin)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """What this entry says of tokens, and the coin where limits can be written in it."""
        coin = Asset(self.coin, self.chain_id, NATIVE, COIN_DECIMALS)
        told = (Asset(name, self.chain_id, *token) for name, token in self.tokens.items())
        is_spendable = self.chain.namespace == EIP155 and self.coin in CURRENCY_DECIMALS
        return (*told, coin) if is_spendable else tuple(told)

    def token(self, token: str) -> Asset:
        """A token of this chain, of this entry or known to everybody, by symbol or address.

        Raises InvalidInput with the code `unknown_token` or `invalid_address`.
        """
        if isinstance(token, str) and token.startswith("0x") and not is_address(token):
            raise InvalidInput(
                "the token is no address, or its checksum is wrong", code="invalid_address", field="token"
            )
        return token_of(self.chain_id, token, self.assets)

    # Inside

    def _check_known(self) -> None:
        """Everybody's name for a number, and number for a name, mean the same here."""
        named = next((one for one in CHAINS if one.name.lower() == _plain(self.name)), None)
        numbered = _known(self.chain_id)
        if named is not numbered:
            meant = named or numbered
            assert meant is not None, "one of two different things is something"
            raise InvalidInput(
                f"{meant.name} is the chain {meant.chain_id}: another one has another name and number",
                code="chain_collision",
                field="chain_id" if named else "name",
            )
        if numbered is not None:
            if self.coin not in (numbered.coin, "ETH"):
                raise InvalidInput(f"the coin of {numbered.name} is {numbered.coin}", field="coin")
            object.__setattr__(self, "name", numbered.name)
            object.__setattr__(self, "coin", numbered.coin)

    def _token(self, entry: tuple[str, tuple[str, int]]) -> tuple[str, tuple[str, int]]:
        symbol, told = entry
        if symbol not in CURRENCY_DECIMALS:
            known = ", ".join(sorted(CURRENCY_DECIMALS))
            raise InvalidInput(f"a token is one of {known}", code="unknown_token", field="tokens")
        if symbol == self.coin:
            raise InvalidInput("a token and the chain's coin have different symbols", field="tokens")
        if isinstance(told, (str, bytes)) or len(told) != 2:
            raise InvalidInput("a token is its address and its decimals", field="tokens")
        address, decimals = told
        if not _is_number(decimals, 0, TOKEN_DECIMALS_MAX):
            raise InvalidInput(f"a token has 0 to {TOKEN_DECIMALS_MAX} decimals", field="tokens")
        return symbol, (self._address(address, "tokens"), decimals)

    def _address(self, address: str, where: str) -> str:
        if self.chain.namespace != EIP155:
            is_sound = isinstance(address, str) and _MINT.fullmatch(address) is not None
        else:
            is_sound = isinstance(address, str) and is_address(address) and address != NATIVE
        if not is_sound:
            raise InvalidInput(
                f"{where}: this is not an address, or its checksum is wrong",
                code="invalid_address",
                field=where,
            )
        return checksum_address(address) if self.chain.namespace == EIP155 else address


def resolve_chain(
    chain: "str | int | ChainConfig",
    *,
    rpc_url: str | None = None,
    known: "Iterable[ChainConfig] | None" = None,
) -> ChainConfig:
    """The chain that a name, a number or a CAIP-2 id means; an entry of VALETKEY_CHAINS_FILE comes before the known.

    `rpc_url` takes the place of the entry's own. `known` takes the place of the file. Raises InvalidInput with the code
    `unknown_chain`, and NotConfigured for a file that cannot be read.
    """
    found = (
        chain
        if isinstance(chain, ChainConfig)
        else _entry(chain, configured_chains() if known is None else known)
    )
    return found if rpc_url is None else replace(found, rpc_url=rpc_url)


def configured_chains(path: Path | str | None = None) -> tuple[ChainConfig, ...]:
    """The entries of a file, of VALETKEY_CHAINS_FILE unless told otherwise; none when nothing names one.

    The file is a JSON list of objects with `name`, `chainId`, and, where they are not the usual ones, `rpcUrl`, `coin`,
    `tokens` ({"USDC": {"address": "0x...", "decimals": 6}}), `allowance` and `confirmations`. Raises NotConfigured,
    and InvalidInput for what no ChainConfig may say; neither quotes the file, which may hold a key.
    """
    given = path or os.environ.get(CHAINS_FILE)
    if not given:
        return ()
    entries, problem = None, ""
    try:
        content = Path(given).expanduser().read_bytes()
        if len(content) > FILE_BYTES_MAX:
            problem = "it is too long"
        else:
            entries = msgspec.json.decode(content, type=list[_Entry])
    except OSError as failure:
        problem = failure.strerror or type(failure).__name__
    except (msgspec.MsgspecError, RecursionError) as failure:
        # The decoder names places and types, no contents.
        problem = str(failure)
    if entries is None:
        raise NotConfigured(f"the file of {CHAINS_FILE} says no chains: {problem}")
    found = tuple(one.config() for one in entries)
    for told in ({one.name.lower() for one in found}, {one.chain_id for one in found}):
        if len(told) != len(found):
            raise InvalidInput(
                f"the file of {CHAINS_FILE} names a chain twice", code="chain_collision", field="name"
            )
    return found


def node_of(network: NetworkView, given: str | None, *, is_own: bool) -> str:
    """The node of a network: given, of VALETKEY_CHAINS_FILE, or what the platform tells. Raises NotConfigured.

    `is_own`: VALETKEY_RPC_URL is about the network that an agent settles on, and comes before what the platform tells.
    """
    if given is None:
        named = next((one for one in configured_chains() if one.chain_id == network.chain_id), None)
        given = named.rpc_url if named else None
    if is_own or given is not None:
        return rpc_url_of(given, network.rpc_url)
    if network.rpc_url is None:
        raise NotConfigured(f"which node serves {network.chain}? name it in the file of {CHAINS_FILE}")
    return checked_url(network.rpc_url, "the RPC URL")


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    address: str
    decimals: int


class _Entry(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """An entry of the file; what it leaves out is as a ChainConfig has it."""

    name: str
    chain_id: int
    rpc_url: str | None = None
    coin: str = "ETH"
    tokens: dict[str, _Token] = msgspec.field(default_factory=dict)
    allowance: str | None = None
    confirmations: int = 1

    def config(self) -> ChainConfig:
        tokens = {name: (token.address, token.decimals) for name, token in self.tokens.items()}
        return ChainConfig(
            self.name, self.chain_id, self.rpc_url, self.coin, tokens, self.allowance, self.confirmations
        )


def _entry(chain: str | int, entries: Iterable[ChainConfig]) -> ChainConfig:
    for one in entries:
        if isinstance(chain, str):
            is_meant = _plain(chain) in (one.name.lower(), str(one.chain_id)) or chain == one.chain.id
        else:
            is_meant = not isinstance(chain, bool) and chain == one.chain_id
        if is_meant:
            return one
    found = chain_of(chain)
    return ChainConfig(found.name, found.chain_id, coin=found.coin)


def _plain(name: str) -> str:
    """A name as names are compared: everybody's other names are those chains."""
    return ALIASES.get(name, name).lower()


def _known(chain_id: int) -> Chain | None:
    return next((one for one in CHAINS if one.chain_id == chain_id), None)


def _is_number(given: object, least: int, most: int) -> bool:
    return type(given) is int and least <= given <= most
