"""How executions look to a person: a table of many, a record and a tree of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from kitaru.operating.answer_command import answer_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kitaru.engine.replay import ReplayPlan
    from kitaru.operating.models import CheckpointCall, Execution, PendingWait

__all__ = [
    "Command",
    "ExecutionsTable",
    "ago",
    "execution_record",
    "nothing_found",
    "plan_view",
    "since",
    "size_text",
    "status_text",
    "success",
    "titled_table",
    "wait_view",
]

_WIDE = 110

_STYLES = {
    "running": "cyan",
    "waiting": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
}
_ORIGINS = {"reused": "reused", "overridden": "overridden", "hit": "from cache"}


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status, style=_STYLES.get(status, ""))


def success(message: str, *details: str) -> RenderableType:
    """Return a line that says what was done, with dim details below."""
    lines = [Text(message, style="green"), *(Text(f"  {detail}", style="dim") for detail in details)]
    return Group(*lines)


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was, in one unit."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return f"{max(0, int(seconds))}s ago"


def nothing_found(noun: str, page: int = 1) -> Text:
    """Return what stands in the place of a list that is empty, or of a page past its end."""
    return Text(f"  {noun}: none found" if page == 1 else f"  no items on page {page}")


def size_text(size: int) -> str:
    """Return a number of bytes in the unit that people would choose."""
    if size < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{size} bytes"
    amount, units = size / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:  # noqa: PLR2004 - as above
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}"


def _took(started: datetime | None, ended: datetime | None) -> str:
    if started is None or ended is None:
        return ""
    seconds = max(0.0, (ended - started) / timedelta(seconds=1))
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "<1 ms"  # noqa: PLR2004 - a millisecond
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)}m {int(seconds % 60):02}s"  # noqa: PLR2004 - a minute


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy: where it does not fit a line it goes on after a backslash, as a shell takes it.

    Attributes:
        text: The command.
    """

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the command in as few lines as there is room for."""
        lines = [""]
        for n, part in enumerate(self.text.split(" --")):
            word = part if n == 0 else f"--{part}"
            if lines[-1] and len(lines[-1]) + len(word) + 5 > options.max_width:
                lines[-1] += " \\"
                lines.append(f"  {word}")
            else:
                lines[-1] += f" {word}" if lines[-1] else word
        yield Text("\n".join(f"  {line}" for line in lines), style="dim", no_wrap=True, overflow="ignore")


@dataclass(frozen=True, slots=True)
class ExecutionsTable:
    """A table of executions, newest first; where there is little room it has fewer columns, and never half an id.

    Attributes:
        executions: What it shows.
        page: Which page of the list this is.
    """

    executions: Sequence[Execution]
    page: int = 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table in as many columns as there is room for."""
        if not self.executions:
            yield Group(Text("Executions", style="bold"), nothing_found("executions", self.page))
            return
        wide = options.max_width >= _WIDE
        names = {"ID": max(len(item.exec_id) for item in self.executions), "Status": 9, "Steps": 5, "Started": 8}
        names |= {"Took": 8} if wide else {}
        gaps = 3 * (len(names) + wide) + 2
        left = options.max_width - sum(names.values()) - gaps
        flow = min(max(len(item.flow_name or "-") for item in self.executions), left // 2 if wide else left)
        names = {"ID": names.pop("ID"), "Flow": max(flow, 4), **names} | ({"Note": left - flow} if wide else {})
        table = titled_table("Executions")
        for heading, width in names.items():
            side: Literal["left", "right"] = "right" if heading in {"Steps", "Took"} else "left"
            table.add_column(heading, width=width, min_width=width, no_wrap=True, overflow="ellipsis", justify=side)
        for item in self.executions:
            table.add_row(*_row(item)[: 7 if wide else 5])
        yield table


def _row(execution: Execution) -> tuple[str | Text, ...]:
    return (
        execution.exec_id,
        execution.flow_name or "-",
        status_text(execution.status),
        str(execution.checkpoint_count),
        ago(execution.started_at),
        _took(execution.started_at, execution.ended_at),
        _note(execution),
    )


def titled_table(title: str) -> Table:
    """Return an empty table with a title above it."""
    return Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _note(execution: Execution) -> Text:
    wait = execution.pending_wait
    if wait is not None:
        return Text(wait.question or wait.name, style="yellow")
    if execution.failure is not None:
        return Text(execution.failure.message.partition("\n")[0], style="red")
    return Text(execution.status_reason or "", style="dim")


def execution_record(execution: Execution) -> RenderableType:
    """Return everything about an execution: facts, then the tree of its calls."""
    facts: list[tuple[str, str | Text]] = [
        ("Execution ID", execution.exec_id),
        ("Flow", execution.flow_name or "-"),
        ("Status", status_text(execution.status)),
        ("Started", since(execution.started_at)),
        ("Ended", since(execution.ended_at)),
        ("Stack", execution.stack_name or "-"),
    ]
    if execution.original_exec_id:
        facts.append(("Replay of", execution.original_exec_id))
    if execution.status_reason:
        facts.append(("Reason", execution.status_reason.partition("\n")[0]))
    if execution.llm_usage_summary:
        facts.append(("LLM usage", _usage(execution.llm_usage_summary)))
    grid = Table.grid(padding=(0, 1))
    for label, value in facts:
        grid.add_row(Text(f"  {label}:", style="dim"), value)
    parts: list[RenderableType] = [Text("Execution", style="bold"), grid]
    if execution.pending_wait is not None:
        parts += [Text(""), wait_view(execution.exec_id, execution.pending_wait)]
    parts += [Text(""), _tree(execution)]
    return Group(*parts, *_next_step(execution))


def since(moment: datetime | None) -> str:
    """Return a time, and how long ago it was."""
    return "not available" if moment is None else f"{moment.isoformat(timespec='seconds')} ({ago(moment)})"


def _usage(summary: Mapping[str, Any]) -> str:
    cost = summary.get("display_cost_usd")
    count, incurred, reused = (summary.get(f"{kind}usage_record_count", 0) for kind in ("", "incurred_", "reused_"))
    text = f"{count} usage records ({incurred} incurred, {reused} reused), {summary.get('total_tokens', 0)} tokens"
    if cost is None:
        return text
    parts = [
        f"{word} ${summary[key]:.4f}"
        for word, key in (("actual", "actual_cost_usd"), ("estimated", "estimated_cost_usd"))
        if summary.get(key) is not None
    ]
    return f"{text}, display cost ${cost:.4f}" + (f" ({', '.join(parts)})" if parts else "")


def wait_view(execution_id: str, wait: PendingWait) -> RenderableType:
    """Return an open wait and the command that answers it."""
    return Group(
        Text.assemble(("Waits for: ", "bold yellow"), wait.name, (f"  ({ago(wait.entered_waiting_at)})", "dim")),
        Text(f"  {wait.question or 'no question given'}"),
        Command(answer_command(execution_id, wait)),
    )


def _tree(execution: Execution) -> RenderableType:
    calls = execution.checkpoints
    tree = Tree(Text(f"Checkpoints ({len(calls)})", style="bold"))
    for call in calls:
        branch = tree.add(_call_line(call))
        for attempt in call.attempts:
            if attempt.failure is not None:
                text = f"attempt {attempt.number} failed: {attempt.failure.message.partition(chr(10))[0]}"
                branch.add(Text(text, style="red"))
        for artifact in call.artifacts:
            if artifact.save_type == "manual":
                branch.add(Text(f"artifact {artifact.name} ({artifact.kind})", style="dim"))
    return tree


def _call_line(call: CheckpointCall) -> Text:
    line = Text.assemble(call.invocation_id, "  ", status_text(call.status))
    took = _took(call.started_at, call.ended_at)
    origin = _ORIGINS.get(call.cache_status)
    if origin:
        line.append(f"  {origin}", style="magenta")
    elif took:
        line.append(f"  {took}", style="dim")
    if call.checkpoint_type:
        line.append(f"  {call.checkpoint_type}", style="dim")
    if len(call.attempts) > 1:
        line.append(f"  {len(call.attempts)} attempts", style="yellow")
    tokens = sum(int((record.get("usage") or {}).get("total_tokens") or 0) for record in call.llm_usage_records)
    if tokens:
        line.append(f"  {tokens} tokens", style="dim")
    return line


def _next_step(execution: Execution) -> list[RenderableType]:
    if execution.status == "failed":
        about, verb = "To go on from its last completed boundary:", "retry"
    elif execution.status == "waiting" and execution.pending_wait is None:
        about, verb = "All its waits are answered. To go on:", "resume"
    else:
        return []
    return [Text(""), Text(about, style="dim"), Command(f"kitaru executions {verb} {execution.exec_id}")]


def plan_view(plan: ReplayPlan) -> RenderableType:
    """Return what a replay will do."""
    table = titled_table("Replay plan")
    table.add_column("Call", no_wrap=True)
    table.add_column("What happens")
    for name in plan.reused:
        table.add_row(name, Text("reused: its recorded value is read back", style="green"))
    for name in plan.overridden:
        table.add_row(name, Text("overridden: the given value takes its place", style="magenta"))
    for name in plan.runs:
        table.add_row(name, Text("runs again", style="yellow"))
    return table
