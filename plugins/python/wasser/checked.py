"""Answers whose fields have the types that they are declared with.

What crosses to the host with another type ends the component without a word, so that it is found
here, where the author's own line is known.
"""

from dataclasses import dataclass, field, fields
from types import GenericAlias
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
# Numbers cross as u64.
LARGEST = 2**64 - 1


def text(value: Any) -> str:
    """Returns what can cross as a text: UTF-8 has no halves of characters."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def require(name: str, value: Any, kind: Any) -> None:
    """Fails if a value has another type, or if a number is none that can cross."""
    expected: Any = kind.__origin__ if isinstance(kind, GenericAlias) else kind
    # A bool is an int for Python, and not for the host; a whole number is a float too.
    is_bool = isinstance(value, bool)
    fits = expected is bool if is_bool else isinstance(value, (int, float) if expected is float else expected)
    if not fits:
        raise TypeError(f"{name} is {value!r}, and must be {getattr(kind, '__name__', kind)}")
    if isinstance(value, int) and expected is not float and not is_bool and not 0 <= value <= LARGEST:
        raise ValueError(f"{name} is {value}, and must be from 0 to {LARGEST}")
    if isinstance(value, list) and isinstance(kind, GenericAlias) and isinstance(kind.__args__[0], type):
        for at, item in enumerate(value):
            require(f"{name}[{at}]", item, kind.__args__[0])


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def checked(cls: type[T]) -> type[T]:
    """Makes a frozen dataclass whose fields are checked."""

    def check(self: Any) -> None:
        for name, kind in declared:
            require(f"{cls.__name__}.{name}", getattr(self, name), kind)

    setattr(cls, "__post_init__", check)
    made = dataclass(frozen=True)(cls)
    declared = [(one.name, one.type) for one in fields(made)]  # type: ignore[arg-type]
    return made
