"""Composition root of a manager: the one place of it that names a concrete store, chain and keystore."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from valetkey.core.addresses import canonical_address
from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore, KeystoreUnusable
from valetkey.ports.relays import RelayLimits
from valetkey.ports.signer import Ed25519Signer, Signer
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk.chain_config import ChainConfig, resolve_chain
from valetkey.sdk.config import home_of, rpc_url_of
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.keys_at_rest import Lock, lock_from
from valetkey.sdk.manager.delegating import DelegationSide
from valetkey.sdk.manager.granting import GrantSide
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.key_files import ed25519_signer_of
from valetkey.sdk.manager.keys import ED25519, SECP256K1
from valetkey.sdk.manager.local import Local, Observer
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.on_solana import OnSolana
from valetkey.sdk.manager.rules import ZERO_ADDRESS, Lifetimes, address_of
from valetkey.sdk.manager.side import Side

FOLDER = "managers"
FEE_WEI_MAX = 500 * 10**9
KEYSTORE_FILE_BYTES_MAX = 65_536
SOLANA_SECONDS = 60.0
"""How long one transaction of the owner's is waited for."""

SignerLike = Signer | Ed25519Signer | PrivateKey | Secret | str | os.PathLike[str]
"""A private key, the path of a key file, or whatever can sign (ports/signer.py)."""


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
    wait_seconds: float,
    mint: str | None = None,
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
    if mint is not None:
        told = _with_mint(told, token, mint)
    if is_solana(told.chain_id):
        if contract_address is not None:
            raise InvalidInput(
                "on Solana the token program is the cap: no contract", field="contract_address"
            )
        return _open_solana(
            signer,
            told,
            rpc_url=rpc_url,
            path=path,
            lock=lock,
            keystore=keystore,
            token=token,
            gas_payer=gas_payer,
            lifetimes=Lifetimes(lifetime_min, lifetime_max),
            on_event=on_event,
            system_time=system_time,
            wait_seconds=wait_seconds,
        )
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
    return OnEvm(
        path=file,
        chain=told.chain,
        asset=asset,
        contract=contract,
        signer=owner,
        owner=owner.address,
        keys=SECP256K1,
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
        wait_seconds=wait_seconds,
    )


def side_of(local: Local, kept: Kept, wait_seconds: float) -> Side:
    """What a manager asks of its chain."""
    if isinstance(local, OnSolana):
        return DelegationSide(local, kept)
    assert isinstance(local, OnEvm)
    return GrantSide(local, kept, wait_seconds)


def _open_solana(
    signer: SignerLike,
    told: ChainConfig,
    *,
    rpc_url: str | None,
    path: Path | str | None,
    lock: Lock | Secret | str | None,
    keystore: Keystore | None,
    token: str,
    gas_payer: SignerLike | None,
    lifetimes: Lifetimes,
    on_event: Observer | None,
    system_time: Callable[[], float] | None,
    wait_seconds: float,
) -> Local:
    try:
        from valetkey.chains.solana.delegations import SolanaDelegations
        from valetkey.chains.solana.reader import SolanaReader
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "solders":
            raise
        missing = True
    else:
        missing = False
    if missing:
        raise NotConfigured("sessions on Solana need solders: install valetkey[solana]")
    from valetkey.stores.clock import system_time as machine_time
    from valetkey.stores.keystore import open_keystore
    from valetkey.stores.sqlite import open_store

    asset = told.token(token)
    node = rpc_url_of(rpc_url, told.rpc_url)
    owner = ed25519_signer_of(signer)
    payer = owner if gas_payer is None else ed25519_signer_of(gas_payer)
    opened = None if keystore is not None else lock_from(lock)
    file = _file(path, told, owner.address, asset.currency)
    store = open_store(file, system_time=system_time or machine_time)
    if keystore is None:
        assert opened is not None
        keystore = open_keystore(file, opened)
    reader = SolanaReader(told.chain_id, node)
    return OnSolana(
        path=file,
        chain=told.chain,
        asset=asset,
        owner=owner.address,
        keys=ED25519,
        store=store,
        keystore=keystore,
        lifetimes=lifetimes,
        observer=on_event or _unheard,
        owns_keystore=opened is not None,
        wait_seconds=wait_seconds,
        delegations=SolanaDelegations(
            reader, owner, asset.address, asset.decimals, sponsor=payer, wait_seconds=SOLANA_SECONDS
        ),
        reader=reader,
    )


def _with_mint(told: ChainConfig, token: str, mint: str) -> ChainConfig:
    """A cluster on which a symbol is this mint. Raises InvalidInput for another chain, or for no mint."""
    if not is_solana(told.chain_id):
        raise InvalidInput("a mint is a token of Solana", field="mint")
    if token not in CURRENCY_DECIMALS:
        raise InvalidInput(f"no token is called {token}", code="unknown_token", field="token")
    return replace(told, tokens={**told.tokens, token: (mint, CURRENCY_DECIMALS[token])})


def signer_of(given: SignerLike, passphrase: Secret | str | None = None) -> Signer:
    """A signer of a private key, of an Ethereum keystore file with its passphrase, or what is one already.

    Raises NotConfigured for a file that cannot be read, or without a passphrase, InvalidKey for a text that is no key.
    """
    if isinstance(given, os.PathLike):
        return async_open_signer(_of_file(Path(given).expanduser(), passphrase))
    if isinstance(given, str) and not given.startswith("0x") and Path(given).expanduser().is_file():
        return async_open_signer(_of_file(Path(given).expanduser(), passphrase))
    if not isinstance(given, (Signer, PrivateKey, Secret, str)):
        raise NotConfigured("the owner of a session on an EVM chain signs with a secp256k1 key")
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
    name = f"{chain.name}-{canonical_address(owner)}-{currency}.db"
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
