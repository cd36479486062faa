"""Every target on its committed corpus, on what once broke it, and on some of what its strategy makes."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz import corpora, places
from fuzz.observing import Finding, Observer, broken, stretched
from fuzz.report import known, still_open
from fuzz.target import Broken, Target, load, must, named

EXAMPLES = 60
SHOWN = 3


@pytest.mark.parametrize("name", sorted(named()))
def test_a_target_holds(name: str) -> None:
    target = load(name)
    kept = [places.CORPUS / name, places.REGRESSIONS / name]
    inputs = [path.read_bytes() for folder in kept if folder.exists() for path in sorted(folder.iterdir())]
    found = [one for data in (*inputs, *target.seeds()) if (one := broken(target, data)) is not None]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.strategy())
    def look(data: bytes) -> None:
        if (one := broken(target, data)) is not None:
            found.append(one)

    look()
    assert not found, "\n\n".join(
        f"{one.signature}: {one.data[:200]!r}\n{one.trace}" for one in found[:SHOWN]
    )


def test_corpora_are_small_and_findings_are_known() -> None:
    sizes = [path.stat().st_size for path in places.CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 2_000_000
    for folder in places.CORPUS.iterdir():
        assert folder.name in named()
        assert len(list(folder.iterdir())) <= corpora.COMMITTED_FILES_MAX
    assert not still_open(sorted(named())), "what was found is mended, and said so in fuzz/findings.toml"
    for what in known():
        assert set(what["targets"]) <= named().keys()


def _planted(check: object) -> Target:
    return Target(
        name="planted",
        parser="none",
        holds=("nothing",),
        check=check,  # type: ignore[arg-type]
        strategy=lambda: st.binary(),
        seeds=lambda: [b"seed"],
    )


def _raises(data: bytes) -> None:
    if data.startswith(b"bug"):
        raise KeyError("planted")


def _slow(data: bytes) -> None:
    ends = time.thread_time() + (1 if len(data) > 50_000 else 0)
    while time.thread_time() < ends:
        pass


def _lies(data: bytes) -> None:
    must(data != b"lie", "what is read is kept")


def test_planted_defects_are_found_each_once(tmp_path: Path) -> None:
    observe = Observer(_planted(_raises), tmp_path)
    for data in (b"fine", b"bug", b"bug again"):
        observe(data)
    assert list(observe.findings) == ["KeyError in the target"]
    assert (tmp_path / next(tmp_path.glob("*.bin")).name).read_bytes() == b"bug"
    told = broken(_planted(_lies), b"lie")
    assert isinstance(told, Finding)
    assert told.signature == "broken: what is read is kept"
    assert broken(_planted(_lies), b"truth") is None


def test_time_that_grows_faster_than_the_input_is_found() -> None:
    target = _planted(_slow)
    assert broken(target, b"a" * 100) is None
    long = stretched(b"xyz", 65_536)
    assert len(long) > 60_000
    told = broken(target, long)
    assert told is not None
    assert told.signature == "too slow"


def test_what_must_hold_is_said_without_the_input() -> None:
    with pytest.raises(Broken, match="what is read is kept"):
        _lies(b"lie")
