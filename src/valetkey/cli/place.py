"""What a command works with: its settings, and the agents of the SDK that they open, for as long as it runs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from valetkey.cli import held
from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import FLAG, SETTINGS, Configured, Found
from valetkey.cli.destination import IN_THE_CLEAR, Destination, destination
from valetkey.cli.secrets_at_hand import STANDARD_INPUT, handed_in, is_named_elsewhere, secret_of
from valetkey.cli.waiting import Progress
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey import BuyerAgent, SellerAgent
    from valetkey.ports.keystore import Keystore
    from valetkey.wire.network import NetworkView

A = TypeVar("A")


class Place:
    """Everything opened here is closed when the command ends. Every method may raise Complaint."""

    def __init__(self, flags: dict[str, Any], *, as_json: bool, tells: bool = True) -> None:
        self.as_json = as_json
        self.configured = Configured(flags)
        self._closing = ExitStack()
        self._progress = Progress(silent=as_json)
        self._tells = tells
        self._secrets: dict[str, Secret | None] = {}
        self._reads: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.quiet()
        self._closing.__exit__(*error)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Say what is being waited for, to people."""
        return self._progress.during(what)

    def quiet(self) -> None:
        """Nothing is waited for any more: what is printed now has the terminal for itself."""
        self._progress.end()

    @contextmanager
    def destination(
        self, what: str, out: Path | None, *, printed: bool, flag: str, warning: str = IN_THE_CLEAR
    ) -> Iterator[Destination]:
        """Where a new secret goes: see there."""
        kept = destination(
            what, out, printed=printed, flag=flag, warning=warning, kept=lambda: self.keystore(make=True)
        )
        with kept as place:
            yield place
            self.quiet()
        self._wait("asking the platform")

    def secret(self, name: str) -> Secret | None:
        """A secret of the settings; None when there is none. A bundle that is sealed is opened."""
        if name not in self._secrets:
            self._secrets[name] = self.bundle() if name == "bundle" else self._read(name)
        return self._secrets[name]

    def bundle(self, *, promised: bool = True) -> Secret | None:
        """The bundle, opened when it is sealed; None when there is none.

        `promised`: a secret for it that is written in the command says that it must come sealed. Raises BundleError.
        """
        found = self._found("bundle")
        handed = handed_in(found, self.keystore)
        if handed is None:
            return None
        from valetkey.wire.sealed_bundle import is_sealed

        if is_sealed(handed):
            name = held.secret_for(handed, self.configured)
            secret = self.needed(name)
            with self.waiting("opening the sealed bundle"):
                return held.opened(handed, name, secret)
        if promised and not is_named_elsewhere(found.value or ""):
            held.check_was_promised_sealed(self.configured)
        assert isinstance(handed, str), "bytes that are no text are a sealed bundle"
        return Secret(handed)

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
        """The holder of a session: see held.py. Raises Complaint when there is none."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        which = held.session_at_hand(self.configured)
        if which is None:
            raise held.no_session()
        holder: BuyerAgent = self._held(BuyerAgent, which)
        return holder

    def stranger(self) -> "BuyerAgent":
        """Somebody without a credential, or the owner or holder that is named: for what anybody may ask."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        if held.named_session(self.configured) is not None or self.secret("api_key") is not None:
            return self._party(BuyerAgent, wallet=False)
        return self.newcomer()

    def newcomer(self) -> "BuyerAgent":
        """Somebody without a credential."""
        from valetkey.sdk._sync.buyer import BuyerAgent

        entered: BuyerAgent = self._entered(BuyerAgent(**self.where()))
        return entered

    def network(self) -> "NetworkView":
        """The platform's first network; no credential is needed for that."""
        return self.newcomer().network()

    def where(self) -> dict[str, Any]:
        """How agents are told where everything is."""
        return {
            "base_url": self.base_url(),
            "rpc_url": self.configured.text("rpc_url"),
            "state_dir": self.configured.folder(),
        }

    def keystore(self, *, make: bool = False) -> "Keystore":
        """The file of kept keys, under the passphrase. `make` one where there is none."""
        from valetkey.sdk.opening import open_keystore

        path = self.keystore_path(must_exist=not make)
        keystore = open_keystore(path, self.needed("passphrase"))
        self._closing.callback(keystore.close)
        self._wait("opening the keystore")
        return keystore

    def keystore_path(self, *, must_exist: bool = True) -> Path:
        """Where kept keys are. Raises Complaint when there is no such file."""
        from valetkey.sdk.opening import KEYSTORE_FILE

        given = self.configured.text("keystore")
        path = Path(given).expanduser() if given else self.configured.folder() / KEYSTORE_FILE
        if must_exist and not path.exists():
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
        which = None
        if self.configured.find("api_key").rank != FLAG:
            which = held.named_session(self.configured)
            if which is None and self.secret("api_key") is None:
                which = held.only_enrollment(self.configured.folder())
        found: A = self._opened(kind, wallet=wallet) if which is None else self._held(kind, which)
        return found

    def _opened(self, kind: Any, *, wallet: bool) -> Any:
        agent = kind(self.needed("api_key"), **self.where())
        self._entered(agent)
        key = self.needed("owner_key") if wallet else self.secret("owner_key")
        if key is not None:
            agent.init_eoa_wallet(key)
        return agent

    def _held(self, kind: Any, which: str) -> Any:
        if which == held.BUNDLE:
            bundle = self.needed("bundle")
            agent = self._entered(kind(**self.where()))
            agent.init_with_session(bundle)
            return agent
        # Each of its requests is signed with the key that enrolled.
        with self.waiting("opening the session"):
            enrollment = kind.resume_enrollment(which, lock=self.secret("passphrase"), **self.where())
            with enrollment:
                agent = enrollment.wait(0)
        return self._entered(agent)

    def _entered(self, agent: Any) -> Any:
        self._closing.callback(agent.close)
        self._wait("asking the platform")
        return agent

    def _wait(self, what: str) -> None:
        """Say so from now on, in a command whose answer is printed at its end."""
        if self._tells:
            self._progress.begin(what)

    def _found(self, name: str) -> Found:
        found = self.configured.find(name)
        if found.is_file and found.value == STANDARD_INPUT:
            flag = found.setting.flag
            if self._reads not in (None, flag):
                # Only the first reader would get anything.
                raise Complaint(f"{flag} and {self._reads} cannot both be standard input", Exit.INPUT)
            self._reads = flag
        return found

    def _read(self, name: str) -> Secret | None:
        return secret_of(self._found(name), None if name == "passphrase" else self.keystore)
