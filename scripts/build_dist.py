"""Builds sdist and wheel into a folder, the same bytes wherever and whenever this tree is built; prints their hashes.

Every date inside is that of the commit; in an unpacked sdist, which knows no commits, it is that of its PKG-INFO.
The tools are those of the environment that runs this: the locked ones, in `make dist`.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("valetkey-*.whl"), *folder.glob("valetkey-*.tar.gz")):
        old.unlink()
    # The wheel is built out of the unpacked sdist: what is missing there would be missing here.
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        env=os.environ | {"SOURCE_DATE_EPOCH": date_of(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        print(built.stdout, file=sys.stderr)
        return built.returncode
    for made in sorted(folder.glob("valetkey-*")):
        print(f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made.name}")
    return 0


def date_of(root: Path) -> str:
    """The date of what is built, in unix seconds: said by the caller, by the commit or by the sdist."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return said
    if (root / ".git").exists():
        words = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return str(int((root / "PKG-INFO").stat().st_mtime))


if __name__ == "__main__":
    sys.exit(main())
