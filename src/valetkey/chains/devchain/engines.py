"""The two engines of the development chain, anvil and py-evm, behind one small interface, and which one to take."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Protocol

from valetkey.chains.loopback import LOOPBACK

ARCHIVE_NAME = "chain.sqlite"
ANVIL_STATE_NAME = "anvil-state.json"


class CannotStart(Exception):
    """Why no chain can run, in one sentence for whoever asked."""


class Engine(Protocol):
    """A chain that answers at `rpc_url`."""

    name: str
    rpc_url: str

    def wait(self, stdin: int) -> None:
        """Return when this file descriptor reaches its end, or when the engine died."""

    def stop(self) -> None:
        """End it; safe to call twice."""


def start_engine(choice: str, port: int, data: Path | None, chain_id: int) -> Engine:
    """Start the chosen engine. Raises CannotStart.

    `auto` takes anvil when it is installed and nothing is to be kept. A chain that is kept runs on py-evm, whose
    every block is on disk before it is answered: anvil writes its state from time to time.
    """
    if data is not None:
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotStart(f"cannot make the folder {data}: {error.strerror}") from error
    anvil = find_anvil()
    if choice == "auto":
        kept_by_anvil = data is not None and (data / ANVIL_STATE_NAME).exists()
        choice = "anvil" if kept_by_anvil or (anvil and data is None) else "py-evm"
    if choice == "anvil":
        if anvil is None:
            raise CannotStart(
                "anvil is not installed: put it on the PATH, name it in VALETKEY_ANVIL, or use py-evm"
            )
        if data is not None and (data / ARCHIVE_NAME).exists():
            raise CannotStart(f"the chain in {data} was made by py-evm: anvil cannot continue it")
        from valetkey.chains.devchain.anvil import AnvilEngine

        return AnvilEngine(anvil, port, None if data is None else data / ANVIL_STATE_NAME, chain_id)
    if data is not None and (data / ANVIL_STATE_NAME).exists():
        raise CannotStart(f"the chain in {data} was made by anvil: py-evm cannot continue it")
    return _start_py_evm(port, data, chain_id)


def find_anvil() -> str | None:
    """The anvil to run: VALETKEY_ANVIL, otherwise the first on the PATH. An empty VALETKEY_ANVIL means none."""
    named = os.environ.get("VALETKEY_ANVIL")
    return shutil.which("anvil") if named is None else shutil.which(named) if named else None


def _start_py_evm(port: int, data: Path | None, chain_id: int) -> Engine:
    try:
        from valetkey.chains.devchain.chain import WrongChain
        from valetkey.chains.devchain.endpoint import PyEvmEngine
    except ModuleNotFoundError as error:
        raise CannotStart(f"py-evm is not installed ({error.name}): pip install py-evm") from error
    try:
        return PyEvmEngine(port, None if data is None else data / ARCHIVE_NAME, chain_id)
    except WrongChain as error:
        raise CannotStart(str(error)) from error
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise CannotStart(f"another process uses the chain in {data}") from error
        raise CannotStart(f"cannot open the chain in {data}: {error}") from error
    except OSError as error:
        raise CannotStart(f"cannot listen on {LOOPBACK}:{port}: {error.strerror}") from error
