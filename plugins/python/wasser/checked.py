"""Checks of what crosses to the host.

What crosses with another type ends the component without a word, so that it is found here, where the
author's own line is known.
"""

import json
import math
from dataclasses import dataclass, field, fields
from types import AsyncGeneratorType, CoroutineType, GeneratorType, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin

T = TypeVar("T")
# What a message shows of a value.
LONGEST_SHOWN = 80
# The host reads JSON to this depth.
DEEPEST = 127
# Whole numbers that the host reads as such in JSON.
JSON_INTEGERS = (-(2**63), 2**64 - 1)
LAZY = {
    CoroutineType: "a coroutine, as of an async function",
    GeneratorType: "a generator, as of a function with `yield`",
    AsyncGeneratorType: "a generator, as of an async function with `yield`",
}


@dataclass(frozen=True)
class Range:
    """The numbers that can cross."""

    low: int
    high: float

    def __str__(self) -> str:
        return f"from {self.low} on" if self.high == math.inf else f"from {self.low} to {self.high}"


Count = Annotated[int, Range(0, 2**64 - 1)]
SmallCount = Annotated[int, Range(0, 2**32 - 1)]
ExitCode = Annotated[int, Range(-(2**31), 2**31 - 1)]
Port = Annotated[int, Range(1, 2**16 - 1)]
Seconds = Annotated[float, Range(0, math.inf)]


def half(value: str) -> int | None:
    """Returns where a text has half a character, which UTF-8 does not have."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def text(value: Any) -> str:
    """Returns what can cross as a text, for people: UTF-8 has no halves of characters."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def shown(value: Any) -> str:
    """Returns a value as a message shows it."""
    if type(value) in LAZY:
        return LAZY[type(value)]
    if value is not None and not isinstance(value, (str, bytes, int, float)):
        return f"of the type {type(value).__name__}"
    said = repr(value)
    return said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}…"


def wrong(name: str, value: Any, called: str) -> TypeError:
    """Returns the exception of a value of another type."""
    if type(value) is CoroutineType:
        # It is never awaited, and says so on standard error otherwise.
        value.close()
    return TypeError(f"{name} is {shown(value)}, and must be {called}")


def require(name: str, value: Any, kind: Any) -> None:
    """Fails if a value has another type, or if it is none that can cross."""
    origin, given = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if origin is Annotated:
        require_number(name, value, *given)
    elif origin is Literal:
        if value not in given:
            raise wrong(name, value, " or ".join(given))
    elif origin in (Union, UnionType):
        require_one(name, value, given)
    elif origin in (list, tuple):
        require_items(name, value, kind)
    elif kind is int:
        require(name, value, Count)
    elif kind is float:
        require_number(name, value, float, None)
    elif not isinstance(value, origin or kind):
        raise wrong(name, value, "None" if kind is NoneType else getattr(kind, "__name__", str(kind)))
    elif isinstance(value, str) and (at := half(value)) is not None:
        raise ValueError(f"{name} has half a character at {at}, which UTF-8 does not have: {shown(value)}")


def require_one(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    """Fails if a value has none of these types."""
    others = [one for one in kinds if one is not NoneType]
    if value is None and len(others) < len(kinds):
        return
    if len(others) == 1:
        require(name, value, others[0])
    elif not isinstance(value, tuple(others)):
        raise wrong(name, value, " or ".join(one.__name__ for one in others))


def require_number(name: str, value: Any, kind: type, among: Range | None) -> None:
    """Fails if a value is not a number of this type and range."""
    # A bool is an int for Python, and not for the host; a whole number is a float too.
    kinds: Any = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise wrong(name, value, kind.__name__)
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, and must be finite")
    if among is not None and not among.low <= value <= among.high:
        raise ValueError(f"{name} is {shown(value)}, and must be {among}")


def require_items(name: str, value: Any, kind: Any) -> None:
    """Fails if a value is not a list or tuple of these types, or if one in it is of another."""
    origin, given = get_origin(kind), get_args(kind)
    is_list = origin is list
    if not isinstance(value, origin) or not (is_list or len(value) == len(given)):
        raise wrong(name, value, str(kind) if is_list else f"a tuple of {len(given)}")
    for at, item in enumerate(value):
        require(f"{name}[{at}]", item, given[0] if is_list else given[at])


def require_json(path: str, value: Any, depth: int = 0) -> None:
    """Fails if JSON cannot have a value, and names its path."""
    if depth > DEEPEST:
        raise ValueError(f"{path[:LONGEST_SHOWN]}… is too deep, or in itself; the host reads {DEEPEST} levels")
    if isinstance(value, dict):
        for name, one in value.items():
            if not isinstance(name, str):
                raise TypeError(f"a key of {path} is {shown(name)}, and must be str")
            require(f"a key of {path}", name, str)
            require_json(f"{path}.{name}", one, depth + 1)
    elif isinstance(value, (list, tuple)):
        for at, one in enumerate(value):
            require_json(f"{path}[{at}]", one, depth + 1)
    elif isinstance(value, str):
        require(path, value, str)
    elif isinstance(value, float):
        require(path, value, float)
    elif isinstance(value, int):
        if not JSON_INTEGERS[0] <= value <= JSON_INTEGERS[1]:
            raise ValueError(f"{path} is {shown(value)}, and must be {Range(*JSON_INTEGERS)}")
    elif value is not None:
        raise wrong(path, value, "what JSON can have")


def to_json(path: str, values: Any) -> str:
    """Returns an object as JSON."""
    require(path, values, dict)
    require_json(path, values)
    return json.dumps(values, allow_nan=False)


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
