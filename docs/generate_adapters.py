"""Write the table of adapters into README.md and adapters/index.md: what they are, and how the contract judges them.

The one half comes from the cards that the adapters hand out, the other from the report in conformance/, which
`make conformance` writes.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from generated_text import placed

from kitaru.hooks import AdapterCard
from kitaru_conformance.report import load
from kitaru_conformance.results import SubjectReport

__all__ = ["PAGES", "render"]

DOCS = Path(__file__).resolve().parent
PAGES = {DOCS.parent / "README.md": "docs/adapters/", DOCS / "adapters" / "index.md": ""}
REPORT = DOCS / "conformance" / "report.json"
ADAPTERS = {
    "pydantic_ai": ("PydanticAI", ["KitaruAgent"], "pydantic-ai.md"),
    "openai_agents": ("OpenAI Agents SDK", ["KitaruRunner"], "openai-agents.md"),
    "langgraph": (
        "LangGraph, LangChain, Deep Agents",
        ["KitaruGraphRunner", "KitaruLangGraphMiddleware"],
        "langgraph.md",
    ),
    "claude_agent_sdk": ("Claude Agent SDK", ["KitaruClaudeRunner"], "claude-agent-sdk.md"),
    "gemini": ("Gemini Interactions", ["KitaruGeminiInteractionsRunner"], "gemini.md"),
}


def render(page: Path) -> str:
    """Return a page with the table as it is today.

    Args:
        page: One of `PAGES`.

    Returns:
        The whole page.
    """
    rows = [
        "| framework | `kitaru.adapters.…` | durable boundaries | strategies, default first | conformance | install |",
        "|---|---|---|---|---|---|",
    ]
    judged = {one.name: one for one in load(REPORT).subjects if one.contract == "AdapterContract"}
    for module, (title, entries, target) in ADAPTERS.items():
        card: AdapterCard
        (card,) = import_module(f"kitaru_adapters.{module}.plugin").kitaru_adapters()
        link, names = f"[{title}]({PAGES[page]}{target})", [f"`{module}.{entry}`" for entry in entries]
        rows.append(_row(card, link, names, _verdict(judged[card.name])))
    return placed(page, "adapters", "\n".join(rows))


def _verdict(subject: SubjectReport) -> str:
    gaps = f", {subject.count('gap')} declared gaps" if subject.count("gap") else ""
    return f"{subject.level}: {subject.count('passed')} requirements{gaps}"


def _row(card: AdapterCard, link: str, entries: list[str], verdict: str) -> str:
    rest = sorted(set(card.strategies) - {card.default_strategy})
    strategies = [f"`{name}`" for name in (card.default_strategy, *rest)]
    return (
        f"| {link} | {', '.join(entries)} | {', '.join(card.boundaries)} | {', '.join(strategies)} "
        f"| {verdict} | `pip install '.[{card.extra}]'` |"
    )


if __name__ == "__main__":
    for written in PAGES:
        written.write_text(render(written), encoding="utf-8")
