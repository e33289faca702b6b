"""`kitaru executions input`: one answer, or a review of everything that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption, json_value
from kitaru.cli.continuing import in_worker, is_left_alone
from kitaru.cli.output import Output
from kitaru.cli.reviewing import review
from kitaru.cli.shapes import execution_shape
from kitaru.errors import KitaruStateError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.operating.client import KitaruClient

__all__ = ["input_"]


def input_(
    exec_id: str | None = None,
    *,
    value: str | None = None,
    wait: str | None = None,
    resume: bool = False,
    interactive: Annotated[bool, Parameter(name=["--interactive", "-i"], negative="")] = False,
    output: OutputOption = "text",
) -> int:
    """Answer an open wait, or review the open waits one by one.

    Args:
        exec_id: The execution; a review without one goes through all that wait.
        value: The answer, as JSON: true, 3, '"text"', '{"key": 1}', null for a gate.
        wait: The wait's name or id; not needed when only one is open.
        resume: Go on at once when no runner is there any more.
        interactive: Show each open wait on the terminal and ask what to answer.
        output: text for people, json for programs.
    """
    if interactive:
        _check_review(value=value, wait=wait, output=output)
        return review(open_client(), exec_id, resume=resume)
    if exec_id is None or value is None:
        msg = "Say which execution and what to answer: EXEC_ID --value JSON; or review what is open with --interactive."
        raise KitaruUsageError(msg)
    _answer(exec_id, value, wait, resume=resume, output=output)
    return 0


def _check_review(*, value: str | None, wait: str | None, output: OutputOption) -> None:
    if value is not None or wait is not None or output == "json":
        msg = "--interactive asks on the terminal; it cannot be combined with --value, --wait or -o json."
        raise KitaruUsageError(msg)


def _answer(exec_id: str, value: str, wait: str | None, *, resume: bool, output: OutputOption) -> None:
    client = open_client()
    chosen = wait or _only_wait(client, exec_id)
    execution = client.executions.input(exec_id, wait=chosen, value=json_value(value, "--value"))
    alone = is_left_alone(execution)
    if resume and alone:
        execution = in_worker("resume", exec_id, wait=False)
    details = [f"Status: {execution.status}"]
    if alone and not resume:
        details.append(f"To go on: kitaru executions resume {exec_id}")
    out = Output("executions.input", output)
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
    msg = (
        f"Execution {exec_id} has {len(pending)} open waits: {names}. Say which one with --wait, or use --interactive."
    )
    raise KitaruStateError(msg)
