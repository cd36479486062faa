"""Ethereum keystore files (Web3 Secret Storage, version 3), as wallets and nodes write them: the key inside."""

import json

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.keystore import WrongSecret
from valetkey.recursion import recursion_limit_kept


def read_key(content: bytes, passphrase: str) -> PrivateKey:
    """The key of a file. Raises WrongSecret, and InvalidInput for what is no such file; neither quotes it.

    Deriving takes as long as the file says, which is seconds for what wallets write.
    """
    # Imported when it is needed: it takes half a second.
    with recursion_limit_kept():
        from eth_account import Account

    problem: Exception | None = None
    try:
        told = json.loads(content)
        if not isinstance(told, dict):
            raise TypeError
        told = {name.lower(): value for name, value in told.items()}
        if told.get("version") != 3 or not isinstance(told.get("crypto"), dict):
            raise TypeError
        secret = bytes(Account.decrypt(told, passphrase))
    except ValueError as error:
        # The library says so of a wrong passphrase and of a wrong checksum: the MAC does not fit.
        wrong = "MAC" in str(error)
        problem = (
            WrongSecret("the passphrase is not that of the Ethereum keystore file") if wrong else _no_file()
        )
    except (TypeError, LookupError, AttributeError, RuntimeError):
        problem = _no_file()
    if problem is not None:
        raise problem
    return PrivateKey(secret)


def _no_file() -> InvalidInput:
    return InvalidInput("this is no Ethereum keystore file of version 3", field="signer")
