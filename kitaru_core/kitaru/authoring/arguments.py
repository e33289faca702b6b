"""Arguments that hold futures, and arguments that are mapped."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast, overload

from kitaru.engine.fanout import AnyFuture, CheckpointFuture, MapFuture
from kitaru.errors import KitaruUsageError

__all__ = ["Args", "Async", "Kwargs", "Unmapped", "found_futures", "mapped", "may_hold_futures", "resolved", "unmapped"]

R = TypeVar("R")

Args: TypeAlias = tuple[Any, ...]
"""Positional arguments of a function of the user's."""

Kwargs: TypeAlias = Mapping[str, Any]
"""Keyword arguments of a function of the user's."""

Async: TypeAlias = Coroutine[Any, Any, R]
"""What a coroutine function returns, which an asynchronous checkpoint or flow comes to."""

_LEAVES: Final = frozenset({str, bytes, int, float, bool, type(None)})


class Unmapped:
    """A value that goes to every call of a `map` or `product` as it is.

    Attributes:
        value: The value.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value: object = value


def unmapped(value: object) -> Any:  # noqa: ANN401 - stands where a parameter of any type stands
    """Have a value go to every call of a `map` or `product`, although it could be mapped.

    Args:
        value: The value.

    Returns:
        The value, marked; it goes nowhere but into `map` and `product`.
    """
    return Unmapped(value)


@overload
def found_futures(value: object, *, futures: Literal[True]) -> list[AnyFuture]: ...
@overload
def found_futures(value: object, *, futures: Literal[False] = False) -> list[str]: ...
def found_futures(value: object, *, futures: bool = False) -> list[AnyFuture] | list[str]:
    """Return the futures inside a value, or their call ids.

    Args:
        value: Any value; containers, dataclasses and models are looked into.
        futures: Whether the futures themselves are wanted.
    """
    found: list[AnyFuture] = []
    _walk(value, found.append)
    if futures:
        return found
    for future in found:
        future.wait()
    return [future.call_id for future in found]


def may_hold_futures(args: Args, kwargs: Kwargs) -> bool:
    """Say at a glance whether arguments have to be looked into for futures."""
    return not (_LEAVES.issuperset(map(type, args)) and _LEAVES.issuperset(map(type, kwargs.values())))


def _walk(value: object, visit: Callable[[AnyFuture], None]) -> None:
    if type(value) in _LEAVES:
        return
    if isinstance(value, CheckpointFuture):
        visit(value)
        return
    for item in _parts(value):
        _walk(item, visit)


def _parts(value: object) -> Iterable[object]:
    """Return what a container, dataclass or model holds; nothing for any other value."""
    kind = type(value)
    if isinstance(value, MapFuture):
        return value.futures
    if kind in {list, tuple, set, frozenset}:
        return cast("Iterable[object]", value)
    if kind is dict:
        return cast("dict[object, object]", value).values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return vars(value).values() if _is_model(value) else ()


def _is_model(value: object) -> bool:
    # Another thread may be importing it right now; a model there can be only once that is done.
    base = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return base is not None and isinstance(value, base)


def resolved(value: Any) -> Any:  # noqa: ANN401 - the same type comes out
    """Return a value with the futures inside it replaced by their values; without futures, the value itself."""
    found: list[AnyFuture] = []
    _walk(value, found.append)
    return _replace(value) if found else value


def _replace(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one return for each kind of container
    kind = type(value)
    if kind in _LEAVES:
        return value
    if isinstance(value, CheckpointFuture | MapFuture):
        return value.result()
    if kind in {list, tuple, set, frozenset}:
        return kind(_replace(item) for item in value)
    if kind is dict:
        return {key: _replace(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {
            field.name: _replace(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init
        }
        return dataclasses.replace(value, **changes)
    if _is_model(value):
        return value.model_copy(update={name: _replace(item) for name, item in vars(value).items()})
    return value


Columns = Callable[[Args], tuple[Args, dict[str, Any]]]


def mapped(what: str, args: Args, kwargs: Kwargs, *, product: bool) -> tuple[Columns, list[Args]]:
    """Sort out which arguments are mapped.

    Args:
        what: The call, for errors.
        args: Positional arguments.
        kwargs: Keyword arguments.
        product: Whether combinations are wanted instead of rows.

    Returns:
        A function that puts a row's items back among the arguments, and the rows.

    Raises:
        KitaruUsageError: Nothing is mapped, or the lengths differ.
    """
    places: list[int | str] = [*range(len(args)), *kwargs]
    values: dict[int | str, Any] = dict(enumerate(args))
    values.update(kwargs)
    items = {place: _items(values[place]) for place in places}
    moving = [place for place in places if items[place] is not None]
    if not moving:
        msg = (
            f"{what} has nothing to map over: give at least one list, tuple, range or other iterable, or use .submit()."
        )
        raise KitaruUsageError(msg)
    lists = [cast("list[Any]", items[place]) for place in moving]
    if product:
        rows = list(itertools.product(*lists))
    else:
        lengths = {len(found) for found in lists}
        if len(lengths) > 1:
            listed = ", ".join(f"{place}: {len(cast('list[Any]', items[place]))}" for place in moving)
            msg = (
                f"{what} got mapped arguments of different lengths ({listed}). Wrap those for every call in "
                "kitaru.unmapped()."
            )
            raise KitaruUsageError(msg)
        rows = list(zip(*lists, strict=True))

    def columns(row: Args) -> tuple[Args, dict[str, Any]]:
        chosen = {place: value.value if isinstance(value, Unmapped) else value for place, value in values.items()}
        chosen.update(zip(moving, row, strict=True))
        return tuple(chosen[n] for n in range(len(args))), {name: chosen[name] for name in kwargs}

    return columns, rows


def _items(value: Any) -> list[Any] | None:  # noqa: ANN401 - whatever the user passes
    """Return the items of a mapped argument, or `None` for one that goes to every call."""
    if isinstance(value, CheckpointFuture):
        found = value.result()
        return _items(found)
    if isinstance(value, MapFuture):
        return list(value.futures)
    if isinstance(value, Unmapped | str | bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        return None
    return None if _is_model(value) else list(value)
