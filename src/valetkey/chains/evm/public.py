"""Escrow, Score and SessionAllowance on a public chain: where they belong, what is missing, and whether all holds.

Their addresses follow from their code and the roles (CREATE2), so that a deployment that was interrupted goes on, one
that is done does nothing, and anybody can check it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from valetkey.chains.evm import contracts, create2
from valetkey.chains.evm.contracts import Name
from valetkey.chains.evm.deployer import Deployer, DeploymentFailed, creation_of, selector, switch, word
from valetkey.chains.evm.networks import Addresses
from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY
from valetkey.crypto.keys import checksum_address

SETTING_GAS = 60_000
"""What a call of the owner takes about, as long as it cannot be tried because its contract is not there."""

OVERHEAD_GAS = 60_000
"""What creating through the proxy takes beyond creating."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who is who, EIP-55. owner: may set everything in escrow and score. treasury: gets the fees. resolver: decides
    disputes. tokens: what the escrow takes."""

    owner: str
    treasury: str
    resolver: str
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("owner", "treasury", "resolver"):
            if getattr(self, name) == NOBODY:
                raise InvalidInput(f"the {name} is not the zero address", field=name)
        if not self.tokens or NOBODY in self.tokens:
            raise InvalidInput(
                "an escrow takes at least one token, and none is the zero address", field="tokens"
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """A contract: where it belongs (EIP-55), how it is created, whether it is there, and the gas of creating it."""

    name: Name
    address: str
    creation: bytes = field(repr=False)
    is_there: bool
    gas: int


@dataclass(frozen=True, slots=True)
class Setting:
    """A call that only the owner may make, and whether what it says is so."""

    text: str
    to: str
    data: bytes = field(repr=False)
    is_done: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What a deployment is, and what is missing of it. Wei."""

    chain_id: int
    deployer: str
    balance: int
    fee_per_gas: int
    roles: Roles
    pieces: tuple[Piece, ...]
    settings: tuple[Setting, ...]
    has_proxy: bool

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing."""
        return all(one.is_there for one in self.pieces) and all(one.is_done for one in self.settings)

    @property
    def by_owner(self) -> bool:
        """Whether the deployer may make the owner's calls."""
        return self.deployer == self.roles.owner

    @property
    def gas(self) -> int:
        """About what is missing takes."""
        missing = sum(one.gas for one in self.pieces if not one.is_there)
        calls = sum(SETTING_GAS for one in self.settings if not one.is_done) if self.by_owner else 0
        return missing + calls + (0 if self.has_proxy else 2 * SETTING_GAS)

    @property
    def cost(self) -> int:
        """Wei that it takes about; with the proxy, where that is missing."""
        return self.gas * self.fee_per_gas + (0 if self.has_proxy else create2.PROXY_WEI)

    def address(self, name: Name) -> str:
        """Where a contract belongs."""
        return next(one.address for one in self.pieces if one.name == name)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be so: what was expected, and what the chain says."""

    what: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        return self.expected == self.found


async def survey(deployer: Deployer, chain_id: int, roles: Roles) -> Survey:
    """Look at everything; nothing is sent.

    Raises InvalidInput for a token that is not on this chain, ChainUnavailable, DeploymentFailed.
    """
    for token in roles.tokens:
        if not await deployer.code(token):
            raise InvalidInput(f"there is no token {token} on chain {chain_id}", field="tokens")
    pieces = []
    for name, creation in _creations(roles).items():
        address = create2.address_of(creation)
        is_there = bool(await deployer.code(address))
        gas = 0 if is_there else await deployer.creation_gas(creation) + OVERHEAD_GAS
        pieces.append(Piece(name, address, creation, is_there, gas))
    known = {one.name: one for one in pieces}
    settings = [
        await _setting(deployer, "Score", known, "setRecorder(address,bool)", "isRecorder(address)"),
        await _setting(deployer, "Escrow", known, "setAllowance(address)", "allowance()"),
    ]
    return Survey(
        chain_id=chain_id,
        deployer=deployer.address,
        balance=await deployer.balance(),
        fee_per_gas=await deployer.fee_per_gas(),
        roles=roles,
        pieces=tuple(pieces),
        settings=tuple(settings),
        has_proxy=await deployer.has_proxy(),
    )


async def carry_out(deployer: Deployer, found: Survey, said: Callable[[str], None]) -> None:
    """Send what is missing, one after the other; what only another owner may do stays to be done.

    Raises InvalidInput when the balance is less than it takes about, ChainUnavailable, DeploymentFailed. Doing it again
    goes on where it ended, also when what was sent before is not in a block yet.
    """
    if await deployer.settled():
        found = await survey(deployer, found.chain_id, found.roles)
    if found.is_done:
        return
    if found.balance < found.cost:
        raise InvalidInput(
            f"{found.deployer} has {found.balance} wei, and the deployment takes about {found.cost}",
            field="balance",
        )
    if any(not one.is_there for one in found.pieces):
        await deployer.bring_proxy()
    for one in found.pieces:
        if not one.is_there:
            said(f"{one.name} to {one.address}")
            await deployer.send(create2.PROXY, create2.SALT + one.creation)
            if not await deployer.code(one.address):
                raise DeploymentFailed(f"{one.name} is not where it belongs")
    if found.by_owner:
        for setting in found.settings:
            if not setting.is_done:
                said(setting.text)
                await deployer.send(setting.to, setting.data)


async def verify(
    deployer: Deployer, at: Addresses, allowance: str | None, roles: Roles | None
) -> list[Check]:
    """Whether the contracts are ours and are set up; with roles, whether they are these."""
    checks = []
    for name, address in (("Escrow", at.escrow), ("Score", at.score), ("SessionAllowance", allowance)):
        if address is None:
            checks.append(Check(f"{name}: code", "ours", "no address"))
            continue
        code = await deployer.code(address)
        is_ours = code == contracts.runtime_code(name)  # type: ignore[arg-type]
        checks.append(Check(f"{name}: code", "ours", "ours" if is_ours else "another" if code else "none"))
    token = await deployer.code(at.usdc)
    checks.append(Check("token: code", "a contract", "a contract" if token else "none"))
    if any(not one.holds for one in checks[:2]):
        # What another contract answers says nothing.
        return checks
    flags = (
        ("Escrow: score", at.score, _account(await deployer.view(at.escrow, "score()"))),
        ("Escrow: allowance", allowance or NOBODY, _account(await deployer.view(at.escrow, "allowance()"))),
        ("Escrow: token supported", "yes", _yes(await deployer.view(at.escrow, _SUPPORTED, word(at.usdc)))),
        ("Escrow: paused", "no", _yes(await deployer.view(at.escrow, "paused()"))),
        ("Score: escrow records", "yes", _yes(await deployer.view(at.score, _RECORDS, word(at.escrow)))),
    )
    checks += [Check(*one) for one in flags]
    for what, contract, view, wanted in (
        ("Escrow: owner", at.escrow, "owner()", roles and roles.owner),
        ("Score: owner", at.score, "owner()", roles and roles.owner),
        ("Escrow: pending owner", at.escrow, "pendingOwner()", NOBODY),
        ("Score: pending owner", at.score, "pendingOwner()", NOBODY),
        ("Escrow: treasury", at.escrow, "treasury()", roles and roles.treasury),
        ("Escrow: resolver", at.escrow, "resolver()", roles and roles.resolver),
    ):
        found = _account(await deployer.view(contract, view))
        checks.append(Check(what, wanted or found, found))
    return checks


_SUPPORTED, _RECORDS = "isTokenSupported(address)", "isRecorder(address)"


def _creations(roles: Roles) -> dict[Name, bytes]:
    score = creation_of("Score", [roles.owner])
    escrow = creation_of(
        "Escrow",
        [roles.owner, roles.treasury, roles.resolver, create2.address_of(score), list(roles.tokens)],
    )
    return {"Score": score, "SessionAllowance": creation_of("SessionAllowance", []), "Escrow": escrow}


async def _setting(
    deployer: Deployer, whose: Name, known: dict[Name, Piece], function: str, view: str
) -> Setting:
    about = known["Escrow" if whose == "Score" else "SessionAllowance"].address
    to = known[whose].address
    data = switch(function, about) if "bool" in function else selector(function) + word(about)
    is_done = False
    if known[whose].is_there:
        answer = await deployer.view(to, view, word(about) if "address" in view else b"")
        is_done = any(answer) if "address" in view else answer == word(about)
    return Setting(f"{whose}.{function.partition('(')[0]}({about})", to, data, is_done)


def _account(answer: bytes) -> str:
    return checksum_address("0x" + answer[-20:].hex())


def _yes(answer: bytes) -> str:
    return "yes" if any(answer) else "no"
