"""Work that is done step by step: each step once however often it is begun, and told to every page that looks.

The work is in a thread: a wallet in a browser is waited for there, and keystores take their time.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.owners import Owner
from valetkey.studio.wizard.browser_wallet import Bridge, BrowserSigner, WalletLost, WalletRefused
from valetkey.studio.wizard.operator import Operator

MINED_SECONDS = 180.0
"""How long what a wallet sent may take to have its effect."""

LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as a page shows it: `state` is waiting, doing, done or failed."""

    name: str
    title: str
    state: str
    told: str = ""


class Record(Protocol):
    """How far the work came, as it is kept on the disk.

    `done`: the steps that are done, with what is told of each; `asked`: what a browser's wallet was asked to send and
    is not known to have sent.
    """

    done: dict[str, str]
    asked: dict[str, str]


class Stepping(ABC):
    """One piece of work. What it makes for somebody else is in `info` until it was handed over."""

    titles: ClassVar[Mapping[str, str]] = {}

    def __init__(self, record: Record, owner: Owner, steps: tuple[str, ...]) -> None:
        self.record, self.steps = record, steps
        self.bridge = Bridge(asyncio.get_running_loop())
        self.info: SessionInfo | None = None
        self.failed: ValetkeyError | None = None
        self.is_over = False
        self._owner = owner
        self._doing = ""
        self._listeners: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Tell whenever something moved on; what is returned ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def shown(self) -> list[Shown]:
        """Every step and how it stands."""
        found = []
        for name in self.steps:
            state = "waiting"
            if name in self.record.done:
                state = "done"
            elif name == self._doing:
                state = "failed" if self.failed is not None else "doing"
            found.append(Shown(name, self.titles[name], state, self.record.done.get(name, "")))
        return found

    async def run(self) -> None:
        """Do what is not done yet. What went wrong is in `failed`; another run goes on from there."""
        self.failed, self.is_over, is_done = None, False, False
        self._tell()
        try:
            with self._alone() as is_alone:
                if not is_alone:
                    raise DoneElsewhere("This is being done elsewhere at this moment: look again soon.")
                await asyncio.to_thread(self._work)
            is_done = True
        except ValetkeyError as error:
            self.failed = error
            self._give_up(error)
        finally:
            self.is_over = True
            if not is_done and self.failed is None:
                self.failed = Broken(
                    "The studio made a mistake: its log says which. What is done stays done."
                )
            self._owner.changed()
            self._tell()

    def forget(self) -> None:
        """Nothing of its secrets is held here any more."""
        self.info = None

    # Each kind of work has its own

    @abstractmethod
    def _work(self) -> None:
        """Do what is not done yet, in the thread."""

    @abstractmethod
    def _alone(self) -> AbstractContextManager[bool]:
        """Whether nobody else does this meanwhile, in any process."""

    @abstractmethod
    def _keep(self) -> None:
        """The record is durable when this returns."""

    @abstractmethod
    def _give_up(self, error: ValetkeyError) -> None:
        """It failed; in the loop."""

    # In the thread

    def _signs(
        self, choice: str, operator: Operator, chain_id: int, *, is_needed: bool
    ) -> Signer | Secret | None:
        """Who signs for the owner's wallet, as the form has it; None is nobody."""
        if choice == "browser":
            return BrowserSigner(self.bridge, self._owner.wallet, chain_id)
        if operator.address(self._owner.wallet) is not None and operator.key is not None:
            return Secret(operator.key.to_hex())
        if choice == "operator" and is_needed:
            raise InvalidInput(
                "this studio was started without the key of your wallet: let your browser's wallet sign",
                field="signing",
            )
        return None

    def _made(self) -> SessionInfo:
        assert self.info is not None, "its keys are known once it is made"
        return self.info

    def _do(self, name: str, work: Callable[[], str | None]) -> None:
        """One step, unless it was done before; durable when it is done."""
        if name in self.record.done:
            return
        self._begin(name)
        self._done(name, work() or "")

    def _begin(self, name: str) -> None:
        self._doing = name
        self._loop.call_soon_threadsafe(self._tell)

    def _done(self, name: str, told: str) -> None:
        self.record.done[name] = told
        self._keep()
        self._loop.call_soon_threadsafe(self._tell)

    def _send_each(self, name: str, signer: BrowserSigner, missing: Callable[[], list[Call]]) -> str:
        """Have a browser's wallet send what is missing, until nothing is; the last hash, "" when nothing was sent.

        Whether something was sent is read from the chain before anybody is asked again: twice would be twice the money.
        """
        sent = ""
        while found := missing():

            def is_less(before: int = len(found)) -> bool:
                return len(missing()) < before

            if self.record.asked.get(name) == str(len(found)):
                # It was asked, and nobody knows what it answered.
                self._wait_for_lost(name, is_less)
                continue
            self.record.asked[name] = str(len(found))
            self._keep()
            try:
                sent = signer.send(found[0])
            except WalletLost:
                raise
            except WalletRefused:
                self._not_asked(name)
                raise
            self._wait(is_less)
        return sent

    def _wait_for_lost(self, name: str, is_so: Callable[[], bool]) -> None:
        """Money that may be on its way; when nothing came for long, the wallet may be asked anew."""
        is_lost = False
        try:
            self._wait(is_so)
        except StillWaiting:
            is_lost = True
        if is_lost:
            self._not_asked(name)
            raise StillWaiting(
                "your wallet was asked to send money, and none came: see that nothing is pending there, then try again"
            )

    def _not_asked(self, name: str) -> None:
        self.record.asked.pop(name, None)
        self._keep()

    def _wait(self, is_so: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > MINED_SECONDS:
                raise StillWaiting(
                    "what the wallet sent is in no block yet: try again, nothing is sent twice"
                )
            time.sleep(LOOK_SECONDS)

    # In the loop

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class DoneElsewhere(ValetkeyError):
    """Another process has this in hand."""


class Broken(ValetkeyError):
    """Some work ended by a mistake of the studio's own."""


class StillWaiting(ValetkeyError):
    """A transaction of a wallet is in no block yet."""

    retryable = True
