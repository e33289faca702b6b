"""The one door from an adapter into the engine.

An adapter drives nothing: its framework does. At each of the framework's own seams the adapter builds a `Unit` and
hands it here together with the body. The engine answers with an `Outcome`: either the body really ran and its value is
durable, or the value was read back and the body did not run. Both times the caller gets the same decoded value.

Three forms of the same call exist, and they write the same records:

* `run_unit` for a synchronous body, on the caller's thread;
* `run_unit_async` for a coroutine body, on the caller's own event loop;
* `stream_unit` for a body that yields items while it runs.

Everything an adapter may ask about its surroundings (`in_flow`, `in_checkpoint`, `current_scope`, `occurrence`) or do
at flow scope (`ask`, `ask_async`, `automatic_flow`, `automatic_flow_async`) is here as well, and `redact` for what it
writes elsewhere than through the engine. An adapter imports `kitaru`, `kitaru.seam`, `kitaru.hooks`, `kitaru.errors`,
`kitaru.records` and `kitaru_adapters.kit`; never the engine.
"""

from __future__ import annotations

from kitaru.artifacts.redaction import redact
from kitaru.engine.boundary import commit_unit as commit
from kitaru.engine.boundary import leave_out, run_unit, run_unit_async
from kitaru.engine.boundary import peek_unit as peek
from kitaru.engine.call import Call, Note, current_call
from kitaru.engine.scope import ScopeInfo, current_scope, in_checkpoint, in_flow, log_drift, occurrence
from kitaru.engine.signals import ControlSignal, Suspension, is_control_signal
from kitaru.engine.standalone import automatic_flow, automatic_flow_async
from kitaru.engine.stream import UnitStream, stream_unit
from kitaru.engine.unit import Outcome, Unit
from kitaru.engine.waits import Answer, Question, ask, ask_async, open_questions

__all__ = [
    "Answer",
    "Call",
    "ControlSignal",
    "Note",
    "Outcome",
    "Question",
    "ScopeInfo",
    "Suspension",
    "Unit",
    "UnitStream",
    "ask",
    "ask_async",
    "automatic_flow",
    "automatic_flow_async",
    "commit",
    "current_call",
    "current_scope",
    "in_checkpoint",
    "in_flow",
    "is_control_signal",
    "leave_out",
    "log_drift",
    "occurrence",
    "open_questions",
    "peek",
    "redact",
    "run_unit",
    "run_unit_async",
    "stream_unit",
]
