# Generated from src/valetkey/sdk/_async/agent.py by scripts/generate_sync.py: edit that file instead.
"""What every agent is: a connection to a platform, a credential, perhaps a wallet, perhaps a session."""

import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Signer
from valetkey.sdk import config
from valetkey.sdk._sync.connect import open_signer, open_wallet
from valetkey.sdk._sync.connection import Connection
from valetkey.sdk._sync.desk import Desk
from valetkey.sdk._sync.wallet import Wallet
from valetkey.sdk.chain_config import node_of
from valetkey.sdk.errors import Conflict, InstructionsDiffer, NotConfigured, WrongNetwork
from valetkey.sdk.journal import Journal
from valetkey.sdk.proving import Prover
from valetkey.sdk.state import StateFolder
from valetkey.seam import sleep
from valetkey.wire.agents import PublicKey, RegisterRequest, RegisterResponse
from valetkey.wire.attenuation import AttenuateRequest
from valetkey.wire.bundle import Bundle
from valetkey.wire.child_bundle import Narrowings
from valetkey.wire.http import encode
from valetkey.wire.network import NetworkList, NetworkView
from valetkey.wire.registration import build_message
from valetkey.wire.sealed_bundle import read_handed
from valetkey.wire.sessions import SessionTree, SessionView
from valetkey.wire.transactions import TransactionPage, TransactionView

REGISTRATIONS_MAX = 3

NETWORK = "network"
"""The room of the state folder that remembers the networks that platforms served last, by the numbers of their chains;
and the name of the one that a platform named first."""

CHAINS = "chains"
"""The room of the state folder that remembers on which chain the wallet of a session is."""

OWNERS = "owners"
"""The room of the state folder that remembers to whom the money of a session goes back."""


