"""`kitaru executions`: why one does not go on, how two differ, what happened in one, and how many there are."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption, Repeated
from kitaru.cli.listing import PAGE_SIZE, page_of
from kitaru.cli.output import Output, plain_json
from kitaru.cli.views import Command, nothing_found, titled_table
from kitaru.engine.selecting import select_call
from kitaru.errors import KitaruStateError
from kitaru.operating.harmless_text import harmless

if TYPE_CHECKING:
    from kitaru.operating.comparing import ExecutionDifference
    from kitaru.operating.models import CheckpointCall, Execution
    from kitaru.operating.statistics_models import ExecutionStatisticsGroup

__all__ = ["diff", "events", "messages", "statistics", "why"]

_SPEAKERS = ("role", "type", "kind")
_UNTOLD = {*_SPEAKERS, "timestamp", "run_id", "conversation_id", "state", "usage", "response_metadata"}
_STYLES = {
    **dict.fromkeys(("user", "human", "request"), "bold cyan"),
    **dict.fromkeys(("assistant", "ai", "response", "function_call"), "bold green"),
    **dict.fromkeys(("tool", "function_call_output"), "bold yellow"),
}
_CHANGES = {"same": "dim", "reused": "green", "changed": "yellow", "added": "cyan", "removed": "red"}


def why(exec_id: str, *, output: OutputOption = "text") -> None:
    """Name the one thing an execution waits for, and the command that lets it go on.

    Args:
        exec_id: The execution.
        output: text for people, json for programs.
    """
    reason = open_client().executions.why(exec_id)
    lines: list[RenderableType] = [Text(reason.text)]
    if reason.action:
        lines.append(Command(reason.action))
    Output("executions.why", output).item(dataclasses.asdict(reason), *lines)


def messages(exec_id: str, call: str | None = None, *, output: OutputOption = "text") -> None:
    """Show the conversation that a model was asked with, oldest message first.

    Args:
        exec_id: The execution.
        call: The call of a model, named as for `kitaru executions replay`; its last one when left out.
        output: text for people, json for programs.
    """
    execution = open_client().executions.get(exec_id)
    asked = _last_model_call(execution) if call is None else select_call(execution.checkpoints, call)
    told = asked.load_messages()
    shown = [_message(number, message) for number, message in enumerate(told, start=1)]
    if not shown:
        reused = f" It took its value from execution {asked.original_exec_id}." if asked.original_exec_id else ""
        shown = [Text(f"No messages are kept of {asked.invocation_id}.{reused}")]
    item = {"call_id": asked.call_id, "invocation_id": asked.invocation_id, "messages": told}
    Output("executions.messages", output).item(item, *shown)


def _last_model_call(execution: Execution) -> CheckpointCall:
    asked = [call for call in execution.checkpoints if call.message_loader is not None]
    if not asked:
        msg = f"Execution {execution.exec_id} keeps no messages: none of its calls has asked a model with any."
        raise KitaruStateError(msg)
    return asked[-1]


def _message(number: int, message: object) -> RenderableType:
    import yaml

    said = message if isinstance(message, dict) else {"content": message}
    who = str(next((said[name] for name in _SPEAKERS if isinstance(said.get(name), str)), "message"))
    told = _without_nothing({name: part for name, part in said.items() if name not in _UNTOLD})
    content = told.get("content") if isinstance(told, dict) and set(told) == {"content"} else None
    text = content if isinstance(content, str) else yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
    return Group(Text(f"{number}. {harmless(who)}", style=_STYLES.get(who, "bold")), Text(harmless(text.rstrip())), "")


def _without_nothing(value: object) -> object:
    """Return data without the fields that say nothing, of which messages of some frameworks have many."""
    if isinstance(value, dict):
        parts = {name: _without_nothing(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part not in (None, "", [], {})}
    return [_without_nothing(part) for part in value] if isinstance(value, list) else value


def diff(first: str, second: str, *, output: OutputOption = "text") -> None:
    """Compare two executions call by call, such as a replay with its source.

    Args:
        first: One execution.
        second: The other one.
        output: text for people, json for programs.
    """
    found = open_client().executions.diff(first, second)
    item = {**dataclasses.asdict(found), "is_same": found.is_same}
    Output("executions.diff", output).item(item, _difference(found))


def _difference(found: ExecutionDifference) -> Group:
    table = titled_table("Calls")
    table.add_column("Call", overflow="fold")
    table.add_column("Change", no_wrap=True)
    table.add_column("What differs", no_wrap=True)
    for call in found.calls:
        what = [word for word, is_so in (("inputs", call.inputs_differ), ("output", call.output_differs)) if is_so]
        table.add_row(call.invocation_id, Text(call.change, style=_CHANGES[call.change]), ", ".join(what) or "-")
    whole = {"inputs": found.inputs_differ, "result": found.result_differs, "code": found.code_differs}
    words = [Text("The same" if found.is_same else "Different", style="bold")]
    words += [Text(f"  {what} {'differ' if what == 'inputs' else 'differs'}") for what, is_so in whole.items() if is_so]
    return Group(*words, table)


def events(
    exec_id: str,
    *,
    kind: Repeated = None,
    checkpoint: str | None = None,
    since: str | None = None,
    output: OutputOption = "text",
) -> None:
    """Tell what the checkpoints of an execution tell, as it happens; with -o json one object on each line.

    Args:
        exec_id: The execution.
        kind: Only events of this kind; may be repeated.
        checkpoint: Only of this checkpoint.
        since: The cursor of the last event that was seen.
        output: text for people, json for programs.
    """
    for event in open_client().executions.events(exec_id, kinds=kind, checkpoint=checkpoint, since=since):
        if output == "json":
            line = {"command": "executions.events", "event": event.kind, "item": plain_json(dataclasses.asdict(event))}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        else:
            moment = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
            words = [moment, event.kind, event.step_name or event.checkpoint_name, event.payload.get("message")]
            sys.stdout.write(harmless("  ".join(str(word) for word in words if word)) + "\n")
        sys.stdout.flush()


def statistics(  # noqa: PLR0913 - one option for each filter
    *,
    group_by: Repeated = None,
    metric: Repeated = None,
    flow: str | None = None,
    status: str | None = None,
    stack: str | None = None,
    tag: Repeated = None,
    max_groups: int = 1000,
    page: int | None = None,
    size: int | None = None,
    output: OutputOption = "text",
) -> None:
    """Count and measure executions in groups.

    Args:
        group_by: status, flow, stack, time:hour, time:day, time:week, time:month or metadata:KEY; may be repeated.
        metric: NAME:SOURCE:AGGREGATION, such as took:duration:avg; may be repeated. Sources are duration, step_count,
            cached_step_count, output_artifact_count and metadata:KEY; aggregations avg, sum, min and max.
        flow: Only of this flow.
        status: Only in this state.
        stack: Only on this stack.
        tag: Executions have no tags here; says what to use instead.
        max_groups: At most this many groups.
        page: Which page, from 1.
        size: How many groups on a page.
        output: text for people, json for programs.
    """
    found = open_client().executions.statistics(
        group_by=group_by or (),
        metrics=metric or (),
        flow=flow,
        status=status,
        stack=stack,
        tags=tag,
        max_groups=max_groups,
    )
    groups = list(found.groups)
    if page is not None or size is not None:
        groups = list(page_of(groups, 1 if page is None else page, PAGE_SIZE if size is None else size))
    item = {
        "groups": [dataclasses.asdict(group) for group in groups],
        "truncated": found.truncated,
        "group_count": len(groups),
    }
    view = [_counted(groups, page or 1)]
    if found.truncated:
        view.append(Group(Text(f"Results truncated at --max-groups {max_groups}", style="yellow")))
    Output("executions.statistics", output).item(item, *view)


def _counted(groups: list[ExecutionStatisticsGroup], page: int) -> Group:
    if not groups:
        return Group(Text("Statistics", style="bold"), nothing_found("groups", page))
    table = titled_table("Statistics")
    for key in groups[0].keys:
        table.add_column(key, overflow="fold")
    table.add_column("Executions", justify="right")
    for name in groups[0].metrics:
        table.add_column(name, justify="right")
    for group in groups:
        measures = ("-" if value is None else f"{value:.6g}" for value in group.metrics.values())
        table.add_row(*(str(value) for value in group.keys.values()), str(group.execution_count), *measures)
    return Group(table)
