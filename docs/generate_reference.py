"""Write `reference/`: one page for each public module, which the site fills from signatures and docstrings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import griffe

__all__ = ["PAGES", "render"]

DOCS = Path(__file__).resolve().parent
PAGES = {
    "kitaru": "kitaru",
    "seam": "kitaru.seam",
    "hooks": "kitaru.hooks",
    "errors": "kitaru.errors",
    "adapter-pydantic-ai": "kitaru.adapters.pydantic_ai",
    "adapter-openai-agents": "kitaru_adapters.openai_agents",
    "adapter-langgraph": "kitaru.adapters.langgraph",
    "adapter-claude-agent-sdk": "kitaru.adapters.claude_agent_sdk",
    "adapter-gemini": "kitaru.adapters.gemini",
    "conformance": "kitaru_conformance",
}
ROOTS = [str(DOCS.parent / root) for root in ("kitaru_core", "adapters", "plugins", "conformance_tests")]


def render(page: str) -> str:
    """Return one page of the reference.

    Args:
        page: One of `PAGES`.

    Returns:
        The page: a heading, and one directive for each public name.
    """
    module = _loaded().modules_collection[PAGES[page]]
    summary = (module.docstring.value if module.docstring else "").partition("\n")[0]
    names = module.exports or [name for name, member in module.members.items() if member.is_module]
    homes = [_home(module, name) for name in sorted(map(str, names)) if not name.startswith("_")]
    directives = [f"::: {home}" for home in homes if home]
    text = "\n\n".join([f"# `{module.path}`", summary, *directives])
    return f"<!-- Written by docs/generate_reference.py from the public names; run `make pages`. -->\n\n{text}\n"


@cache
def _loaded() -> griffe.GriffeLoader:
    """Read our packages without importing them: no framework is needed for that."""
    loader = griffe.GriffeLoader(search_paths=ROOTS)
    for package in ("kitaru", "kitaru_adapters", "kitaru_conformance"):
        loader.load(package)
    loader.resolve_aliases(implicit=True)
    return loader


def _home(module: griffe.Module | griffe.Alias, name: str) -> str | None:
    """Return the full path of what a name stands for, if it is known."""
    member = module.members.get(name)
    if member is None:
        return None
    return member.final_target.path if isinstance(member, griffe.Alias) else member.path


if __name__ == "__main__":
    (DOCS / "reference").mkdir(exist_ok=True)
    for written in PAGES:
        (DOCS / "reference" / f"{written}.md").write_text(render(written), encoding="utf-8")
