"""A token such as USDT, which changes an allowance only from or to nothing."""

from decimal import Decimal

from eth_abi.abi import encode

from tests.integration.manager.world import HOUR, PAYEE, World, cheap_lock
from tests.integration.sdk.amm import bytecode
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.wallet import Call
from valetkey.sdk.chain_config import ChainConfig
from valetkey.sdk.manager.blocking import SessionKeyManager


def strict_token(world: World) -> str:
    """The token, of which the owner has a thousand."""
    data = "0x" + bytecode("PlainToken").removeprefix("0x") + encode(("string", "bool"), ("DAI", True)).hex()
    sent = world.chain(
        "eth_sendTransaction",
        {"from": world.chain("eth_accounts")[0], "data": data, "gas": hex(4_000_000)},
    )
    token = checksum_address(world.chain("eth_getTransactionReceipt", sent)["contractAddress"])
    minted = keccak256(b"mint(address,uint256)")[:4] + encode(
        ("address", "uint256"), (world.owner.address, 10**21)
    )
    world.send(world.owner, Call(token, minted))
    return token


def test_many_sessions_share_the_allowance_of_a_strict_token(world: World) -> None:
    chain = ChainConfig("baseSepolia", 84532, tokens={"DAI": (strict_token(world), 18)})
    with SessionKeyManager(
        world.owner.to_hex(),
        world.at.allowance,
        chain=chain,
        token="DAI",
        rpc_url=world.chain.rpc_url,
        path=world.file,
        lock=cheap_lock(),
        wait_seconds=30,
    ) as manager:
        first, second = (
            manager.create_session(label=label, spending_limit=10, valid_until=HOUR).session_key_hash
            for label in ("first", "second")
        )
        for key in (first, second):
            assert manager.spend(key, to=PAYEE, amount="1.5").remaining == Decimal("8.5")
            assert manager.exposure(key) == Decimal("8.5")
        manager.revoke_session(first)
        # Down as well, and to nothing.
        assert manager.approve_contract() is not None
        assert manager.exposure(second) == Decimal("8.5")
        manager.revoke_session(second)
        assert manager.approve_contract() is not None
        assert manager.approve_contract() is None