class Agent:
    """Common ground of buyers and sellers. Use it as a context manager, or call `close`.

    `api_key`: an owner's key; None until `register` or `init_with_session` brings a credential. `base_url`
    otherwise comes from VALETKEY_BASE_URL, `rpc_url` from VALETKEY_RPC_URL or the platform, `state_dir` from
    VALETKEY_HOME. Raises NotConfigured.
    """

    def __init__(
        self,
        api_key: Secret | str | None = None,
        *,
        base_url: str | None = None,
        rpc_url: str | None = None,
        state_dir: Path | str | None = None,
    ) -> None:
        self.api_key = Secret(api_key) if isinstance(api_key, str) else api_key
        self.agent_id: str | None = None
        self.session: SessionView | None = None
        self._held: Bundle | None = None
        self._rpc_url = rpc_url
        self._state = StateFolder(config.home_of(state_dir))
        self._base_url = config.base_url_of(base_url)
        self._client = Connection(self._base_url, self.api_key, version("valetkey"))
        self._signer: Signer | None = None
        self._crypto: PrivateKey | None = None
        self._served: NetworkView | None = None
        self._networks: dict[int, NetworkView] = {}
        self._wallets: dict[tuple[int, str], Wallet] = {}

    @classmethod
    def register(
        cls,
        wallet: str | Secret | PrivateKey | Signer,
        name: str,
        description: str | None = None,
        *,
        base_url: str | None = None,
        rpc_url: str | None = None,
        state_dir: Path | str | None = None,
        revoke_others: bool = False,
    ) -> Self:
        """Register a wallet by its signature, and return an agent with its API key.

        `wallet` is a private key in hex, a PrivateKey or a signer. A wallet that is registered already gets
        another key for the same agent; with `revoke_others` every other key of it is revoked, as after a leak.
        Raises AgentNameTaken, InsufficientBalance, InvalidInput, KeysFull.
        """
        signer = open_signer(wallet)
        agent = cls(base_url=base_url, rpc_url=rpc_url, state_dir=state_dir)
        registered = False
        try:
            answer = agent._registered(signer, name, description, revoke_others)
            registered = True
        finally:
            if not registered:
                agent.close()
        agent._use(Secret(answer.api_key))
        agent.agent_id = answer.agent_id
        return agent

    def init_eoa_wallet(self, wallet: str | Secret | PrivateKey | Signer) -> str:
        """Use a wallet for payments and signatures; returns its address.

        A private key also opens encrypted payloads; with any other signer, call `init_crypto` for that.
        """
        self._signer = open_signer(wallet)
        if not isinstance(wallet, Signer):
            self._crypto = _private_key(wallet)
        return self._signer.address

    def init_crypto(self, private_key: str | Secret | PrivateKey) -> str:
        """Use a key for encrypted payloads; returns its public key, 66 hex digits."""
        self._crypto = _private_key(private_key)
        return self._crypto.public_key_compressed.hex()

    def init_with_session(
        self,
        bundle: str | bytes | Secret,
        *,
        identity: Secret | str | None = None,
        passphrase: Secret | str | None = None,
    ) -> SessionView | None:
        """Become the delegate of a session: its token, wallet and keys replace what was there.

        A sealed bundle is opened with the age `identity` (AGE-SECRET-KEY-1..., or the text of a file of such) that it
        was sealed to, or with its `passphrase`; nothing of it is written anywhere. Asks the platform for chain, policy
        and funding mode, and registers a session that was made out of another one. None when the bundle has no token,
        as those of some third-party sellers. Raises BundleError, BundleExpired, SessionRevoked, NotNarrower; what the
        agent was before it stays, unless the bundle could be read.
        """
        text = bundle.reveal() if isinstance(bundle, Secret) else bundle
        held, narrowings = read_handed(
            text, int(time.time()), identity=_secret(identity), passphrase=_secret(passphrase)
        )
        return self._become(held, narrowings)

    @property
    def wallet_address(self) -> str:
        """The address of the wallet in use, EIP-55. Raises NotConfigured."""
        return self._need_signer().address

    def close(self) -> None:
        """Close every connection."""
        wallets, self._wallets = self._wallets, {}
        for wallet in wallets.values():
            wallet.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.agent_id or 'without an id'}>"

    # What both sides ask

    def network(self, chain: str | int | None = None) -> NetworkView:
        """The network of the session that is held, the platform's first one otherwise: chain, contracts, confirmations.

        `chain`: another one that is served, by the name or number of its chain. Raises WrongNetwork when it is not.
        """
        if self._served is None:
            self._served = self._client.get("/network", NetworkView)
            # Remembered for the day on which no platform answers: see stopping.py.
            self._state.write(NETWORK, NETWORK, encode(self._served))
            self._met(self._served)
        if chain is None:
            return self._served
        for one in (self._served, *self._networks.values()):
            if _is_named(one, chain):
                return one
        for one in self.networks():
            if _is_named(one, chain):
                return one
        raise WrongNetwork(f"this platform does not serve the chain {chain}")

    def networks(self) -> list[NetworkView]:
        """Every network that the platform serves, its first one first."""
        found = (self._client.get("/networks", NetworkList)).networks
        for one in found:
            self._met(one)
        return found

    def get_transaction(self, transaction_id: str) -> TransactionView:
        """A purchase as the caller sees it. Raises NotFound."""
        return self._client.get(f"/transactions/{segment(transaction_id)}", TransactionView)

    def list_transactions(
        self, *, role: str = "all", status: str | None = None, limit: int = 20, offset: int = 0
    ) -> TransactionPage:
        """A page of purchases, newest first; `role` is buyer, seller or all. A seller's escrowed ones: oldest first."""
        query = {"role": role, "status": status, "limit": limit, "offset": offset}
        return self._client.get("/transactions", TransactionPage, query)

    def public_key(self, agent_id: str, *, service_id: str | None = None) -> bytes:
        """The key to encrypt payloads for an agent to, 33 bytes; for a service, that of whoever serves it."""
        path = f"/agents/{segment(agent_id)}/public-key"
        answer = self._client.get(path, PublicKey, {"serviceId": service_id})
        return bytes.fromhex(answer.public_key)

    # Inside

    def _become(
        self, held: Bundle, narrowings: Narrowings = (), prover: Prover | None = None
    ) -> SessionView | None:
        if held.token:
            self._use(held.token, prover)
        self.init_eoa_wallet(held.wallet_private_key)
        self._crypto, self._held = held.e2e_private_key, held
        self.agent_id = held.agent_id or None
        self.session = self._served = None
        if not held.token:
            return None
        if narrowings:
            self._register_line(narrowings, held)
        view = self._client.get("/agents/session/self", SessionView)
        if view.session_wallet is not None and view.session_wallet.lower() != held.wallet_address.lower():
            raise InstructionsDiffer("the platform knows this session with another wallet")
        self.session, self._served, self.agent_id = view, view.network, view.agent_id
        self._met(view.network)
        self._settle_on(held.wallet_address, view.network)
        # The way home is remembered: after the session's end nobody answers its token.
        self._state.write(OWNERS, held.wallet_address, view.owner_wallet.encode())
        return view

    def _met(self, network: NetworkView) -> None:
        """Remember a network, for the day on which no platform answers."""
        if self._networks.get(network.chain_id) != network:
            self._networks[network.chain_id] = network
            self._state.write(NETWORK, str(network.chain_id), encode(network))

    def _settle_on(self, wallet_address: str, network: NetworkView) -> None:
        """Remember on which chain the wallet of a session is."""
        self._state.write(CHAINS, wallet_address.lower(), str(network.chain_id).encode("ascii"))

    def _registered(
        self, signer: Signer, name: str, description: str | None, revoke_others: bool
    ) -> RegisterResponse:
        for tries_left in reversed(range(REGISTRATIONS_MAX)):
            message = build_message(signer.address, int(time.time()))
            asked = RegisterRequest(
                wallet_address=signer.address,
                message=message,
                signature="0x" + signer.sign_message(message.encode("utf-8")).hex(),
                agent_name=name,
                agent_description=description,
                revoke_others=revoke_others,
            )
            try:
                return self._client.send_flat("/agents/register", RegisterResponse, asked)
            except Conflict as conflict:
                # A message works once, and two of one second are the same.
                if conflict.code != "registration_replayed" or not tries_left:
                    raise
            sleep(1.0)
        raise AssertionError("the last try returns or raises")

    def _register_line(self, narrowings: Narrowings, bundle: Bundle) -> SessionTree:
        """`bundle`: that of the session which the last narrowing makes."""
        key = bundle.wallet_private_key.public_key_compressed.hex()
        asked = AttenuateRequest(narrowings=list(narrowings), session_public_key=key)
        return self._client.send("POST", "/agents/session/attenuate", SessionTree, asked, repeat=True)

    def _use(self, credential: Secret, prover: Prover | None = None) -> None:
        self.api_key = self._client.credential = credential
        self._client.prover = prover

    def _need_signer(self) -> Signer:
        if self._signer is None:
            raise NotConfigured("this needs a wallet: call init_eoa_wallet or init_with_session first")
        return self._signer

    def _need_crypto(self) -> PrivateKey:
        if self._crypto is None:
            raise NotConfigured("encrypted payloads need a key: call init_crypto first")
        return self._crypto

    def _desk(self, signer: Signer | None = None, network: NetworkView | None = None) -> Desk:
        """The desk of a wallet on a network: the agent's own wallet, and its own network, unless told otherwise."""
        signer = signer or self._need_signer()
        own = self.network()
        network = network or own
        place = (network.chain_id, signer.address)
        wallet = self._wallets.get(place)
        if wallet is None:
            wallet = self._wallets[place] = open_wallet(network, self._node(network, own), signer)
        return Desk(wallet, Journal(self._state, network.chain_id, signer.address))

    def _node(self, network: NetworkView, own: NetworkView) -> str:
        """The node of a network: one that was named for the agent is of its own network."""
        is_own = network.chain_id == own.chain_id
        return node_of(network, self._rpc_url if is_own else None, is_own=is_own)


def _secret(given: Secret | str | None) -> Secret | None:
    return Secret(given) if isinstance(given, str) else given


def _private_key(key: str | Secret | PrivateKey) -> PrivateKey:
    if isinstance(key, Secret):
        key = key.reveal()
    return PrivateKey.from_hex(key) if isinstance(key, str) else key


def _is_named(network: NetworkView, chain: str | int) -> bool:
    """Whether a chain's name or number, or the platform's own name of the network, means this network."""
    return chain in (network.chain_id, str(network.chain_id), network.chain, network.network)


def segment(text: str) -> str:
    """An id as a part of a path: what it holds must not lead to another one. Raises InvalidInput."""
    # A path with dots, or with nothing, in the place of an id is the path of something else.
    if text in ("", ".", ".."):
        raise InvalidInput("this is not an id")
    return quote(text, safe="", errors="replace")
