"""What a benchmark tells: a value, the floor that did the same work in the same run, and their ratio."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One line. `floor` is the bare engine or the smaller case, in the same unit; None where there is none to compare.

    `least` and `most` bound the ratio, or the value where there is no floor, or where `judges_value` says so.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    least: float | None = None
    most: float | None = None
    note: str = ""
    judges_value: bool = False

    @property
    def ratio(self) -> float | None:
        """The value in terms of the floor."""
        return None if not self.floor else self.value / self.floor

    @property
    def bound(self) -> str:
        """What is wanted, in words; empty when nothing is."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"

    @property
    def met(self) -> bool:
        """Whether it is as wanted."""
        judged = self.value if self.judges_value or self.ratio is None else self.ratio
        return (self.least is None or judged >= self.least) and (self.most is None or judged <= self.most)
