"""Runs the quick tests against the wheel in a folder: installed into an environment of its own, `src` out of reach.

The locked tools and libraries are those of the environment that runs this, without its link to the source tree: a
folder that a .pth file names is searched, and the .pth files in it are not. conftest.py stops the run when what is
imported is not the wheel.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    *("tests/unit/core", "tests/unit/crypto", "tests/unit/wire", "tests/unit/sdk", "tests/unit/engine"),
    *("tests/vectors", "tests/stores/sqlite", "tests/e2e/test_demo.py", "tests/e2e/test_dev.py"),
)


def main() -> int:
    (wheel,) = (Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist").glob("valetkey-*.whl")
    with tempfile.TemporaryDirectory(prefix="valetkey-wheel-") as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], env=environ, check=True)
        install = [
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            str(wheel),
        ]
        subprocess.run([sys.executable, *install], env=environ, check=True)
        (places,) = Path(folder).glob("lib/python*/site-packages")
        (places / "tools.pth").write_text(sysconfig.get_path("purelib") + "\n")
        environ["VALETKEY_TESTED_IN"] = folder
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *TESTS, *sys.argv[2:]]
        return subprocess.run([str(python), *words], cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
