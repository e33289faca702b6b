"""Everything about a plugin that can be judged before it is used.

pluggy accepts much that would go wrong later and without a word: a misspelt hook, a coroutine, a parameter it never
fills. A plugin is looked at here as a whole, and nothing is registered until all of it is in order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from kitaru.hooks import specs
from kitaru.hooks.markers import PROJECT

if TYPE_CHECKING:
    from kitaru.hooks.origin import Origin

__all__ = ["Spec", "check_plugin", "known_specs"]

_WRAPPABLE = frozenset({"kitaru_checkpoint_summary"})


@dataclass(frozen=True, slots=True)
class Spec:
    """One hook specification.

    Attributes:
        name: Name of the hook.
        parameters: Names of its parameters.
        first: Whether the first answer ends the call.
        historic: Whether plugins registered later are called as well.
        wrappable: Whether wrappers are taken.
    """

    name: str
    parameters: tuple[str, ...]
    first: bool
    historic: bool
    wrappable: bool


@cache
def known_specs() -> dict[str, Spec]:
    """Return all hook specifications by name, in the order of a plugin's life."""
    found = {}
    for name, function in vars(specs).items():
        options = getattr(function, f"{PROJECT}_spec", None)
        if options is not None:
            found[name] = Spec(
                name=name,
                parameters=tuple(inspect.signature(function).parameters),
                first=options["firstresult"],
                historic=options["historic"],
                wrappable=name in _WRAPPABLE,
            )
    return found


def check_plugin(plugin: object, origin: Origin) -> dict[str, Callable[..., object]]:
    """Check all hook implementations of a plugin.

    Args:
        plugin: The module or object that implements hooks.
        origin: Where it comes from.

    Returns:
        Its implementations by hook, in the order of the specifications.

    Raises:
        KitaruPluginError: Something is wrong with it; nothing has been registered.
    """
    found = {}
    for attribute, function, options in _functions(plugin):
        if options is None:
            if attribute in known_specs():
                trouble = "The function would never be called; put @hookimpl from kitaru.hooks above it."
                raise origin.fault(trouble, hook=attribute)
            continue
        name = str(options.get("specname") or attribute)
        spec = known_specs().get(name)
        if spec is None:
            if not options.get("optionalhook"):
                raise _unknown(name, origin)
            continue
        _check_kind(spec, function, options, origin)
        _check_parameters(spec, function, origin)
        found[name] = function
    if "kitaru_plugin_card" not in found:
        trouble = "It has no card, so its level and frameworks cannot be checked."
        raise origin.fault(trouble, hook="kitaru_plugin_card")
    return {name: found[name] for name in known_specs() if name in found}


def _functions(plugin: object) -> Iterator[tuple[str, Callable[..., object], dict[str, object] | None]]:
    for attribute in dir(plugin):
        # Properties are not run for a look: only what stands there as a function can be a hook.
        held = inspect.getattr_static(plugin, attribute, None)
        if inspect.isroutine(held):
            function = getattr(plugin, attribute)
            yield attribute, function, getattr(function, f"{PROJECT}_impl", None)


def _unknown(name: str, origin: Origin) -> Exception:
    near = get_close_matches(name, known_specs(), n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    trouble = f"There is no such hook in this version of kitaru.{guess}"
    return origin.fault(trouble, hook=name)


def _check_kind(spec: Spec, function: Callable[..., object], options: dict[str, object], origin: Origin) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        trouble = (
            "The implementation is asynchronous, and nothing would await it. Make it a plain function; to act around "
            "asynchronous work, implement kitaru_checkpoint_scope."
        )
        raise origin.fault(trouble, hook=spec.name)
    if options.get("hookwrapper"):
        trouble = "Wrappers of the old style are not taken; use wrapper=True where the hook takes wrappers."
        raise origin.fault(trouble, hook=spec.name)
    if options.get("wrapper") and not spec.wrappable:
        trouble = "This hook takes no wrappers; implement it without wrapper=True."
        raise origin.fault(trouble, hook=spec.name)
    if options.get("wrapper") and not inspect.isgeneratorfunction(function):
        trouble = "A wrapper must yield exactly once, and this one never yields."
        raise origin.fault(trouble, hook=spec.name)


def _check_parameters(spec: Spec, function: Callable[..., object], origin: Origin) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            trouble = (
                f"Parameter {parameter} is {parameter.kind.description}, and would never be filled. Use plain "
                f"parameters only; this hook has: {', '.join(spec.parameters) or 'none'}."
            )
            raise origin.fault(trouble, hook=spec.name)
        if parameter.name not in spec.parameters and parameter.default is parameter.empty:
            trouble = f"The hook has no parameter {parameter.name!r}; it has: {', '.join(spec.parameters) or 'none'}."
            raise origin.fault(trouble, hook=spec.name)
