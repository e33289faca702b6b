"""Entry of the `kitaru` program."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

_PLAIN = "--no-color"


def main(arguments: list[str] | None = None) -> None:
    """Run the program and end the process with its exit code.

    0 means done, 1 refused or failed, 2 a mistake in the arguments, 130 interrupted.

    Args:
        arguments: The command line without the program's name; by default that of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if _PLAIN in given[: given.index("--")] if "--" in given else _PLAIN in given:
        given.remove(_PLAIN)
        os.environ["NO_COLOR"] = "1"
    if given in (["--version"], ["-V"]):
        from kitaru.version import __version__

        sys.stdout.write(f"{__version__}\n")
        sys.exit(0)
    from kitaru.cli.app import run

    try:
        code = run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe has had enough; that is no fault, and the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
