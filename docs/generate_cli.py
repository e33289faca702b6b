"""Write `cli.md` from the commands themselves."""

from __future__ import annotations

import re
from pathlib import Path

from cyclopts import App

from kitaru.cli.app import Commands
from kitaru.cli.command_table import COMMANDS, GROUPS, add_commands

__all__ = ["render"]

PAGE = Path(__file__).with_name("cli.md")

HEAD = """\
<!-- Written by docs/generate_cli.py from the commands; change those, then run `make pages`. -->

# Command line

`kitaru` inspects and operates executions. It starts none: a flow is started from Python.

## What holds for every command

- `-o json` prints one document and nothing else on standard output: `{"command": ..., "item": ...}` for one thing,
  `{"command": ..., "items": [...], "count": n}` for a list, where `n` is what this page holds. `executions watch` and
  `executions events` print one object on each line, `{"command": ..., "event": ..., "item": ...}`.
- An error is one object on standard error, `{"command": ..., "error": {"message": ..., "type": ...}}`, and standard
  output stays empty.
- Exit codes: 0 done, 1 refused or failed, 2 a mistake in the arguments, 130 interrupted.
- Operands may be given by name as well: `kitaru executions get --exec-id ID`.
- Output is coloured on a terminal only; `NO_COLOR` and `--no-color` turn that off.
- `kitaru completion bash|zsh|fish` prints a script that completes commands.

"""


def render() -> str:
    """Return the page."""
    app = App(name="kitaru", version_flags=[], help_flags=[])
    add_commands(Commands(app))
    alone = {name: f"kitaru {name}" for name in sorted(COMMANDS)}
    grouped = {f"{group} {word}": f"kitaru {group} {word}" for group, (_, all_) in GROUPS.items() for word in all_}
    text = app.generate_docs(output_format="markdown", include_hidden=False)
    sections = dict(re.findall(r"^#+ (kitaru [^\n]+)\n(.*?)(?=^#+ kitaru |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    parts = [f"## `{title}`\n{sections[title].rstrip()}\n" for title in [*alone.values(), *grouped.values()]]
    return HEAD + "\n".join(parts).replace("```console", "```text")  # how a command is written, not one to type


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
