"""A development stack: chain, contracts and platform as processes of their own, and a funded owner."""

import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from valetkey.cli.children import Child, TemporaryFolder, own_environment
from valetkey.cli.complaint import Complaint
from valetkey.cli.dev_rpc import ETH, USDC, DevRpc
from valetkey.cli.folder import StackFolder
from valetkey.cli.serving import listen
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit
from valetkey.wire.network import Contracts

LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
OWNER_WEI = 100 * ETH
OWNER_UNITS = 10_000 * USDC
RELAYER_WEI = 10 * ETH

Say = Callable[[str], None]


class RunningChain(Protocol):
    """An embedded chain that answers on loopback."""

    rpc_url: str
    chain_id: int

    @property
    def pid(self) -> int: ...

    @property
    def alive(self) -> bool: ...

    def stop(self) -> None: ...


class Chains(Protocol):
    """What embedded.py knows about chains, and nobody else here."""

    def start(self, port: int, data: Path | None) -> RunningChain: ...

    def deploy(self, rpc_url: str) -> Contracts: ...

    def resolver_key(self) -> PrivateKey:
        """Of the account that decides disputes on a development chain: who deployed the contracts."""
        ...

    def warm_up(self) -> None:
        """Import what deploying needs, while the chain starts."""

    def prepare_database(self, database: Secret) -> bool:
        """Bring a database's tables to this version; whether nobody has registered there yet."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a stack. Port 0 is any free one; without `data` everything is temporary.

    studio_port: where the console listens; None for none. database: the URL of a PostgreSQL database; None for a file
    of SQLite in the folder.
    """

    port: int = 0
    rpc_port: int = 0
    test_mode: bool = False
    data: Path | None = None
    studio_port: int | None = None
    database: Secret | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. Its key and its secrets are shown to whoever started it, and to nobody else."""

    base_url: str
    rpc_url: str
    chain_id: int
    contracts: Contracts
    owner_key: PrivateKey
    webhook_secret: Secret
    operator_token: Secret
    folder: StackFolder
    platform: Child
    chain: RunningChain
    relayer: str
    database: str
    studio: Child | None = None
    studio_url: str | None = None
    studio_token: Secret | None = None

    def who_died(self) -> str | None:
        """What to say when a process of the stack is gone, otherwise None."""
        if not self.platform.alive:
            return f"the platform ended (exit {self.platform.process.poll()}):\n{self.platform.last_words()}"
        if self.studio is not None and not self.studio.alive:
            return f"the studio ended (exit {self.studio.process.poll()}):\n{self.studio.last_words()}"
        return None if self.chain.alive else "the chain ended"


@contextmanager
def running_stack(
    plan: Plan, chains: Chains, say: Say, listener: socket.socket | None = None
) -> Iterator[Stack]:
    """Start everything, yield it when everything answers, and leave nothing behind.

    `listener`: where the platform listens, when the caller opened that already.
    """
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(listener or listen(LOOPBACK, plan.port))
        doorway = None
        if plan.studio_port is not None:
            doorway = cleanup.enter_context(listen(LOOPBACK, plan.studio_port))
        if plan.rpc_port:
            listen(LOOPBACK, plan.rpc_port).close()
        temporary = None if plan.data else cleanup.enter_context(TemporaryFolder())
        folder = cleanup.enter_context(StackFolder(plan.data or _path(temporary)))

        if plan.database is not None:
            say("preparing the database")
            _prepare(plan.database, folder, chains)

        say("starting the chain")
        if folder.contracts() is None:
            threading.Thread(target=chains.warm_up, daemon=True).start()
        chain = chains.start(plan.rpc_port, folder.chain if plan.data else None)
        cleanup.callback(chain.stop)
        if temporary:
            temporary.wait_for(chain.pid)
        rpc = DevRpc(chain.rpc_url)
        cleanup.callback(rpc.close)

        say("deploying the contracts")
        contracts = folder.contracts()
        if contracts is None or not all(
            one is not None and rpc.has_code(one)
            for one in (contracts.escrow, contracts.score, contracts.usdc, contracts.allowance)
        ):
            contracts = chains.deploy(chain.rpc_url)
            folder.keep_contracts(contracts)

        say("starting the platform")
        _fuel(rpc, folder.relayer_key().address)
        folder.keep_resolver_key(chains.resolver_key())
        environment = _platform_environment(plan, folder, chain.rpc_url, contracts)
        platform = Child(
            "platform",
            [sys.executable, "-m", "valetkey", "serve", "--fd", str(listener.fileno()), "--stop-with-stdin"],
            environment=environment,
            log=folder.log("platform"),
            pass_fds=(listener.fileno(),),
        )
        cleanup.callback(platform.stop)
        if temporary:
            temporary.wait_for(platform.pid)
        base_url = url_of(listener)
        owner_key = folder.owner_key()
        _fund(rpc, contracts.usdc, owner_key.address)
        _wait_until_ready(base_url, platform)
        listener.close()
        studio, studio_url, token = None, None, None
        if doorway is not None:
            # Whoever comes before it has started waits at its door.
            studio_url = url_of(doorway)
            _register(owner_key, base_url, folder)
            token = Secret(secrets.token_urlsafe(32))
            studio = _studio(folder, base_url, doorway, token)
            cleanup.callback(studio.stop)
            if temporary:
                temporary.wait_for(studio.pid)
            doorway.close()
        yield Stack(
            base_url=base_url,
            rpc_url=chain.rpc_url,
            chain_id=chain.chain_id,
            contracts=contracts,
            owner_key=owner_key,
            webhook_secret=folder.webhook_secret(),
            operator_token=folder.operator_token(),
            folder=folder,
            platform=platform,
            chain=chain,
            relayer=folder.relayer_key().address,
            database=str(folder.database)
            if plan.database is None
            else f"PostgreSQL, {database_name(plan.database)}",
            studio=studio,
            studio_url=studio_url,
            studio_token=token,
        )


def url_of(listener: socket.socket) -> str:
    """The base URL of what listens there."""
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def _register(owner_key: PrivateKey, base_url: str, folder: StackFolder) -> None:
    """Let the platform know the stack's owner, so that its wallet signs in. No key is left over."""
    # Imported late: a stack without a console needs nothing of the SDK.
    from valetkey.sdk._sync.buyer import BuyerAgent
    from valetkey.sdk.errors import NotFound

    state, name = folder.path / "studio", f"owner {owner_key.address}"
    try:
        agent = BuyerAgent.sign_in(
            owner_key, scopes=["read"], expires_in=60, base_url=base_url, state_dir=state
        )
        with agent:
            agent.sign_out()
    except NotFound:
        with BuyerAgent.register(owner_key, name, base_url=base_url, state_dir=state) as registered:
            registered.revoke_api_key(registered.api_keys()[0].id)


