"""`kitaru executions`: inspect executions, answer their waits, go on with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from kitaru.cli.app import OutputOption
from kitaru.cli.output import Output
from kitaru.errors import KitaruStateError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.operating.client import KitaruClient
    from kitaru.operating.models import Execution

__all__ = ["app"]

app = App(
    name="executions",
    help="Inspect executions, answer their waits, go on with them.",
    result_action="return_value",
)

PAGE_SIZE = 20


def _client() -> KitaruClient:
    from kitaru.operating.client import KitaruClient

    return KitaruClient(surface="cli")


@app.command(name="list")
def list_executions(
    *,
    status: str | None = None,
    flow: str | None = None,
    limit: int | None = None,
    page: int | None = None,
    size: int | None = None,
    output: OutputOption = "text",
) -> None:
    """List executions, newest first.

    Args:
        status: Only those that are running, waiting, completed, failed or cancelled.
        flow: Only those of this flow.
        limit: Only the first N; not together with --page and --size.
        page: Which page, from 1.
        size: How many on a page (20).
        output: text for people, json for programs.
    """
    from kitaru.cli import views
    from kitaru.cli.shapes import summary_shape

    window: dict[str, Any] = {"limit": limit} if limit is not None else {"page": page or 1, "size": size or PAGE_SIZE}
    if limit is not None and (page is not None or size is not None):
        msg = f"--limit cannot be combined with --page or --size; use --page 1 --size {limit}."
        raise KitaruUsageError(msg)
    found = _client().executions.list(flow=flow, status=status, **window)
    Output("executions.list", output).items([summary_shape(item) for item in found], views.executions_table(found))


@app.command
def get(exec_id: str, /, *, output: OutputOption = "text") -> None:
    """Show one execution: its state, its calls, what it waits for, why it failed.

    Args:
        exec_id: The execution.
        output: text for people, json for programs.
    """
    from kitaru.cli import views
    from kitaru.cli.shapes import execution_shape

    execution = _client().executions.get(exec_id)
    out = Output("executions.get", output)
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.execution_record(execution))


@app.command(name="input")
def input_(
    exec_id: str,
    /,
    *,
    value: str,
    wait: str | None = None,
    resume: bool = False,
    output: OutputOption = "text",
) -> None:
    """Answer an open wait.

    Args:
        exec_id: The execution.
        value: The answer, as JSON: true, 3, '"text"', '{"key": 1}', null for a gate.
        wait: The wait's name or id; not needed when only one is open.
        resume: Go on at once when no runner is there any more.
        output: text for people, json for programs.
    """
    from kitaru.cli import views
    from kitaru.cli.shapes import execution_shape

    client = _client()
    chosen = wait or _only_wait(client, exec_id)
    execution = client.executions.input(exec_id, wait=chosen, value=_json(value, "--value"))
    out = Output("executions.input", output)
    detached = execution.status == "waiting" and execution.pending_wait is None
    if resume and detached:
        execution = _in_worker("resume", exec_id, wait=False)
    details = [f"Status: {execution.status}"]
    if detached and not resume:
        details.append(f"To go on: kitaru executions resume {exec_id}")
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.success(f"Resolved wait input for execution: {exec_id}", *details))


def _only_wait(client: KitaruClient, exec_id: str) -> str:
    pending = client.executions.pending_waits(exec_id)
    if len(pending) == 1:
        return pending[0].wait_id
    if not pending:
        status = client.executions.get(exec_id).status
        msg = f"Execution {exec_id} has no open wait; its status is {status}."
        raise KitaruStateError(msg)
    names = ", ".join(item.name for item in pending)
    msg = f"Execution {exec_id} has {len(pending)} open waits: {names}. Say which one with --wait."
    raise KitaruStateError(msg)


def _json(text: str, option: str) -> Any:  # noqa: ANN401 - JSON-ready data
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        msg = f"{option} must be JSON, and {text!r} is not: {error}. A text needs quotes of its own: '\"{text}\"'."
        raise KitaruUsageError(msg) from error


WaitOption = Annotated[bool, Parameter(negative="--no-wait")]


@app.command
def retry(exec_id: str, /, *, wait: WaitOption = True, output: OutputOption = "text") -> int:
    """Go on with a failed execution from its last completed boundary.

    Args:
        exec_id: The execution.
        wait: Stay until it has ended or waits again.
        output: text for people, json for programs.
    """
    return _continued("retry", "Retried", exec_id, wait=wait, output=output)


@app.command
def resume(exec_id: str, /, *, wait: WaitOption = True, output: OutputOption = "text") -> int:
    """Go on with an execution whose waits are answered.

    Args:
        exec_id: The execution.
        wait: Stay until it has ended or waits again.
        output: text for people, json for programs.
    """
    return _continued("resume", "Resumed", exec_id, wait=wait, output=output)


def _continued(verb: str, done: str, exec_id: str, *, wait: bool, output: OutputOption) -> int:
    from kitaru.cli import views
    from kitaru.cli.shapes import execution_shape

    execution = _in_worker(verb, exec_id, wait=wait)
    out = Output(f"executions.{verb}", output)
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.success(f"{done} execution: {exec_id}", f"Status: {execution.status}"))
        if wait and execution.status != "running":
            out.show(views.execution_record(execution))
    return int(wait and execution.status == "failed")


def _in_worker(verb: str, exec_id: str, *, wait: bool, **options: object) -> Execution:
    """Have a process of its own go on with an execution; return a snapshot once it is under way, or at rest."""
    from kitaru.operating.worker import start_worker

    client = _client()
    accepted = start_worker(verb, exec_id, options, quiet=not wait)
    if wait:
        return client.executions.wait(accepted)
    return client.executions.get(accepted)


@app.command
def replay(
    exec_id: str,
    /,
    *,
    from_: Annotated[str, Parameter(name="--from")],
    override: list[str] | None = None,
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
        overrides: The same for several calls, as one JSON object.
        args: Flow inputs that replace those of the source, as a JSON object.
        dry_run: Only show what would be reused, replaced and run.
        wait: Stay until the new execution has ended or waits.
        output: text for people, json for programs.
    """
    from kitaru.cli import views
    from kitaru.cli.shapes import execution_shape

    chosen = _overrides(override or [], overrides)
    inputs = _object(args, "--args")
    out = Output("executions.replay", output)
    plan = _client().executions.replay(exec_id, from_=from_, overrides=chosen, dry_run=True)
    if dry_run:
        out.item(msgspec.to_builtins(plan), views.plan_view(plan))
        return 0
    out.show(views.plan_view(plan))
    execution = _in_worker("replay", exec_id, wait=wait, from_=from_, overrides=chosen, inputs=inputs)
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.success(f"Replayed execution: {execution.exec_id}", f"Status: {execution.status}"))
        if wait:
            out.show(views.execution_record(execution))
    return int(wait and execution.status == "failed")


def _overrides(pairs: list[str], document: str | None) -> dict[str, Any]:
    found = _object(document, "--overrides")
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            msg = f"--override {pair!r} must be checkpoint.SELECTOR=VALUE."
            raise KitaruUsageError(msg)
        if key in found:
            msg = f"{key!r} is overridden twice."
            raise KitaruUsageError(msg)
        try:
            found[key] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[key] = text
    return found


def _object(text: str | None, option: str) -> dict[str, Any]:
    if text is None:
        return {}
    found = _json(text, option)
    if not isinstance(found, dict):
        msg = f"{option} must be a JSON object, not {type(found).__name__}."
        raise KitaruUsageError(msg)
    return found
