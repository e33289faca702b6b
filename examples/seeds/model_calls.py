"""Calls of a model: a boundary of its own in the flow's body, a part of the checkpoint inside one.

Without `KITARU_LLM_MOCK_RESPONSE` this calls a provider; `main` sets a canned answer where there is none.
"""

from __future__ import annotations

import os
import sys

from kitaru import KitaruClient, checkpoint, flow, llm

REGISTRY = '{"aliases": {"fast": {"model": "openai/gpt-5-mini"}}, "default": "fast"}'


@checkpoint
def headline(text: str) -> str:
    """Ask for a headline; the call belongs to this checkpoint."""
    return llm(f"A headline for: {text}", model="fast", max_tokens=20, name="headline").strip()


@flow
def article(topic: str) -> tuple[str, str]:
    """Write an article with its headline."""
    outline = llm(f"Outline an article about {topic}.", system="Answer in one line.", name="outline")
    text = llm(
        [
            {"role": "user", "content": f"Write it: {outline}"},
            {"role": "assistant", "content": "How long?"},
            {"role": "user", "content": "One paragraph."},
        ],
        temperature=0.2,
    )
    return headline(text), text


def main() -> tuple[str, str]:
    """Write one article, and say what was called.

    Returns:
        Headline and text.
    """
    os.environ.setdefault("KITARU_LLM_MOCK_RESPONSE", "Durable runs, in short.")
    os.environ.setdefault("KITARU_MODEL_REGISTRY", REGISTRY)
    handle = article.run("durable runs")
    result = handle.wait()
    for call in KitaruClient().executions.get(handle.exec_id).checkpoints:
        sys.stdout.write(f"{call.invocation_id} ({call.checkpoint_type}): {list(call.metadata['llm_calls'])}\n")
    return result


if __name__ == "__main__":
    main()
