"""Composition root of a manager: the one place of it that names a concrete store, chain and keystore."""

import os
from collections.abc import Callable
from pathlib import Path

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore, KeystoreUnusable
from valetkey.ports.relays import RelayLimits
from valetkey.ports.signer import Signer
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk.chain_config import ChainConfig, resolve_chain
from valetkey.sdk.config import home_of, rpc_url_of
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.keys_at_rest import Lock, lock_from
from valetkey.sdk.manager.local import Local, Observer
from valetkey.sdk.manager.rules import ZERO_ADDRESS, Lifetimes, address_of

FOLDER = "managers"
FEE_WEI_MAX = 500 * 10**9
KEYSTORE_FILE_BYTES_MAX = 65_536

SignerLike = Signer | PrivateKey | Secret | str | os.PathLike[str]
"""A private key in hex, the path of an Ethereum keystore file, or whatever can sign (ports/signer.py)."""


def open_local(
    signer: SignerLike,
    contract_address: str | None,
    *,
    chain: str | int | ChainConfig,
    rpc_url: str | None,
    path: Path | str | None,
    lock: Lock | Secret | str | None,
    keystore: Keystore | None,
    signer_passphrase: Secret | str | None,
    token: str,
    confirmations: int | None,
    gas_payer: SignerLike | None,
    gas_wei_day: int | None,
    fee_wei_max: int,
    lifetime_min: int,
    lifetime_max: int,
    on_event: Observer | None,
    system_time: Callable[[], float] | None,
) -> Local:
    """Open everything; no node is asked yet. Raises InvalidInput, NotConfigured, StoreUnreadable, KeystoreUnusable."""
    # Imported late: whoever makes no manager needs none of it.
    from valetkey.chains.evm.networks import Network
    from valetkey.chains.evm.reader import EvmReader
    from valetkey.chains.evm.sender import EvmSender
    from valetkey.stores.clock import system_time as machine_time
    from valetkey.stores.keystore import open_keystore
    from valetkey.stores.sqlite import open_store

    told = resolve_chain(chain)
    if is_solana(told.chain_id):
        raise InvalidInput("a manager's contract is one of an EVM chain", code="unknown_chain", field="chain")
    contract = address_of(contract_address or told.allowance or "", "contract_address")
    asset = told.token(token)
    if asset.address == ZERO_ADDRESS:
        raise InvalidInput("a chain's own coin has no allowance: name a token", field="token")
    node = rpc_url_of(rpc_url, told.rpc_url)
    depth = told.confirmations if confirmations is None else confirmations
    if type(depth) is not int or depth < 1:
        raise InvalidInput("a block confirms itself: confirmations are at least 1", field="confirmations")
    owner = signer_of(signer, signer_passphrase)
    payer = owner if gas_payer is None else signer_of(gas_payer, signer_passphrase)
    # Before a file is made: without a secret for the keys there is no manager.
    opened = None if keystore is not None else lock_from(lock)
    file = _file(path, told, owner.address, asset.currency)
    network = Network(
        name=told.name,
        chain=told.name,
        chain_id=told.chain_id,
        rpc_url=node,
        escrow=ZERO_ADDRESS,
        score=ZERO_ADDRESS,
        usdc=asset.address,
        confirmations=depth,
    )
    store = open_store(file, system_time=system_time or machine_time)
    if keystore is None:
        assert opened is not None
        keystore = open_keystore(file, opened)
    sender = EvmSender(node, told.chain_id, owner)
    return Local(
        path=file,
        chain=told.chain,
        asset=asset,
        contract=contract,
        signer=owner,
        store=store,
        keystore=keystore,
        reader=EvmReader(network, node, confirmations=depth),
        sender=sender if payer is owner else EvmSender(node, told.chain_id, payer),
        owner_sender=sender,
        lifetimes=Lifetimes(lifetime_min, lifetime_max),
        limits=RelayLimits(gas_wei_day, None),
        fee_wei_max=fee_wei_max,
        observer=on_event or _unheard,
        owns_keystore=opened is not None,
    )


def signer_of(given: SignerLike, passphrase: Secret | str | None = None) -> Signer:
    """A signer of a private key, of an Ethereum keystore file with its passphrase, or what is one already.

    Raises NotConfigured for a file that cannot be read, or without a passphrase, InvalidKey for a text that is no key.
    """
    if isinstance(given, os.PathLike):
        return async_open_signer(_of_file(Path(given).expanduser(), passphrase))
    if isinstance(given, str) and not given.startswith("0x") and Path(given).expanduser().is_file():
        return async_open_signer(_of_file(Path(given).expanduser(), passphrase))
    return async_open_signer(given)


def _of_file(path: Path, passphrase: Secret | str | None) -> PrivateKey:
    """The key in an Ethereum keystore file (version 3)."""
    if passphrase is None:
        raise NotConfigured("an Ethereum keystore file is opened with its passphrase: pass signer_passphrase")
    from valetkey.chains.evm.keystore_file import read_key

    text = passphrase.reveal() if isinstance(passphrase, Secret) else passphrase
    problem = ""
    try:
        if path.stat().st_size > KEYSTORE_FILE_BYTES_MAX:
            problem = "it is too long"
        else:
            content = path.read_bytes()
    except OSError as error:
        problem = error.strerror or "unknown"
    if problem:
        raise NotConfigured(f"the Ethereum keystore file cannot be read: {problem}")
    return read_key(content, text)


def _unheard(what: str, whom: str) -> None:
    """For who wants to be told nothing."""


def _file(path: Path | str | None, chain: ChainConfig, owner: str, currency: str) -> Path:
    """The database's path, in a folder that exists and is its owner's alone."""
    name = f"{chain.name}-{owner.lower()}-{currency}.db"
    chosen = home_of(None) / FOLDER / name if path is None else Path(path).expanduser()
    try:
        # By whatever links it is reached: the locks beside it are the same for every process.
        chosen = chosen.resolve()
        chosen.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError) as error:
        # RuntimeError: links that go round, in Python before 3.13.
        problem = getattr(error, "strerror", None) or "it is no place for a file"
    else:
        return chosen
    raise KeystoreUnusable(f"the folder cannot be made: {problem}")
