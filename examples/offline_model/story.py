"""A story in three model calls, by a real language model on this machine: no key, no network.

Run it:

    python examples/offline_model/story.py "a lighthouse"

Kill it between two calls, then go on:

    KITARU_CRASH_AT=boundary.after_commit:2 python examples/offline_model/story.py "a lighthouse"
    kitaru executions retry EXEC_ID
"""

from __future__ import annotations

import sys

from local_model import MODEL, start

import kitaru

__all__ = ["main", "story"]

_TOKENS = 24
_SYSTEM = "You write for children. Short sentences."


def _ask(prompt: str, name: str) -> str:
    return kitaru.llm(prompt, model=MODEL, system=_SYSTEM, name=name, temperature=0.0, max_tokens=_TOKENS).strip()


@kitaru.checkpoint
def keep(parts: list[str]) -> str:
    """Keep the story under a name."""
    text = "\n\n".join(parts)
    kitaru.save("story", text)
    return text


@kitaru.flow
def story(about: str) -> str:
    """Write a story: an opening, what happens, and an end."""
    start()  # plain code of the body: it runs again in every process that goes on with the story
    opening = _ask(f"Write the first sentence of a story about {about}.", "opening")
    middle = _ask(f"Tell in one sentence how a fisherman is saved at {about}.", "middle")
    ending = _ask(f"Write one sentence about the morning after the storm at {about}.", "ending")
    return keep([opening, middle, ending])


def main(arguments: list[str]) -> int:
    """Write a story.

    Args:
        arguments: What it is about; a lighthouse when left out.

    Returns:
        The exit code.
    """
    about = " ".join(arguments) or "a lighthouse"
    sys.stdout.write(story.run(about).wait() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
