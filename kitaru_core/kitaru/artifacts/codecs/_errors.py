"""How a value that cannot be stored is reported while the walk over it unwinds."""

from __future__ import annotations

from kitaru.errors import KitaruEncodingError

__all__ = ["Unencodable"]


class Unencodable(Exception):  # noqa: N818 - a signal between the walkers; callers see `KitaruEncodingError`
    """A value inside the tree cannot be stored; the steps that lead to it are added on the way out.

    Attributes:
        reason: Why, and what to do instead.
        kind: Its class.
        steps: Path steps, innermost first.
    """

    def __init__(self, reason: str, kind: type | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.steps: list[str] = []

    def as_error(self, root: str) -> KitaruEncodingError:
        """Return the error for callers.

        Args:
            root: What the whole value is called, such as `output`.

        Returns:
            The error, with the full path of the offending value.
        """
        path = root + "".join(reversed(self.steps))
        name = None if self.kind is None else f"{self.kind.__module__}.{self.kind.__qualname__}"
        what = f"Cannot store {path}" if name is None else f"Cannot store {path} of type {name}"
        return KitaruEncodingError(f"{what}: {self.reason}", path=path, type_name=name)
