"""`kitaru executions`: retry, resume and replay, each carried out by a process of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption, WaitOption, json_object, overrides_from
from kitaru.cli.output import Output
from kitaru.cli.shapes import execution_shape
from kitaru.operating.worker import start_worker

if TYPE_CHECKING:
    from kitaru.operating.models import Execution

__all__ = ["in_worker", "is_left_alone", "replay", "resume", "retry"]


def retry(exec_id: str, *, wait: WaitOption = True, output: OutputOption = "text") -> int:
    """Go on with a failed execution from its last completed boundary.

    Args:
        exec_id: The execution.
        wait: Stay until it has ended or waits again.
        output: text for people, json for programs.
    """
    return _continued("retry", "Retried", exec_id, wait=wait, output=output)


def resume(exec_id: str, *, wait: WaitOption = True, output: OutputOption = "text") -> int:
    """Go on with an execution whose waits are answered.

    Args:
        exec_id: The execution.
        wait: Stay until it has ended or waits again.
        output: text for people, json for programs.
    """
    return _continued("resume", "Resumed", exec_id, wait=wait, output=output)


def _continued(verb: str, done: str, exec_id: str, *, wait: bool, output: OutputOption) -> int:
    execution = in_worker(verb, exec_id, wait=wait)
    return _report(Output(f"executions.{verb}", output), f"{done} execution: {exec_id}", execution, waited=wait)


def _report(out: Output, done: str, execution: Execution, *, waited: bool) -> int:
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.success(done, f"Status: {execution.status}"))
        if waited and execution.status != "running":
            out.show(views.execution_record(execution))
    return int(waited and execution.status in {"failed", "cancelled"})


def is_left_alone(execution: Execution) -> bool:
    """Say whether an execution has all its answers and nobody who goes on with it.

    Args:
        execution: A snapshot of it.
    """
    rests = execution.status == "waiting" or execution.status_reason == "runner lost"
    return rests and execution.pending_wait is None


def in_worker(verb: str, exec_id: str, *, wait: bool, **options: object) -> Execution:
    """Have a process of its own go on with an execution.

    Args:
        verb: `retry`, `resume` or `replay`.
        exec_id: The execution.
        wait: Whether to wait until it has ended or waits again.
        **options: What a replay needs besides.

    Returns:
        A snapshot once it is under way, or at rest.
    """
    client = open_client()
    accepted = start_worker(verb, exec_id, options, quiet=not wait)
    if not wait:
        return client.executions.get(accepted)
    try:
        return client.executions.wait(accepted)
    except KeyboardInterrupt:
        sys.stderr.write(f"{accepted} goes on by itself; `kitaru executions watch {accepted}` follows it.\n")
        raise


def replay(
    exec_id: str,
    *,
    from_: Annotated[str, Parameter(name="--from")],
    override: Annotated[list[str] | None, Parameter(negative="")] = None,
    overrides: str | None = None,
    args: str | None = None,
    dry_run: bool = False,
    wait: WaitOption = False,
    output: OutputOption = "text",
) -> int:
    """Derive a new execution: reuse what came before a call, run from there.

    Args:
        exec_id: The source.
        from_: Name, invocation id or call id of the checkpoint to run from, or name#n.
        override: checkpoint.SELECTOR=VALUE, a value that takes the place of what that call returned; may be repeated.
            The value is JSON where it is JSON, else the text itself.
        overrides: The same for several calls, as one JSON object, or @FILE.
        args: Flow inputs that replace those of the source, as a JSON object, or @FILE.
        dry_run: Only show what would be reused, replaced and run.
        wait: Stay until the new execution has ended or waits.
        output: text for people, json for programs.
    """
    chosen = overrides_from(override or [], overrides)
    inputs = json_object(args, "--args")
    out = Output("executions.replay", output)
    plan = open_client().executions.replay(exec_id, from_=from_, overrides=chosen, dry_run=True)
    if dry_run:
        out.item(msgspec.to_builtins(plan), views.plan_view(plan))
        return 0
    out.show(views.plan_view(plan))
    execution = in_worker("replay", exec_id, wait=wait, from_=from_, overrides=chosen, inputs=inputs)
    return _report(out, f"Replayed execution: {execution.exec_id}", execution, waited=wait)
