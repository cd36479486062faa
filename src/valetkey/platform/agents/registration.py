"""Registration: a wallet proves itself by a signature, once, and receives an API key."""

from hashlib import sha256

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.errors import ChainUnavailable, ValetkeyError
from valetkey.core.ids import Kind
from valetkey.core.money import format_units
from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.crypto.credentials import credential_hash, new_api_key, new_id
from valetkey.platform.context import Platform
from valetkey.platform.refusing import Conflict, RefusedRequest
from valetkey.wire.agents import RegisterRequest, RegisterResponse
from valetkey.wire.registration import TOLERANCE_SECONDS, ProvenWallet, verify_registration

FAUCETS = {
    "usdc": "https://faucet.circle.com",
    "eth": "https://www.alchemy.com/faucets/base-sepolia",
}


KEY_NAME = "registration"
"""What a key is called that a wallet's signature gave."""


async def register(platform: Platform, asked: RegisterRequest) -> RegisterResponse:
    """Register a wallet, or give a registered one another key, and take every other one back when it asks for that.

    Raises what wire/registration.py and the gate say, and a refusal when the agent has too many keys.
    """
    now = platform.clock.now()
    wallet = verify_registration(asked.wallet_address, asked.message, asked.signature, now)
    known = await platform.store.agent_of_wallet(wallet.address)
    if known is None:
        await _check_balance(platform, wallet.address)
    # Whoever saw the message go by must not get a key with it: each one registers once.
    once = sha256(f"registration {wallet.address} {wallet.timestamp}".encode()).digest()
    if not await platform.store.use_once(once, wallet.timestamp + TOLERANCE_SECONDS + 1):
        raise Conflict("This registration was used before; sign a new message", code="registration_replayed")
    key = new_api_key()
    key_hash = credential_hash(key.reveal())
    if known is None:
        agent = _new_agent(asked, wallet, now)
        if not await platform.store.add_agent(agent, key_hash, _new_key(agent, now)):
            known = await platform.store.agent_of_wallet(wallet.address)
            if known is None:
                raise Conflict("An agent with this name exists", code="agent_name_taken")
    if known is not None:
        agent = known
        full = await platform.store.add_api_key(
            _new_key(agent, now), key_hash, revoke_others=asked.revoke_others
        )
        if full is not None:
            raise RefusedRequest(full)
    return RegisterResponse(
        success=True,
        api_key=key.reveal(),
        agent_id=agent.id,
        developer_id=agent.developer_id,
        wallet_address=agent.wallet_address,
    )


def _new_agent(asked: RegisterRequest, wallet: ProvenWallet, now: int) -> Agent:
    name = asked.agent_name.strip()
    if len(name) < 3:
        raise ValetkeyError("An agent's name has at least 3 characters", code="validation_failed")
    if not name.isprintable():
        # What nobody sees would make one name look like another.
        raise ValetkeyError("An agent's name has printable characters only", code="validation_failed")
    return Agent(
        id=new_id(Kind.AGENT),
        developer_id=new_id(Kind.DEVELOPER),
        name=name,
        description=asked.agent_description or asked.description or "",
        wallet_address=wallet.address,
        public_key=wallet.public_key,
        created_at=now,
        last_seen_at=now,
    )


def _new_key(agent: Agent, now: int) -> ApiKey:
    return ApiKey(
        id=new_id(Kind.API_KEY),
        owner_id=agent.id,
        name=KEY_NAME,
        scopes=frozenset({Scope.FULL}),
        created_at=now,
    )


async def _check_balance(platform: Platform, address: str) -> None:
    required = platform.settings.registration_units
    if required == 0 or platform.settings.test_mode:
        return
    best = 0
    failure: ChainUnavailable | None = None
    for network in platform.networks.values():
        try:
            best = max(best, await network.reader.token_balance(address))
        except ChainUnavailable as error:
            failure = error
    if best >= required:
        return
    if failure is not None:
        raise failure
    needed = format_units(required, 6)
    reason = Refusal(
        Code.INSUFFICIENT_BALANCE,
        "balance",
        "Insufficient wallet balance",
        asked=required,
        limit=required,
        remaining=best,
        hint=f"send at least {needed} USDC to {address} and register again",
    )
    view = platform.main_network.view
    raise RefusedRequest(
        Refused((reason,)),
        {
            "required": {"usdc": needed, "eth": "0.001", "recommended": "10"},
            "faucets": FAUCETS,
            "current": {"wallet": address, "usdc": format_units(best, 6)},
            "usdcContract": {"address": view.contracts.usdc, "chainId": view.chain_id},
            "help": [
                f"Send USDC to {address} on {view.network}",
                "Test USDC is free at the faucet",
                "Then register again with a new signature",
            ],
            "note": "The balance is only read; nothing is taken.",
        },
    )
