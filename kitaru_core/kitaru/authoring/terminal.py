"""Asking a question on the terminal the flow runs in."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from kitaru.engine import schemas
from kitaru.engine.answering import abort_wait, answer_wait
from kitaru.engine.scope import flow_scope
from kitaru.engine.waits import Question, ask, open_questions
from kitaru.errors import KitaruStateError, KitaruWaitValidationError
from kitaru.operating.harmless_text import harmless
from kitaru.records.plain import JsonObject

__all__ = ["ask_on_terminal"]


def ask_on_terminal(question: Question) -> Any:  # noqa: ANN401 - the type that was asked for
    """Ask on the terminal; the answer is recorded like one from anywhere else.

    An empty line answers null, or continues at a gate; an answer that does not fit is asked for again; Ctrl+C aborts
    the wait, which cancels the execution.

    Args:
        question: What to ask.

    Returns:
        The answer.
    """
    run = flow_scope("wait()")
    counted = run.wait_counts.get(question.name, 0)
    (state,) = open_questions([question])
    run.wait_counts[question.name] = counted
    if not state.answered:
        _answer(run.execution_id, state.name, question)
    return ask([question])[0]


def _answer(execution_id: str, name: str, question: Question) -> None:
    schema = schemas.json_schema(question.schema)
    hint = "Enter to continue" if schema is None else f"JSON for {msgspec.json.encode(schema).decode()}"
    sys.stdout.write(f"\n{harmless(question.question or name)}\n  ({hint}; Ctrl+C aborts)\n")
    while True:
        try:
            text = input("> ").strip()
        except (KeyboardInterrupt, EOFError):
            abort_wait(run_journal(), execution_id, name, by={"surface": "terminal"})
            return
        try:
            answer_wait(run_journal(), execution_id, name, parse(text, schema), by={"surface": "terminal"})
        except KitaruWaitValidationError as error:
            sys.stdout.write(f"  {error}\n")
        except KitaruStateError:
            # Somebody answered from elsewhere while the prompt was open.
            return
        else:
            return


def run_journal() -> Any:  # noqa: ANN401 - a journal of whatever kind
    """Return the journal of the running execution."""
    return flow_scope("wait()").journal


def parse(text: str, schema: JsonObject | None) -> object:
    """Turn a typed line into an answer: JSON where it is JSON, yes or no for a boolean, else the text itself."""
    if not text or schema is None:
        return None
    if schema.get("type") == "boolean" and text.casefold() in {"y", "yes", "n", "no"}:
        return text.casefold() in {"y", "yes"}
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
