"""Text for conversations: the same on every run, and about as easy to compress as prose."""

from __future__ import annotations

import random

__all__ = ["Filler"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz    "


class Filler:
    """Makes texts; two that start from the same seed make the same ones."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - filler, not a secret

    def text(self, size: int) -> str:
        """Return a text of so many letters."""
        return "".join(self._random.choices(_LETTERS, k=size))

    def turns(self, total: int, size: int) -> list[str]:
        """Return texts of `size` letters that are `total` letters together, an even number of them."""
        return [self.text(size) for _ in range(total // size // 2 * 2)]
