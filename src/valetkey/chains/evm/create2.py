"""Contracts at addresses that follow from their code alone, the same on every chain (CREATE2, EIP-1014).

They are created by the deterministic deployment proxy, which anybody can put on a chain by a transaction whose sender
nobody has the key of. Source of its code and of that transaction: github.com/Arachnid/deterministic-deployment-proxy.
"""

from valetkey.crypto.keys import checksum_address, keccak256

PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd"
    "5b8082525050506014600cf3"
)
PROXY_MAKER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
PROXY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    + PROXY_CODE.hex()
    + "1ba0"
    + "22" * 32
    + "a0"
    + "22" * 32
)
"""Signed for no chain in particular (before EIP-155): 100,000 gas at 100 gwei."""

PROXY_TRANSACTION_HASH = "0x" + keccak256(PROXY_TRANSACTION).hex()
PROXY_WEI = 100_000 * 100 * 10**9
SALT = bytes(32)


def address_of(creation: bytes, salt: bytes = SALT) -> str:
    """Where the proxy puts a contract (EIP-55), by the code that creates it with its constructor's arguments."""
    seed = b"\xff" + bytes.fromhex(PROXY[2:]) + salt + keccak256(creation)
    return checksum_address("0x" + keccak256(seed)[-20:].hex())
