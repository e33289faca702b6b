"""Signatures of flows and checkpoints: what they may not be called, and how arguments are bound and checked."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable
from typing import Any, cast

from kitaru.authoring.arguments import Args, Kwargs
from kitaru.errors import KitaruUsageError

__all__ = ["bind", "check_reserved", "typed_parameters"]


def check_reserved(function: Callable[..., object], reserved: frozenset[str], what: str) -> inspect.Signature:
    """Check that no parameter bears a name the caller's own keywords use.

    Args:
        function: The decorated function.
        reserved: The names.
        what: `flow` or `checkpoint`.

    Returns:
        The function's signature.

    Raises:
        KitaruUsageError: A parameter has such a name.
    """
    signature = inspect.signature(function)
    clash = [name for name in signature.parameters if name in reserved]
    if clash:
        msg = (
            f"The {what} {function.__qualname__!r} has a parameter named {clash[0]!r}, which kitaru's own keywords "
            "of a "
            f"{what} use. Rename it; these names are taken: {', '.join(sorted(reserved))}."
        )
        raise KitaruUsageError(msg)
    return signature


def bind(signature: inspect.Signature, name: str, args: Args, kwargs: Kwargs) -> inspect.BoundArguments:
    """Bind arguments to a signature, defaults included.

    Raises:
        KitaruUsageError: One is missing, unknown or given twice.
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        msg = f"{name!r} cannot be started with these inputs: {error}. Its signature is {name}{signature}."
        raise KitaruUsageError(msg) from error
    bound.apply_defaults()
    return bound


def typed_parameters(function: Callable[..., object]) -> dict[str, Any]:
    """Return the annotations of a function's parameters, as far as they can be resolved."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation may be any expression, and is then simply not checked
        return {}
    hints.pop("return", None)
    return hints


def validated(name: str, parameter: str, annotation: object, value: object) -> object:
    """Check an argument against an annotation of a pydantic model, and turn a plain dict into that model.

    Other annotations are not checked: Python does not check them either.

    Raises:
        KitaruUsageError: It does not fit.
    """
    # Another thread may be importing it right now; a model there can be only once that is done.
    base = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    if base is None or not isinstance(annotation, type) or not issubclass(annotation, base):
        return value
    model: Any = annotation
    if isinstance(value, model):
        return value
    try:
        return cast("object", model.model_validate(value))
    except ValueError as error:
        msg = f"The input {parameter!r} of {name!r} does not fit {model.__qualname__}: {error}"
        raise KitaruUsageError(msg) from error
