"""`make matrix`: every endpoint asked with every kind of credential, into docs/reference/who-may-call.md.

A real platform on loopback answers; what is asked, and with what, is in tests/attacks/matrix.
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Play it and write the page."""
    sys.path.insert(1, str(ROOT))
    from tests.attacks.matrix.page import PAGE, render
    from tests.attacks.matrix.playing import Player
    from tests.attacks.matrix.served import settings_in
    from tests.integration.platform.serving import serve
    from valetkey.platform.api import ENDPOINTS

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder, Path(os.devnull).open("w") as quiet:
        with contextlib.redirect_stderr(quiet):
            server = serve(settings_in(Path(folder)))
            seen = list(Player(server).play(ENDPOINTS))
            server.stop()
    PAGE.write_text(render(seen), encoding="utf-8")
    seconds = time.monotonic() - began
    print(f"{len(ENDPOINTS)} endpoints, {len(seen)} calls, {seconds:.0f} s: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
