"""Compiles contracts/*.vy into the artifacts that the package ships; `--check` only compares.

Usage: python scripts/build_contracts.py [--check]
The output depends on the sources and the pinned compiler alone: not on paths, clocks or the machine.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import OptimizationLevel, Settings

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
TARGET = ROOT / "src" / "valetkey" / "chains" / "evm" / "artifacts"

COMPILER = "0.4.3"
EVM_VERSION = "cancun"
CONTRACTS = ("Escrow", "Score", "SessionAllowance", "TestUSDC")
# Functions that a contract answers in its __default__: they are part of its ABI, but not of its own source.
ANSWERED_BY_DEFAULT = {"TestUSDC": "interfaces/SplitSignatures.vyi"}

Json = dict[str, Any]
# Names for results that the compiler leaves nameless (a tuple has none), so that clients can show them.
RESULTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Escrow": {
        "getEscrow": (
            *("token", "buyer", "seller", "lockedAmount", "platformFee", "status", "createdAt", "deadline"),
            *("disputeWindow", "abandonmentGrace", "deliveredAt", "proofHash", "criteriaHash"),
        ),
        "getResolution": ("outcome", "buyerPercent", "sellerPercent"),
    },
    "SessionAllowance": {
        "namesOf": ("hash", "id"),
        "remaining": ("spendable", "left", "windowLeft", "windowReleasesAt"),
    },
    "Score": {"getAgentStats": ("score", "jobs", "disputesLost", "abandoned", "maxJobValue")},
}


def main(arguments: list[str]) -> int:
    if (found := version("vyper")) != COMPILER:
        print(f"the contracts are built with vyper {COMPILER}, but {found} is installed")
        return 1
    differing = []
    for name in CONTRACTS:
        target, text = TARGET / f"{name}.json", artifact(name)
        if "--check" in arguments:
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                differing.append(target.name)
            continue
        TARGET.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if differing:
        print(f"differ from contracts/: {', '.join(differing)}; run scripts/build_contracts.py")
    return 1 if differing else 0


def artifact(name: str) -> str:
    """The text of one artifact."""
    made, used = compiled(f"{name}.vy", "abi", "bytecode", "bytecode_runtime", "layout")
    abi = made["abi"]
    if extra := ANSWERED_BY_DEFAULT.get(name):
        interface, more = compiled(extra, "abi")
        abi, used = abi + interface["abi"], used | more
    for entry in abi:
        if names := RESULTS.get(name, {}).get(entry.get("name", "")):
            for output, title in zip(entry["outputs"], names, strict=True):
                output["name"] = title
    document = {
        "name": name,
        "compiler": f"vyper {COMPILER}",
        "evm_version": EVM_VERSION,
        "source_sha256": digest(used),
        "abi": sorted(abi, key=order),
        "bytecode": made["bytecode"],
        "runtime_bytecode": made["bytecode_runtime"],
        "storage_layout": flat(made["layout"].get("storage_layout", {})),
    }
    return json.dumps(document, indent=1) + "\n"


def compiled(path: str, *formats: str) -> tuple[Json, set[Path]]:
    """What the compiler makes of a source, and the files that went into it."""
    bundle = FilesystemInputBundle([SOURCES])
    source = bundle.load_file(Path(path))
    settings = Settings(evm_version=EVM_VERSION, optimize=OptimizationLevel.GAS)
    made: Json = compile_from_file_input(source, bundle, settings, output_formats=list(formats))
    return made, {SOURCES / path, *imported(SOURCES / path)}


def imported(path: Path) -> set[Path]:
    """Our own files that a source imports, and what they import."""
    found: set[Path] = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["from", "modules" | ".", "import", module]:
                inner = SOURCES / "modules" / f"{module}.vy"
                found |= {inner, *imported(inner)}
    return found


def digest(paths: set[Path]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def order(entry: Json) -> tuple[str, str, list[str]]:
    return entry["type"], entry.get("name", ""), [field["type"] for field in entry.get("inputs", [])]


def flat(layout: Json, prefix: str = "") -> Json:
    """Variable to slot; a module's variables by dotted name, such as settings.ownership.owner."""
    found: Json = {}
    for name, entry in layout.items():
        if "slot" in entry:
            found[prefix + name] = {key: entry[key] for key in ("slot", "n_slots", "type")}
        else:
            found |= flat(entry, f"{prefix}{name}.")
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
