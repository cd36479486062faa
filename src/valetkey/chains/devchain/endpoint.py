"""The HTTP endpoint of the py-evm chain on loopback: bodies in, bodies out; the answers are rpc.py's."""

import os
import threading
from pathlib import Path

from valetkey.chains.devchain.archive import Archive
from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.rpc import rpc_of
from valetkey.chains.loopback import LoopbackServer

STACK_BYTES = 256 * 2**20
"""A contract may call itself a thousand times deep, and each level is a few of Python's."""


class PyEvmEngine:
    """The chain and its endpoint, in threads of this process."""

    name = "py-evm"

    def __init__(self, port: int, archive: Path | None, chain_id: int) -> None:
        self._archive = Archive(None if archive is None else str(archive))
        try:
            self._rpc = rpc_of(Chain(self._archive, chain_id))
            self._server = LoopbackServer(port, self._rpc.answer)
        except BaseException:
            self._archive.close()
            raise
        self.rpc_url = self._server.url
        threading.stack_size(STACK_BYTES)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def wait(self, stdin: int) -> None:
        while os.read(stdin, 4096):
            pass

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        # Whatever runs finishes first: nothing is cut off in the middle of a block.
        with self._rpc.lock:
            self._archive.close()
