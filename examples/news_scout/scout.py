"""News Scout: reads feeds, investigates articles, scores them, and writes a briefing that anybody can find.

Run it:

    python examples/news_scout/scout.py --interests "ai agents, robotics"

Break it, then continue it: `kitaru executions retry EXEC_ID` fetches only what is missing.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import asdict

from newsstand import stored_site
from pydantic_ai import Agent, RunContext
from pydantic_ai.models import infer_model
from reading import fetch, page_text, parse_feed, sentences
from scout_model import offline_model

import kitaru
from kitaru.adapters.pydantic_ai import CapturePolicy, KitaruAgent

__all__ = ["main", "news_scout", "publish_report"]

STORED = "stored"
FEEDS = ("/feeds/technology.xml", "/feeds/world.xml")
INSTRUCTIONS = """Write a short briefing on the given interests. Search the news for each interest, fetch the best
articles, investigate each of them, and tell only what is worth telling, best first, with its address."""


def search_news(ctx: RunContext[str], interest: str) -> list[dict[str, object]]:
    """Search the feeds for entries on one interest, best first."""
    words = _words(interest)
    found: list[dict[str, object]] = []
    for feed in FEEDS:
        for item in parse_feed(fetch(_site(ctx.deps), feed)):
            score = _count(f"{item.title} {item.title} {item.description}", words)
            if score:
                found.append({**asdict(item), "score": score})
    return sorted(found, key=lambda item: (-int(str(item["score"])), str(item["link"])))


def fetch_url(ctx: RunContext[str], url: str) -> str:
    """Fetch one article and return its text."""
    return page_text(fetch(_site(ctx.deps), url))


def investigate(ctx: RunContext[str], url: str, text: str) -> dict[str, object]:
    """Say in two sentences what an article reports, and score how much of it can be checked."""
    del ctx
    title, _, body = text.partition("\n")
    told = [sentence for sentence in sentences(body) if len(sentence.split()) > 3]  # noqa: PLR2004 - not a heading
    with_figures = [sentence for sentence in told if re.search(r"\d", sentence)]
    summary = " ".join((with_figures or told)[:2])
    return {"url": url, "title": title, "summary": summary, "score": len(with_figures)}


def _site(name: str) -> str:
    return stored_site() if name == STORED else name


def _words(interest: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]+", interest.lower()) if len(word) > 1]


def _count(text: str, words: list[str]) -> int:
    return sum(len(re.findall(rf"\b{word[:5]}", text.lower())) for word in words)


def _model() -> object:
    name = os.environ.get("KITARU_EXAMPLE_MODEL")
    return infer_model(name) if name else offline_model()


scout_agent = KitaruAgent(
    Agent(
        _model(),  # type: ignore[arg-type]  # one of two kinds of model
        name="news_scout",
        deps_type=str,
        instructions=INSTRUCTIONS,
        tools=[search_news, fetch_url, investigate],
    ),
    granular_checkpoints=True,
    capture=CapturePolicy(tool_capture="full"),
)


@kitaru.checkpoint
def publish_report(report: str) -> str:
    """Give the briefing a name under which anybody can find it."""
    kitaru.save("final_report", report, tags=["markdown"])
    return report


@kitaru.flow
def news_scout(interests: str, site: str = STORED) -> str:
    """Write a briefing on some interests."""
    result = scout_agent.run_sync(f"Write a briefing on: {interests}", deps=site)
    return publish_report(result.output)


def main(arguments: list[str] | None = None) -> int:
    """Run the example from the command line.

    Args:
        arguments: The command line; that of the process when left out.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Write a briefing from news feeds.")
    parser.add_argument("--interests", default="ai agents, robotics")
    parser.add_argument("--site", default=STORED, help="address of a site with feeds; stored pages by default")
    given = parser.parse_args(arguments)
    handle = news_scout.run(given.interests, given.site)
    sys.stderr.write(f"execution {handle.exec_id}\n")
    sys.stdout.write(handle.wait())
    return 0


if __name__ == "__main__":
    sys.exit(main())
