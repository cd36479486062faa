"""What is wanted of a run, computed from its samples. Pure: figures in, verdicts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

GROWTH_MB_PER_HOUR_MOST = 60
GROWTH_MB_SEEN = 8
"""Less than this within a run is no growth that anybody could tell from an allocator's habits."""

SLOWER_MOST, SLOWER_MS = 1.5, 25
"""The last third of a phase may be so many times slower than its second one, and so many milliseconds."""

FILES_MORE_MOST = 32
QUEUE_MOST = 2_000
WINDOWS_LEAST = 6
"""A phase of fewer windows has no thirds that say anything."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is wanted."""

    name: str
    wanted: str
    found: str
    holds: bool


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's: the median of the slopes of all pairs; 0 for fewer than two points in time."""
    found = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] != a[0]]
    return median(found) if found else 0.0


def memory(name: str, points: Sequence[tuple[float, float]], beside: str = "") -> Verdict:
    """Whether a process grows: (seconds, MB), over the last two thirds of what was measured; `beside` is told, too."""
    late = points[len(points) // 3 :]
    per_second = slope(late)
    seconds = late[-1][0] - late[0][0] if late else 0.0
    per_hour, seen = per_second * 3_600, per_second * seconds
    return Verdict(
        f"memory of {name}",
        f"grows by at most {GROWTH_MB_PER_HOUR_MOST} MB/h, or by less than {GROWTH_MB_SEEN} MB in all",
        f"{per_hour:+.0f} MB/h ({seen:+.1f} MB in {seconds:.0f} s){beside}",
        per_hour <= GROWTH_MB_PER_HOUR_MOST or seen < GROWTH_MB_SEEN,
    )


def files(name: str, counts: Sequence[int]) -> Verdict:
    """Whether a process keeps opening files and connections."""
    third = max(1, len(counts) // 3)
    before, last = round(median(counts[third : 2 * third] or counts)), round(median(counts[-third:]))
    return Verdict(
        f"open files of {name}",
        f"at most {FILES_MORE_MOST} more in the last third than in the second",
        f"{before}, then {last}",
        last <= before + FILES_MORE_MOST,
    )


def latency(kind: str, phase: str, p95s: Sequence[float]) -> Verdict | None:
    """Whether a kind of request becomes slower; `p95s` are those of a phase's windows. None for too few of them."""
    if len(p95s) < WINDOWS_LEAST:
        return None
    third = len(p95s) // 3
    before, last = median(p95s[third : 2 * third]), median(p95s[-third:])
    return Verdict(
        f"p95 of {kind}, {phase}",
        f"at most {SLOWER_MOST} times and {SLOWER_MS} ms above the second third",
        f"{before:.0f} ms, then {last:.0f} ms",
        last <= before * SLOWER_MOST + SLOWER_MS,
    )


def queue(name: str, lengths: Sequence[int], end: int | None) -> Verdict:
    """Whether a queue is bounded, and empty in the end where it should be."""
    most = max(lengths, default=0)
    wanted = f"at most {QUEUE_MOST}" + ("" if end is None else ", empty in the end")
    found = f"at most {most}" + ("" if end is None else f", in the end {end}")
    return Verdict(f"queue: {name}", wanted, found, most <= QUEUE_MOST and not end)


def webhooks(
    emitted: Mapping[tuple[str, str], str], got: Mapping[tuple[str, str], int], unsigned: int
) -> list[Verdict]:
    """Whether every event of the outbox, with its state there, arrived; and was signed."""
    lost = [event for event in emitted if not got.get(event)]
    gave_up = sum(state != "sent" for state in emitted.values())
    unknown = [event for event in got if event not in emitted]
    return [
        Verdict(
            "lost webhooks", "0", f"{len(lost)} of {len(emitted)} never arrived", not lost and bool(emitted)
        ),
        Verdict("webhooks that are not marked as sent", "0", str(gave_up), gave_up == 0),
        Verdict("webhooks that arrived and were never emitted", "0", str(len(unknown)), not unknown),
        Verdict("webhooks without a valid signature", "0", str(unsigned), unsigned == 0),
    ]


def money(rows: Sequence[tuple[int, int, int, int, int, int]]) -> list[Verdict]:
    """Whether the ledger has what its clients saw. A row is budget, captured and held of the ledger, and captured,
    open and unsure of the client, in base units."""
    apart = sum(
        not (seen <= captured <= seen + unsure and held <= still + unsure)
        for _, captured, held, seen, still, unsure in rows
    )
    over = sum(captured + held > budget for budget, captured, held, *_ in rows)
    ledger, clients = sum(row[1] for row in rows), sum(row[3] for row in rows)
    unsure = sum(row[5] for row in rows)
    return [
        Verdict(
            "money conserved",
            "what each session's client saw is what the ledger has",
            f"captured {ledger} base units, seen {clients}, unsure {unsure}; {apart} of {len(rows)} sessions differ",
            apart == 0,
        ),
        Verdict("overspent sessions", "0", str(over), over == 0),
    ]
