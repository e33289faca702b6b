"""Writes `hooks.md` from the hook specifications and the cards; run it with `make pages`."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

from kitaru.hooks import cards, facts, specs
from kitaru.hooks.checks import Spec, known_specs
from kitaru.hooks.markers import HOOKSPEC_LEVEL

PAGE = Path(__file__).with_name("hooks.md")

INTRODUCTION = f"""\
<!-- Written by docs/generate_hooks.py from the hook specifications; change those, then run `make pages`. -->

# Hooks

A plugin is a Python module with functions marked by `hookimpl`. Everything in kitaru that can be exchanged enters
through these hooks: adapters, journals, caches, policies, observers, commands. What comes with kitaru uses the same
ones. This page describes level {HOOKSPEC_LEVEL}.

## A plugin in ten lines

```python
from kitaru.hooks import BoundaryRefused, PluginCard, hookimpl


@hookimpl
def kitaru_plugin_card():
    return PluginCard(name="office_hours", hookspec=1)


@hookimpl
def kitaru_checkpoint_admit(boundary):
    if boundary.kind == "tool" and boundary.name == "wire_transfer":
        raise BoundaryRefused("Transfers are made by people.")
```

Name the module in the entry-point group `kitaru` of your distribution, and it is found wherever that is installed:

```toml
[project.entry-points.kitaru]
office_hours = "acme.office_hours"
```

In a program or a test, `kitaru.hooks.get_manager().register(plugin, name="office_hours")` does the same for one
process.

## Rules

- Hooks are plain functions with plain parameters, and name only those parameters they need. Coroutines, keyword-only
  parameters, `*args` and unknown hooks are refused when the plugin is loaded, with the nearest known name.
- A plugin module imports `kitaru.hooks` and nothing heavy. What needs a framework stands behind the `load()` of a card.
- A plugin is checked as a whole before it is registered. One that is broken stops a run before anything is recorded, in
  an error that names plugin, distribution, version and hook. An answer to a wait is still taken.
- Two plugins that claim one name (an adapter, an address scheme, a codec, a command, ...) are both refused.
- No answer may depend on the order of plugins.
- No hook is called for each token of a stream.

| variable | effect |
|---|---|
| `KITARU_PLUGINS_DISABLED=a,b` | these plugins are not even imported |
| `KITARU_PLUGINS_AUTOLOAD=0` | no plugin but kitaru's own is loaded |
| `KITARU_TRACE_HOOKS=1` | each call is printed to standard error with plugin, arguments in a word, and microseconds |

`kitaru plugins list` shows what was found, and why something is not active.
"""


def render() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, "## The hooks, in the order of a plugin's life\n"]
    parts += [_hook(spec) for spec in known_specs().values()]
    parts.append("## Cards\n\nWhat the registry hooks hand out. `load` imports the thing and returns it.\n")
    parts += [_type(getattr(cards, name)) for name in cards.__all__ if name != "Card"]
    parts.append("## Facts\n\nWhat hooks are told, and what they answer.\n")
    parts += [_type(getattr(facts, name)) for name in facts.__all__]
    return "\n".join(parts)


def _hook(spec: Spec) -> str:
    function = getattr(specs, spec.name)
    signature = str(inspect.signature(function)).replace("'", "")
    notes = {
        "Only the first answer that is not `None` counts.": spec.first,
        "Plugins that are registered later are called as well.": spec.historic,
        "Takes wrappers (`hookimpl(wrapper=True)`).": spec.wrappable,
    }
    told = " ".join(note for note, holds in notes.items() if holds)
    return f"### `{spec.name}{signature}`\n\n{_prose(function)}\n" + (f"\n{told}\n" if told else "")


def _type(kind: type) -> str:
    return f"### `{kind.__name__}`\n\n{_prose(kind)}\n{_methods(kind)}"


def _methods(kind: type) -> str:
    """Return the methods of a protocol; the fields of the other types are in their text."""
    if not getattr(kind, "_is_protocol", False):
        return ""
    lines = []
    for name, function in vars(kind).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            signature = (
                str(inspect.signature(function)).replace("'", "").replace("(self, ", "(").replace("(self)", "()")
            )
            summary = (inspect.getdoc(function) or "").splitlines()[0]
            lines.append(f"- `{name}{signature}`: {summary}")
    return "\n" + "\n".join(lines) + "\n"


def _prose(documented: object) -> str:
    """Return a docstring as Markdown: sections become bold words, their entries a list."""
    text = inspect.getdoc(documented) or ""
    text = re.sub(
        r"^(Args|Returns|Raises|Attributes):\n((?:[ ]{4}.*\n?|\n(?=[ ]{4}))+)", _section, text, flags=re.MULTILINE
    )
    return text.strip()


def _section(match: re.Match[str]) -> str:
    title = {"Args": "Arguments", "Returns": "Result", "Raises": "Errors", "Attributes": "Fields"}[match[1]]
    body = textwrap.dedent(match[2]).strip("\n")
    if match[1] == "Returns":
        return f"**{title}:** {body}\n"
    entries = re.sub(r"\n[ ]{4}", " ", body)
    lines = [re.sub(r"^(\w+): ", r"- `\1`: ", line) for line in entries.splitlines()]
    return f"**{title}**\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
