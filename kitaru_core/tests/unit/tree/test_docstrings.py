"""The docstrings of every public name: arguments, result and errors are all there, and nothing that is not."""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import textwrap
from dataclasses import dataclass
from functools import cached_property

import docstring_parser
import pytest
from docstring_parser import DocstringStyle

import kitaru
from kitaru import config, errors, events

# What cannot fail by itself, whatever it is given.
RAISES_NOTHING = {
    *("kitaru.current_call", "kitaru.current_execution_id"),
    *("kitaru.unmapped", "Flow.code"),
}


# Nobody else makes these, so that nobody needs to know what they are made of.
MADE_BY_KITARU = {"Checkpoint", "Flow", "kitaru.CheckpointFuture", "kitaru.MapFuture"}
NOT_FOR_READERS = {"details", "loader", "message", "namespace", "raw_loader"}


@dataclass(frozen=True)
class Documented:
    """A public function, class or method."""

    name: str
    thing: object

    @cached_property
    def doc(self):
        return docstring_parser.parse(inspect.getdoc(self.thing) or "", style=DocstringStyle.GOOGLE)

    @property
    def told(self):
        """The arguments, or attributes, that the docstring describes."""
        return [one.arg_name.lstrip("*").partition(" ")[0] for one in self.doc.params]

    @property
    def told_of_the_class(self):
        """What a class and those it derives from describe, and what no reader is to use."""
        bases = [Documented(one.__name__, one) for one in self.thing.__mro__ if is_ours(one)]
        return {name for one in bases for name in one.told} | NOT_FOR_READERS

    @property
    def is_told_elsewhere(self):
        """Whether the docstring sends its reader to another one."""
        return "see `" in (self.doc.short_description or "") or "; see " in (self.doc.short_description or "")

    @property
    def parameters(self):
        found = inspect.signature(self.thing).parameters.values()
        return [one.name for one in found if one.name not in {"self", "cls"} and not one.name.startswith("_")]

    @property
    def gives_something(self):
        result = inspect.signature(self.thing).return_annotation
        return result not in {inspect.Signature.empty, "None", "NoReturn", None}

    @property
    def raised(self):
        """The exceptions that the code itself raises by name."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(self.thing)))
        raising = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
        names = {ast.unparse(one.func) for one in raising if isinstance(one, ast.Call)}
        return {name for name in names if isinstance(exception(name), type)}


def exception(name):
    """Return the exception class of a name."""
    return getattr(errors, name, None) or getattr(builtins, name, None)


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").startswith("kitaru")


def members(cls):
    """Return the public methods that a class of ours has, inherited ones of ours included."""
    for name in dir(cls):
        found = inspect.getattr_static(cls, name)
        method = getattr(found, "__func__", found)
        if not name.startswith("_") and inspect.isfunction(method) and is_ours(method):
            yield name, method


def public():
    """Return everything public that can be called."""
    homes = {
        f"kitaru.{name}": getattr(kitaru, name) for name in kitaru.__all__ if name not in {"events", "__version__"}
    }
    homes |= {f"{one.__name__}.{name}": getattr(one, name) for one in (events, config) for name in one.__all__}
    client = kitaru.KitaruClient(store="memory:")
    homes |= {f"client.{name}": type(part) for name, part in vars(client).items()}
    homes |= {"Flow": type(kitaru.flow(lambda: None)), "Checkpoint": type(kitaru.checkpoint(lambda: None))}
    found = {name: thing for name, thing in homes.items() if callable(thing) and is_ours(thing)}
    for name, thing in list(found.items()):
        if isinstance(thing, type):
            found |= {f"{name}.{one}": method for one, method in members(thing)}
    return [Documented(name, thing) for name, thing in sorted(found.items())]


PUBLIC = public()
FUNCTIONS = [one for one in PUBLIC if not isinstance(one.thing, type)]
CLASSES = [one for one in PUBLIC if isinstance(one.thing, type)]
every_function = pytest.mark.parametrize("one", FUNCTIONS, ids=lambda one: one.name)


def test_there_is_something_to_hold_against_the_rules():
    assert len(FUNCTIONS) > 100
    assert len(CLASSES) > 50


@every_function
def test_a_function_tells_its_arguments_and_no_others(one):
    assert one.is_told_elsewhere or sorted(one.told) == sorted(one.parameters)


@every_function
def test_a_function_tells_what_it_gives(one):
    begins = (one.doc.short_description or "").split(" ")[0]
    told = one.doc.returns is not None or begins in {"Return", "Whether", "Say", "Tell", "Yield"}
    assert told or one.is_told_elsewhere or not one.gives_something


@every_function
def test_a_function_tells_what_it_raises(one):
    told = {raised.type_name for raised in one.doc.raises}
    assert one.is_told_elsewhere or one.raised <= told
    assert {name for name in told if not isinstance(exception(name), type)} == set(), "these are no exceptions"


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.name)
def test_a_class_tells_what_it_holds(one):
    assert one.doc.short_description
    if not issubclass(one.thing, enum.Enum) and "__init__" in vars(one.thing) and one.name not in MADE_BY_KITARU:
        assert set(one.parameters) <= one.told_of_the_class


VERBS = [one for one in FUNCTIONS if one.name.count(".") == 1 or one.name.startswith("client.")]


@pytest.mark.parametrize("one", VERBS, ids=lambda one: one.name)
def test_a_verb_says_how_it_fails(one):
    assert one.doc.raises or one.is_told_elsewhere or one.name in RAISES_NOTHING
