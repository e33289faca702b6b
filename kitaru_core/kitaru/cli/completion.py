"""`kitaru completion`: completion of commands in a shell."""

from __future__ import annotations

import sys
from typing import Literal

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a script that completes commands in a shell; put its output where the shell looks for such scripts.

    Args:
        shell: bash, zsh or fish.
    """
    from kitaru.cli.app import build_app

    sys.stdout.write(build_app().generate_completion(shell=shell))
