"""Values that are made often: as immutable as every dataclass of the house, at a third of the price.

A frozen dataclass sets each of its fields by a call, so one of seventeen fields costs as much as a decision.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")


def value(frozen: type[T]) -> type[T]:
    """Put above `@dataclass(frozen=True, slots=True)`: makes its objects in one go. Nothing else of it changes.

    An object begins as a draft, whose fields are plain attributes, and is given its class when all of them are set:
    nobody ever holds a draft. For classes without `__post_init__` whose fields are all arguments.
    """
    assert not hasattr(frozen, "__post_init__")

    def finish(draft: T) -> None:
        draft.__class__ = frozen

    plain = type(frozen.__name__, (), _declared(frozen) | {"__post_init__": finish})
    given = {
        "__slots__": (),
        "__init__": vars(dataclass(plain))["__init__"],
        "__post_init__": finish,
        # Both, or Python calls one of the class's own for every field.
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
        "__doc__": None,
    }
    draft = type(frozen.__name__, (frozen,), given)
    blank = object.__new__

    def new(cls: type[T], *args: Any, **named: Any) -> T:
        # Without arguments it is a copy that is filled in later, or a value of defaults alone.
        return blank(draft if cls is frozen and (args or named) else cls)

    frozen.__new__ = new  # type: ignore[method-assign, assignment]
    return frozen


def _declared(frozen: type) -> dict[str, Any]:
    """The fields and defaults of a dataclass, as its own text declares them."""
    declared: dict[str, Any] = {"__annotations__": {}}
    for one in fields(frozen):
        assert one.init
        assert one.default_factory is MISSING
        declared["__annotations__"][one.name] = one.type
        if one.default is not MISSING:
            declared[one.name] = one.default
    return declared
