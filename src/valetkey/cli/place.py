"""What a command works with: its settings, and the agents of the SDK that they open, for as long as it runs."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import SETTINGS, Configured
from valetkey.cli.secrets_at_hand import STANDARD_INPUT, secret_of
from valetkey.cli.waiting import waiting
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey import BuyerAgent, SellerAgent
    from valetkey.ports.keystore import Keystore
    from valetkey.wire.network import NetworkView

A = TypeVar("A")


class Place:
    """Everything opened here is closed when the command ends. Every method may raise Complaint."""

    def __init__(self, flags: dict[str, Any], *, as_json: bool) -> None:
        self.as_json = as_json
        self.configured = Configured(flags)
        self._closing = ExitStack()
        self._secrets: dict[str, Secret | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._closing.__exit__(*error)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Say what is being waited for, to people."""
        return waiting(what, silent=self.as_json)

    def secret(self, name: str) -> Secret | None:
        """A secret of the settings; None when there is none."""
        if name not in self._secrets:
            found = self.configured.find(name)
            if found.is_file and found.value == STANDARD_INPUT and any(self._secrets.values()):
                # Only the first reader would get anything.
                self._check_standard_input_is_free(name)
            self._secrets[name] = secret_of(found)
        return self._secrets[name]

    def needed(self, name: str) -> Secret:
        """A secret of the settings. Raises Complaint when there is none."""
        found = self.secret(name)
        if found is None:
            setting = SETTINGS[name]
            raise Complaint(
                f"{setting.meaning} is needed",
                Exit.INPUT,
                hint=f"{setting.flag} FILE, or set {setting.variable} or {setting.file_variable}",
            )
        return found

    # Agents

    def owner(self, *, wallet: bool = False) -> "BuyerAgent":
        """The owner by its API key; with its wallet when that is needed, or at hand."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        opened: BuyerAgent = self._opened(BuyerAgent, wallet=wallet)
        return opened

    def seller(self, *, wallet: bool = False) -> "SellerAgent":
        """As `owner`, to sell; a session of a seller when its bundle is given."""
        from valetkey.sdk._sync.seller import SellerAgent

        return self._party(SellerAgent, wallet=wallet)

    def buyer(self, *, wallet: bool = False) -> "BuyerAgent":
        """Who buys: the holder of a session when its bundle is given, otherwise the owner."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        return self._party(BuyerAgent, wallet=wallet)

    def holder(self) -> "BuyerAgent":
        """The holder of a session."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        held: BuyerAgent = self._held(BuyerAgent, self.needed("bundle"))
        return held

    def stranger(self) -> "BuyerAgent":
        """Somebody without a credential, or the owner or holder where one is at hand: for what anybody may ask."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        if self.secret("bundle") is not None or self.secret("api_key") is not None:
            return self._party(BuyerAgent, wallet=False)
        entered: BuyerAgent = self._entered(BuyerAgent(**self.where()))
        return entered

    def network(self) -> "NetworkView":
        """The platform's first network; no credential is needed for that."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        agent: BuyerAgent = self._entered(BuyerAgent(**self.where()))
        return agent.network()

    def where(self) -> dict[str, Any]:
        """How agents are told where everything is."""
        return {
            "base_url": self.base_url(),
            "rpc_url": self.configured.text("rpc_url"),
            "state_dir": self.configured.folder(),
        }

    def keystore(self) -> "Keystore":
        """The file of kept keys, under the passphrase."""
        from valetkey.sdk.opening import open_keystore

        keystore = open_keystore(self.keystore_path(), self.needed("passphrase"))
        self._closing.callback(keystore.close)
        return keystore

    def keystore_path(self) -> Path:
        """Where kept keys are. Raises Complaint when there is no such file."""
        from valetkey.sdk.opening import KEYSTORE_FILE

        given = self.configured.text("keystore")
        path = Path(given).expanduser() if given else self.configured.folder() / KEYSTORE_FILE
        if not path.exists():
            raise Complaint(
                f"there is no keystore at {path}", Exit.NOT_FOUND, hint="--keystore FILE names another"
            )
        return path

    # Inside

    def base_url(self) -> str:
        """Where the platform is. Raises Complaint."""
        url = self.configured.text("base_url")
        if url is None:
            raise Complaint(
                "where is the platform?",
                Exit.INPUT,
                hint="--base-url, VALETKEY_BASE_URL, or base_url in the configuration",
            )
        return url

    def _party(self, kind: type[A], *, wallet: bool) -> A:
        # What was written in the command counts more than what is lying around.
        says_owner = self.configured.find("api_key").source == SETTINGS["api_key"].flag
        bundle = None if says_owner else self.secret("bundle")
        found: A = self._opened(kind, wallet=wallet) if bundle is None else self._held(kind, bundle)
        return found

    def _opened(self, kind: Any, *, wallet: bool) -> Any:
        agent = kind(self.needed("api_key"), **self.where())
        self._entered(agent)
        key = self.needed("owner_key") if wallet else self.secret("owner_key")
        if key is not None:
            agent.init_eoa_wallet(key)
        return agent

    def _held(self, kind: Any, bundle: Secret) -> Any:
        agent = self._entered(kind(**self.where()))
        agent.init_with_session(bundle)
        return agent

    def _entered(self, agent: Any) -> Any:
        self._closing.callback(agent.close)
        return agent

    def _check_standard_input_is_free(self, name: str) -> None:
        for other in self._secrets:
            found = self.configured.find(other)
            if found.is_file and found.value == STANDARD_INPUT:
                raise Complaint(
                    f"{SETTINGS[name].flag} and {SETTINGS[other].flag} cannot both be standard input",
                    Exit.INPUT,
                )