def _studio(folder: StackFolder, base_url: str, doorway: socket.socket, token: Secret) -> Child:
    """The console, a client of the platform like any other; it signs for the stack's owner, and for nobody else.

    token: of the address that signs in once. It goes through a pipe: arguments and environments are readable.
    """
    folder.owner_key()
    ours, its = os.pipe()
    try:
        with os.fdopen(its, "wb") as pipe:
            pipe.write(token.reveal().encode("ascii"))
        return Child(
            "studio",
            [
                *(sys.executable, "-m", "valetkey", "studio", "--fd", str(doorway.fileno())),
                *("--sign-in-fd", str(ours), "--stop-with-stdin"),
                *("--key-file", str(folder.secret_file("owner_key"))),
            ],
            environment=own_environment(
                VALETKEY_BASE_URL=base_url, VALETKEY_HOME=str(folder.path / "studio")
            ),
            log=folder.log("studio"),
            pass_fds=(doorway.fileno(), ours),
        )
    finally:
        os.close(ours)


def _path(temporary: TemporaryFolder | None) -> Path:
    assert temporary is not None, "without --data the folder is temporary"
    return temporary.path


def _platform_environment(
    plan: Plan, folder: StackFolder, rpc_url: str, contracts: Contracts
) -> dict[str, str]:
    folder.master_secret()
    folder.webhook_secret()
    folder.operator_token()
    network = {
        "network": "base-sepolia",
        "rpcUrl": rpc_url,
        "publicRpcUrl": rpc_url,
        "escrow": contracts.escrow,
        "score": contracts.score,
        "usdc": contracts.usdc,
        "allowance": contracts.allowance,
        "confirmations": 1,
    }
    if plan.database is None:
        database = {"VALETKEY_DATABASE": str(folder.database)}
    else:
        database = {"VALETKEY_DATABASE_FILE": str(folder.secret_file("database"))}
    return own_environment(
        **database,
        VALETKEY_NETWORKS=json.dumps([network]),
        # Files, not values: an environment is readable in /proc by everybody who runs as us.
        VALETKEY_MASTER_SECRET_FILE=str(folder.secret_file("master_secret")),
        VALETKEY_WEBHOOK_SECRET_FILE=str(folder.secret_file("webhook_secret")),
        VALETKEY_RELAYER_KEY_FILE=str(folder.secret_file("relayer_key")),
        VALETKEY_RESOLVER_KEY_FILE=str(folder.secret_file("resolver_key")),
        VALETKEY_OPERATOR_TOKEN_FILE=str(folder.secret_file("operator_token")),
        VALETKEY_RELAY_SECONDS="1",
        VALETKEY_FOLLOW_SECONDS="1",
        VALETKEY_TEST_MODE="1" if plan.test_mode else "0",
        VALETKEY_RECONCILE_SECONDS="2",
    )


def _prepare(database: Secret, folder: StackFolder, chains: Chains) -> None:
    """Migrate a database for this stack. Raises Complaint when somebody has registered there on another chain.

    What its ledger says would be of a chain that is not ours, and it may be one that people rely on.
    """
    is_unused = chains.prepare_database(database)
    if not is_unused and folder.known_database() != database_name(database):
        raise Complaint(
            f"{database_name(database)} is in use, and not by a chain of {folder.path}",
            Exit.CONFLICT,
            hint="name an empty database, and keep its chain with --data to start on it again",
        )
    folder.keep_database(database, database_name(database))


def database_name(database: Secret) -> str:
    """Host and name of a database, without what opens it."""
    parts = urlsplit(database.reveal())
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _fund(rpc: DevRpc, usdc: str, owner: str) -> None:
    """Give a new owner something to spend; one that was given before keeps what is left."""
    if rpc.wei(owner) == 0:
        rpc.give(owner, OWNER_WEI)
        rpc.mint(usdc, owner, OWNER_UNITS)


def _fuel(rpc: DevRpc, relayer: str) -> None:
    """Give the relayer gas money; one that has some keeps what is left."""
    if rpc.wei(relayer) < RELAYER_WEI:
        rpc.give(relayer, RELAYER_WEI)


def _wait_until_ready(base_url: str, platform: Child) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client(base_url=base_url, timeout=5.0, trust_env=False) as http:
        while time.monotonic() < deadline:
            if not platform.alive:
                break
            try:
                if http.get("/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                pass  # not yet
            time.sleep(0.1)
    raise Complaint(f"the platform did not become ready:\n{platform.last_words()}", Exit.ENVIRONMENT)
