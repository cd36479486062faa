"""One input through a target, observed: what comes out, the CPU time and the memory that it took."""

import hashlib
import resource
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.target import Broken, Target

CPU_SECONDS = 0.25
CPU_SECONDS_PER_BYTE = 5e-6
"""What one input may take, all that a target does with it together. Instrumented it is some five times slower."""

RESIDENT_KIB_MAX = 131_072
"""By so much one input may raise the most memory that the process ever had."""

STRETCHED_ONE_IN = 64
FRAMES = 3


@dataclass
class Finding:
    """An input that broke something, by what broke: the same signature is found once."""

    signature: str
    data: bytes
    trace: str


@dataclass
class Observer:
    """Runs inputs, counts them, and keeps the first of each kind that breaks something."""

    target: Target
    into: Path
    inputs: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def __call__(self, data: bytes) -> None:
        """Run one input; one in some is also run with a part of it repeated many times."""
        self.inputs += 1
        if (found := broken(self.target, data)) is not None:
            self._keep(found)
        if len(data) > 2 and self.inputs % STRETCHED_ONE_IN == 0:
            self.inputs += 1
            if (found := broken(self.target, stretched(data, self.target.stretched_bytes))) is not None:
                self._keep(found)

    def _keep(self, found: Finding) -> None:
        if found.signature in self.findings:
            return
        self.findings[found.signature] = found
        self.into.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(found.signature.encode()).hexdigest()[:12]
        (self.into / f"{name}.bin").write_bytes(found.data)
        (self.into / f"{name}.txt").write_text(f"{found.signature}\n\n{found.trace}", encoding="utf-8")
        print(f"FINDING {self.target.name}: {found.signature}", file=sys.stderr, flush=True)


def broken(target: Target, data: bytes) -> Finding | None:
    """What an input breaks of a target; None when all holds."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.thread_time()
    try:
        target.check(data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever comes out is looked for, a panic of Rust's too
        return Finding(signature_of(error), data, traceback.format_exc())
    taken = time.thread_time() - begun
    allowed = CPU_SECONDS + len(data) * CPU_SECONDS_PER_BYTE
    if taken > allowed and (taken := min(taken, _again(target, data))) > allowed:
        return Finding("too slow", data, f"{taken:.2f} s of CPU for {len(data)} bytes\n")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    if grown > RESIDENT_KIB_MAX:
        return Finding("too much memory", data, f"{grown} KiB for {len(data)} bytes\n")
    return None


def _again(target: Target, data: bytes) -> float:
    """The CPU time of a second run: the first may have loaded something, or collected garbage."""
    begun = time.thread_time()
    target.check(data)
    return time.thread_time() - begun


def signature_of(error: BaseException) -> str:
    """What tells one defect from another: the property, or the error and the functions of ours it came out of."""
    if isinstance(error, Broken):
        return f"broken: {error}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "valetkey" in one.filename]
    places = [f"{Path(one.filename).stem}.{one.name}" for one in frames[-FRAMES:]]
    return f"{type(error).__name__} in {' < '.join(reversed(places)) or 'the target'}"


def stretched(data: bytes, length: int) -> bytes:
    """An input with a part of it repeated up to a length. Which part, its first and last bytes say."""
    start = data[0] * len(data) // 256
    unit = data[start : start + 1 + data[-1] % 16]
    room = max(length - len(data), 0)
    return data[:start] + unit * (room // len(unit)) + data[start:]
