"""What doubles have in common: each says which cases it must fail, and is made into a subject of its contract."""

from __future__ import annotations

import inspect


def doubles(namespace, base):
    """Return the doubles of a module by name: the subclasses of `base` that say what they fail."""
    found = (value for value in namespace.values() if inspect.isclass(value) and issubclass(value, base))
    return {one.__name__: one for one in found if "fails" in vars(one)}


def subjects(namespace, contract, **members):
    """Return test classes for doubles; `members` gives for each attribute a function of the double."""
    return {
        f"Test{name}": type(
            f"Test{name}",
            (contract,),
            {"subject": name, "__module__": __name__, **{key: make(one) for key, make in members.items()}},
        )
        for name, one in namespace.items()
    }
