"""Values that are made in one go are what their dataclasses say, and nobody can change them."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from valetkey.core.value import value


@value
@dataclass(frozen=True, slots=True)
class Point:
    """Where something is."""

    x: int
    y: int = 0
    label: str | None = None


@value
@dataclass(frozen=True, slots=True)
class Defaults:
    """Nothing of it has to be given."""

    size: int = 1


def test_a_value_is_of_its_class_and_holds_what_was_given() -> None:
    point = Point(1, label="here")
    assert type(point) is Point
    assert (point.x, point.y, point.label) == (1, 0, "here")
    assert repr(point) == "Point(x=1, y=0, label='here')"
    assert type(Defaults()) is Defaults
    assert Defaults() == Defaults(1) != Defaults(2)


def test_values_are_equal_and_hashed_by_what_they_hold() -> None:
    assert Point(1, 2) == Point(x=1, y=2) != Point(2, 1)
    assert hash(Point(1, 2)) == hash(Point(1, 2))


@pytest.mark.parametrize("name", ["x", "label"])
def test_a_value_cannot_be_changed(name: str) -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        delattr(point, name)
    with pytest.raises((AttributeError, TypeError)):
        point.other = 3  # type: ignore[attr-defined]


def test_copies_and_replacements_are_values_too() -> None:
    point = Point(1, 2, "here")
    for same in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point)), replace(point)):
        assert type(same) is Point
        assert same == point
    moved = replace(point, x=5)
    assert (moved.x, moved.y, type(moved)) == (5, 2, Point)
    assert point.x == 1


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 2}])
def test_what_is_no_field_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(**given)  # type: ignore[arg-type]
