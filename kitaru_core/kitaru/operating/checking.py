"""Holding the executions of a flow that may still go on against the present code."""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeGuard, get_args

from kitaru.engine.executions import started_fact
from kitaru.engine.outcomes import execution_failure
from kitaru.engine.rehearsal import Rehearsal, Stop, rehearse
from kitaru.errors import KitaruDecodingError, KitaruDivergenceError, KitaruError, KitaruTimeoutError, KitaruUsageError
from kitaru.journal.api import ListQuery, effective_status
from kitaru.operating.pages import as_status

if TYPE_CHECKING:
    from kitaru.engine.executions import FlowCode
    from kitaru.journal.api import ExecutionRow, Journal
    from kitaru.records.facts import ExecutionStarted
    from kitaru.records.status import ExecutionStatus

__all__ = ["CHECK_VERDICTS", "CheckVerdict", "CheckableFlow", "ExecutionCheck", "FlowCheck", "check_flow"]

CheckVerdict = Literal["resumes", "reruns", "diverges", "fails"]
CHECK_VERDICTS: tuple[CheckVerdict, ...] = get_args(CheckVerdict)

_MAY_GO_ON = ("waiting", "failed", "running")


class CheckableFlow(Protocol):
    """What is asked of a flow: an object that `@flow` has made."""

    def code(self) -> FlowCode:
        """Return the flow's code."""

    def recorded_call(self, arguments: Mapping[str, Any]) -> Callable[[], object]:
        """Return a call of the function with recorded inputs, if it takes them still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCheck:
    """What becomes of one execution under the present code.

    Attributes:
        exec_id: The execution.
        status: Its present state.
        verdict: `resumes`: it goes on where it stands. `reruns`: it comes to a call or question the journal does not
            know while recorded ones are left. `diverges`: it gets where it stands, or to its end, without asking for
            something that is recorded. `fails`: it cannot go on.
        reason: For `fails`: `code` (the recorded place of the flow is gone), `inputs`, `value` (a stored value cannot
            be read back, such as one of a class that moved), `divergence`, `timeout`, `flow` (the flow's code raises),
            `as_before` (it raises what it had failed with), or `store`.
        at: Where the rehearsal ended: a call, a wait, or `None` for the flow's end.
        message: All of this in words.
        missed: Recorded calls and questions that were not asked for.
        drifted: What differs from what was recorded, without changing what happens.
    """

    exec_id: str
    status: str
    verdict: CheckVerdict
    message: str
    reason: str | None = None
    at: str | None = None
    missed: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()

    def passes(self, allow: Collection[str] = ()) -> bool:
        """Say whether the present code does this execution no harm.

        Args:
            allow: Verdicts that are accepted beside `resumes`.
        """
        return self.verdict == "resumes" or self.reason == "as_before" or self.verdict in allow


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCheck:
    """What becomes of the executions of a flow under the present code.

    Attributes:
        flow: Name of the flow.
        executions: What was found of each, newest first.
        elsewhere: How many executions of flows with the same name but from another place were left out.
    """

    flow: str
    executions: tuple[ExecutionCheck, ...]
    elsewhere: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many executions were checked, and how many have each verdict."""
        found = Counter(one.verdict for one in self.executions)
        return {"checked": len(self.executions), **{verdict: found[verdict] for verdict in CHECK_VERDICTS}}

    def passes(self, allow: Collection[str] = ()) -> bool:
        """Say whether the present code does none of them harm.

        Args:
            allow: Verdicts that are accepted beside `resumes`.
        """
        return all(one.passes(allow) for one in self.executions)


def check_flow(
    journal: Journal, flow: CheckableFlow, *, status: ExecutionStatus | str | None, timeout: float
) -> FlowCheck:
    """Hold the executions of a flow that may still go on against the present code.

    Args:
        journal: Where they are recorded; only read.
        flow: The flow.
        status: Only those in this state.
        timeout: Seconds the flow's own code may take for each.

    Raises:
        KitaruUsageError: That is no flow, or the state or the time cannot be.
    """
    if not hasattr(flow, "recorded_call"):
        msg = f"check() takes a flow, an object that @flow has made, not a {type(flow).__name__}."
        raise KitaruUsageError(msg)
    if timeout <= 0:
        msg = f"timeout must be above 0 seconds, not {timeout!r}."
        raise KitaruUsageError(msg)
    code = flow.code()
    chosen = _MAY_GO_ON if status is None else _one_of(status)
    found: list[ExecutionCheck] = []
    elsewhere = 0
    for row in journal.executions(ListQuery(flow=code.name, statuses=chosen)):
        started = started_fact(journal.records(row.id))
        origin = _origin(started, code)
        if origin == "here":
            found.append(_check(journal, row, flow, timeout))
        elif origin == "gone":
            found.append(_gone(row, started, code))
        else:
            elsewhere += 1
    return FlowCheck(flow=code.name, executions=tuple(found), elsewhere=elsewhere)


def _one_of(status: ExecutionStatus | str) -> tuple[str]:
    chosen = as_status(status).value
    if chosen not in _MAY_GO_ON:
        msg = f"An execution that is {chosen} does not go on; check those that are {', '.join(_MAY_GO_ON)}."
        raise KitaruUsageError(msg)
    return (chosen,)


def _origin(started: ExecutionStarted, code: FlowCode) -> Literal["here", "gone", "elsewhere"]:
    """Say whether an execution was started from this flow, without importing anything.

    A script has one module name when it is run and another one when it is imported, and a flow that has moved may still
    be imported where it was.
    """
    if started.qualname == code.qualname:
        scripts = "__main__" in {started.module, code.module} and bool(started.file and code.file)
        if started.module == code.module or (scripts and Path(started.file or "").name == Path(code.file or "").name):
            return "here"
    file = Path(started.file) if started.file is not None else _source_of(started.module)
    if file is None or not file.is_file():
        return "gone"
    return _bound_in(file, started.qualname.partition(".")[0])


def _source_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _bound_in(file: Path, name: str) -> Literal["here", "gone", "elsewhere"]:
    """Say how the top of a file comes by a name: by an import, which may be of this flow, by itself, or not at all."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return "elsewhere"
    for node in body:
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return "here"
        if getattr(node, "name", None) == name or name in {one.id for one in ast.walk(node) if _binds(one)}:
            return "elsewhere"
    return "gone"


def _binds(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _gone(row: ExecutionRow, started: ExecutionStarted, code: FlowCode) -> ExecutionCheck:
    message = (
        f"it was started from {started.module}:{started.qualname} ({started.file}), where it is looked for and not "
        f"found any more; the flow is {code.module}:{code.qualname} now. Import it under the old name in the old place."
    )
    return ExecutionCheck(exec_id=row.id, status=effective_status(row), verdict="fails", reason="code", message=message)


def _check(journal: Journal, row: ExecutionRow, flow: CheckableFlow, timeout: float) -> ExecutionCheck:
    found = rehearse(journal, row, flow.recorded_call, timeout=timeout)
    stop = found.stop
    if stop is None:
        return _failing(journal, row, found)
    verdict: CheckVerdict = "resumes"
    if found.missed:
        verdict = "reruns" if stop.state == "new" and stop.kind != "end" else "diverges"
    return ExecutionCheck(
        exec_id=row.id,
        status=effective_status(row),
        verdict=verdict,
        at=stop.name or None,
        message=_words(stop, found),
        missed=found.missed,
        drifted=found.drifted,
    )


def _words(stop: Stop, found: Rehearsal) -> str:
    name, missed = repr(stop.name), ", ".join(found.missed)
    if stop.state == "new" and stop.kind != "end" and found.missed:
        what = f"runs {name}" if stop.kind == "call" else f"asks {name}"
        place = f" where {found.displaced!r} is recorded" if found.displaced else ", which is not recorded"
        return f"{what}{place}; recorded and not met before it: {missed}"
    text = {
        ("call", "new"): f"goes on with {name}, which has not run yet",
        ("call", "failed"): f"tries {name} again, which had failed",
        ("call", "begun"): f"runs {name} again, which had begun",
        ("call", "in doubt"): f"finds out what became of {name}, which had begun",
        ("wait", "new"): f"goes on to ask {name}",
        ("wait", "open"): f"waits for an answer to {name}",
        ("end", "new"): "goes on to its end",
    }[stop.kind, stop.state]
    return f"{text}, but without what is recorded of: {missed}" if missed else text


def _failing(journal: Journal, row: ExecutionRow, found: Rehearsal) -> ExecutionCheck:
    error = found.error
    reason = _reason(found)
    before = execution_failure(journal, row.id) if reason == "flow" else None
    name = type(error).__qualname__
    if before is not None and (before.type.rpartition(":")[2], before.message) == (name, str(error)):
        reason = "as_before"
    told = str(error) if isinstance(error, KitaruError) else f"{name}: {error}"
    words = {
        "inputs": "does not take its recorded inputs any more",
        "value": "cannot read back what is recorded",
        "divergence": "does not follow what is recorded",
        "timeout": "does not get on",
        "flow": "raises in its own code",
        "as_before": "raises in its own code, as before",
        "store": "cannot be rehearsed",
    }[reason]
    return ExecutionCheck(
        exec_id=row.id,
        status=effective_status(row),
        verdict="fails",
        reason=reason,
        message=f"{words}: {told}",
        missed=found.missed,
        drifted=found.drifted,
    )


def _reason(found: Rehearsal) -> str:
    error = found.error
    kinds = {KitaruDecodingError: "value", KitaruDivergenceError: "divergence", KitaruTimeoutError: "timeout"}
    if not found.began:
        kinds |= {KitaruUsageError: "inputs", KitaruError: "store"}
    if isinstance(error, KitaruDivergenceError) and isinstance(error.__cause__, KitaruDecodingError):
        return "value"
    return next((word for kind, word in kinds.items() if isinstance(error, kind)), "flow")
