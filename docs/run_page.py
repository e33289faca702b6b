"""Run the code of one page the way a reader would, in an empty folder: `python docs/run_page.py PAGE`.

- A Python block that begins with a file name (`# agent.py`) is written to that file; every other one runs here, after
  those before it.
- In a console block each line after `$` is a command. Output that follows it must be what the command prints; `...`
  stands for any text, alone in a line for any lines. `# exits with 1` behind a command says that it is meant to fail.
  `EXEC_ID` is the newest execution.
- `kitaru` and `python` run. Installing and `make` do not, but extras, targets and scripts they name must exist.
- TOML, JSON and YAML must be well-formed.
- A block whose first line is `# Not run here: REASON` is left alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import yaml
from page_blocks import ROOT, Block, blocks_of

__all__ = ["PageError", "run_page"]

_EXIT = re.compile(r"#\s*exits with (\d+)\s*$")


class PageError(Exception):
    """A page says what is not so."""


class PageRun:
    """One reading of a page, from top to bottom."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.names: dict[str, object] = {"__name__": "page"}

    def run(self, block: Block) -> None:
        """Do what a block says.

        Args:
            block: The block.

        Raises:
            PageError: It does not do what the page shows.
        """
        if block.reason:
            return
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)
            exec(code, self.names)  # noqa: S102 - our own pages
        elif block.language == "console":
            for command, shown in _commands(block):
                _check(block, command, shown)
        else:
            _parse(block)


def _parse(block: Block) -> None:
    parsers = {"toml": tomllib.loads, "json": json.loads, "yaml": yaml.safe_load}
    if block.language in parsers:
        parsers[block.language](block.text)


def _commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that the page shows."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
        else:
            raise PageError(_at(block, f"a console block begins with a command after '$ ', not with {line!r}"))
    return [(command, "\n".join(shown).strip("\n")) for command, shown in found]


def _check(block: Block, command: str, shown: str) -> None:
    wanted = _EXIT.search(command)
    words = shlex.split(command, comments=True)
    environment = dict(os.environ)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if words[0] == "cd":
        os.chdir(words[1])
        return
    if not _is_run(block, words):
        return
    words = [_latest() if word == "EXEC_ID" else word for word in words]
    code, printed = _run(words, environment)
    if code != int(wanted[1] if wanted else 0):
        raise PageError(_at(block, f"{command!r} ended with {code}:\n{printed}"))
    _compare(block, command, shown, printed)


def _run(words: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command, and return its exit code as a shell tells it and all that it printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        if words[0] == "kitaru":
            code = _run_kitaru(words[1:], environment, printed)
        else:
            program = [sys.executable, *words[1:]]
            done = subprocess.run(  # noqa: S603 - our own pages
                program, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, check=False
            )
            code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        printed.seek(0)
        return code, printed.read()


def _run_kitaru(words: list[str], environment: dict[str, str], printed: TextIO) -> int:
    """Run the program in this process, which has imported it already; what it starts are processes of their own."""
    from kitaru.cli.main import main

    before, terminal = dict(os.environ), (os.dup(1), os.dup(2))
    os.environ.update(environment)
    for number in (1, 2):
        os.dup2(printed.fileno(), number)
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        for number, saved in zip((1, 2), terminal, strict=True):
            os.dup2(saved, number)
            os.close(saved)
        os.environ.clear()
        os.environ.update(before)
    return 0


def _compare(block: Block, command: str, shown: str, printed: str) -> None:
    if shown and not re.fullmatch("".join(map(_pattern, _lines(shown))), "".join(_lines(printed))):
        raise PageError(_at(block, f"{command!r} does not print what the page shows, but:\n{printed}"))


def _pattern(line: str) -> str:
    if line == "...\n":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.split("..."))


def _lines(text: str) -> list[str]:
    """Return lines without what differs from terminal to terminal: empty ones, and spaces at their ends."""
    return [f"{line.rstrip()}\n" for line in text.splitlines() if line.strip()]


def _is_run(block: Block, words: list[str]) -> bool:
    """Tell whether a command is run; those that are not must at least be possible."""
    program, *rest = words
    first = rest[0] if rest else ""
    if program == "kitaru" or (program == "python" and (Path(first).exists() or rest[:2] == ["-m", "pytest"])):
        return True
    possible: dict[str, Callable[[], object]] = {
        "pip": lambda: _extras_exist(" ".join(rest)),
        "make": lambda: first and re.search(rf"^{re.escape(first)}:", (ROOT / "Makefile").read_text(), re.MULTILINE),
        "python": (ROOT / first).is_file,
        "pytest": Path(first).exists,  # what it runs on is a project of the reader's
        "python3": lambda: rest[:2] == ["-m", "venv"],
        "source": lambda: True,
    }
    if program not in possible or not possible[program]():
        raise PageError(_at(block, f"nobody can run {' '.join(words)!r}"))
    return False


def _extras_exist(requirement: str) -> bool:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {extra.strip() for found in re.findall(r"\[(.*?)\]", requirement) for extra in found.split(",")}
    return named <= set(project["optional-dependencies"])


def _latest() -> str:
    from kitaru import KitaruClient

    newest: str = KitaruClient().executions.latest().exec_id
    return newest


def _at(block: Block, text: str) -> str:
    return f"{block.page}:{block.line}: {text}"


def run_page(page: Path) -> None:
    """Run all blocks of a page in the present folder.

    Args:
        page: The page.

    Raises:
        PageError: A block does not do what the page shows.
    """
    run = PageRun()
    for block in blocks_of(page):
        run.run(block)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.stdin.close()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a real stream here
    run_page(Path(sys.argv[1]).resolve())
