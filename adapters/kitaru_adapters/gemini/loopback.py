"""A stand-in for the Interactions service on 127.0.0.1, for tests and examples that must not leave the machine.

It speaks the wire protocol (create, get, cancel, event streams, background jobs, continuation hops) to the real SDK,
answers from a script, and remembers every request, so that a test can count what was really sent::

    with LoopbackGemini(Turn(text="42")) as service:
        client = genai.Client(api_key="test", http_options={"base_url": service.url})
"""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Job", "LoopbackGemini", "ReceivedRequest", "Turn", "function_call", "model_output"]

Json = dict[str, object]


def model_output(text: str) -> Json:
    """Return a step in which the model answers with text."""
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def function_call(name: str, call_id: str, **arguments: object) -> Json:
    """Return a step in which the model asks for a function of the caller."""
    return {"type": "function_call", "id": call_id, "name": name, "arguments": arguments}


@dataclass(kw_only=True)
class Turn:
    """What the service does with one create.

    Attributes:
        text: Answer of the model; a step is added for it when it is not empty.
        steps: Steps before that answer.
        status: How the turn ends; `requires_action` is chosen when it ends in a function call.
        pending: States shown one by one, by the create and by each get, before the end.
        usage: Token counts by the service's field names.
        usage_while_pending: Show them before the end as well.
        refuse: HTTP status answered instead of accepting the create.
        fault_after: HTTP status answered although the create was accepted.
        hang_up: Accept the create and close the connection without an answer.
        garble: Accept the create and answer with something that is no JSON.
        stall_s: Accept the create and answer only after this many seconds.
        get_faults: HTTP statuses answered by the first gets; 0 answers normally.
        cuts: After how many events the first event streams are cut off, one entry a connection.
        error_event: Text of an error event that ends the event stream.
        continuation_token: Makes the turn stop for continuation with this token.
        message: Fault text the interaction carries.
    """

    text: str = ""
    steps: Sequence[Json] = ()
    status: str | None = None
    pending: Sequence[str] = ()
    usage: Mapping[str, object] | None = None
    usage_while_pending: bool = False
    refuse: int = 0
    fault_after: int = 0
    hang_up: bool = False
    garble: bool = False
    stall_s: float = 0.0
    get_faults: Sequence[int] = ()
    cuts: Sequence[int] = ()
    error_event: str | None = None
    continuation_token: str | None = None
    message: str | None = None

    def all_steps(self) -> list[Json]:
        """Return the steps, the answer last."""
        return [*self.steps, model_output(self.text)] if self.text else list(self.steps)

    def final_status(self) -> str:
        """Return how the turn ends."""
        if self.status:
            return self.status
        if self.continuation_token:
            return "requires_continuation"
        steps = self.all_steps()
        return "requires_action" if steps and steps[-1]["type"] == "function_call" else "completed"


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as the service saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json

    @property
    def kind(self) -> str:
        """`create`, `get`, `stream` (a get of the events), `cancel` or `delete`."""
        if self.method == "POST":
            return "cancel" if self.path.endswith("/cancel") else "create"
        if self.method == "DELETE":
            return "delete"
        return "stream" if self.query.get("stream") == "true" else "get"


@dataclass
class Job:
    """One interaction on the service."""

    id: str
    turn: Turn
    body: Json
    pending: deque[str]
    get_faults: deque[int]
    cuts: deque[int]
    cancelled: bool = False

    def advance(self) -> Json:
        """Return the interaction as the next answer shows it."""
        return self.show(self.pending.popleft() if self.pending else self.turn.final_status())

    def show(self, status: str) -> Json:
        """Return the interaction in one state; steps and usage come with the end."""
        turn = self.turn
        shown: Json = {"id": self.id, "object": "interaction", "status": "cancelled" if self.cancelled else status}
        shown |= {key: self.body[key] for key in ("model", "agent", "previous_interaction_id") if key in self.body}
        if self.body.get("environment"):
            shown["environment_id"] = f"env-{self.id}"
        if turn.usage and (turn.usage_while_pending or status == turn.final_status()):
            shown["usage"] = dict(turn.usage)
        if status == turn.final_status():
            shown["steps"] = turn.all_steps()
            shown |= {"continuation_token": turn.continuation_token} if turn.continuation_token else {}
            shown |= {"errors": [{"code": "internal", "message": turn.message}]} if turn.message else {}
        return shown

    def events(self) -> Iterator[Json]:
        """Yield the events of the whole turn, numbered from `e1`."""
        for number, event in enumerate(self._events(), start=1):
            yield {**event, "event_id": f"e{number}"}

    def _events(self) -> Iterator[Json]:
        yield {"event_type": "interaction.created", "interaction": self.show("in_progress")}
        yield {"event_type": "interaction.status_update", "interaction_id": self.id, "status": "in_progress"}
        for index, step in enumerate(self.turn.all_steps()):
            yield from _step_events(index, step)
        if self.turn.error_event:
            yield {"event_type": "error", "error": {"code": "internal", "message": self.turn.error_event}}
            return
        ended = {key: value for key, value in self.show(self.turn.final_status()).items() if key != "steps"}
        yield {"event_type": "interaction.completed", "interaction": ended}


def _step_events(index: int, step: Json) -> Iterator[Json]:
    empty: Json = {"arguments": {}} if step["type"] == "function_call" else {}
    start = {key: value for key, value in step.items() if key not in {"content", "arguments", "summary"}} | empty
    yield {"event_type": "step.start", "index": index, "step": start}
    for delta in _deltas(step):
        yield {"event_type": "step.delta", "index": index, "delta": delta}
    yield {"event_type": "step.stop", "index": index}


def _deltas(step: Json) -> list[Json]:
    if step["type"] == "function_call":
        text = json.dumps(step["arguments"])
        return [{"type": "arguments_delta", "arguments": piece} for piece in _pieces(text)]
    key = {"model_output": "content", "thought": "summary"}.get(str(step["type"]))
    blocks = step.get(key) if key else None
    texts = [str(block["text"]) for block in blocks if "text" in block] if isinstance(blocks, list) else []
    if step["type"] == "thought":
        return [{"type": "thought_summary", "content": {"type": "text", "text": text}} for text in texts]
    return [{"type": "text", "text": piece} for text in texts for piece in _pieces(text)]


def _pieces(text: str) -> list[str]:
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]


@dataclass
class LoopbackGemini:
    """The service: a thread that listens on 127.0.0.1 until it is closed.

    Attributes:
        requests: Every request received, oldest first.
        jobs: Every interaction accepted, by id.
        on_request: Called with each request after it took effect and before it is answered.
        closing: Set when the service is being closed.
    """

    requests: list[ReceivedRequest] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    on_request: Callable[[ReceivedRequest], None] | None = None

    def __init__(self, *turns: Turn, answer: Callable[[Json], Turn] | None = None) -> None:
        """Start listening.

        Args:
            *turns: What successive creates do.
            answer: Decides what a create does when those are used up; gets its body.
        """
        self.requests, self.jobs, self.on_request = [], {}, None
        self._turns, self._answer = deque(turns), answer
        self._lock, self.closing = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the running service."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self.close()

    def close(self) -> None:
        """Stop listening; answers that are held back go out now."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def script(self, *turns: Turn) -> None:
        """Add what the next creates do."""
        self._turns.extend(turns)

    def count(self, kind: str) -> int:
        """Return how many requests of one kind were received."""
        return sum(request.kind == kind for request in self.requests)

    @property
    def creates(self) -> list[Json]:
        """Bodies of the creates received, oldest first."""
        return [request.body for request in self.requests if request.kind == "create"]

    def finish(self, job_id: str) -> None:
        """Let a job reach its end now."""
        self.jobs[job_id].pending.clear()

    def accept(self, body: Json) -> tuple[Turn, Job | None]:
        """Decide about a create and open its job, unless it is refused."""
        with self._lock:
            turn = self._turns.popleft() if self._turns else (self._answer(body) if self._answer else Turn(text="ok"))
            if turn.refuse:
                return turn, None
            job = Job(
                f"int-{len(self.jobs) + 1}", turn, body, deque(turn.pending), deque(turn.get_faults), deque(turn.cuts)
            )
            self.jobs[job.id] = job
            return turn, job

    def note(self, request: ReceivedRequest) -> None:
        """Remember a request and tell the observer."""
        self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)


class _Handler(BaseHTTPRequestHandler):
    service: LoopbackGemini
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        request = self._request(body)
        if request.kind == "cancel":
            self._cancel(request)
            return
        turn, job = self.service.accept(body)
        self.service.note(request)
        self.service.closing.wait(turn.stall_s)
        if turn.hang_up:
            self.close_connection = True
        elif turn.garble:
            self._send(200, b"<html>not what you expect</html>")
        elif job is None or turn.fault_after:
            self._fail(turn.refuse or turn.fault_after)
        elif body.get("stream"):
            self._stream(job, after=None)
        else:
            self._answer(200, job.advance())

    def do_GET(self) -> None:
        request = self._request({})
        self.service.note(request)
        job = self.service.jobs.get(request.path.rsplit("/", 1)[-1])
        fault = job.get_faults.popleft() if job is not None and job.get_faults else 0
        if job is None or fault:
            self._fail(fault or 404)
        elif request.kind == "stream":
            self._stream(job, after=request.query.get("last_event_id"))
        else:
            self._answer(200, job.advance())

    def _cancel(self, request: ReceivedRequest) -> None:
        job = self.service.jobs[request.path.split("/")[-2]]
        job.cancelled = True
        self.service.note(request)
        self._answer(200, job.show("cancelled"))

    def _request(self, body: Json) -> ReceivedRequest:
        split = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(split.query).items()}
        return ReceivedRequest(self.command, split.path, query, body)

    def _fail(self, status: int) -> None:
        self._answer(status, {"error": {"code": status, "message": f"scripted {status}", "status": "SCRIPTED"}})

    def _answer(self, status: int, body: Json) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data)

    def _stream(self, job: Job, after: str | None) -> None:
        skip = int(after[1:]) if after else 0
        limit = job.cuts.popleft() if job.cuts else None
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for sent, event in enumerate(islice(job.events(), skip, None)):
                if sent == limit:
                    self.close_connection = True
                    return
                self._chunk(f"event: {event['event_type']}\nid: {event['event_id']}\ndata: {json.dumps(event)}\n\n")
            job.pending.clear()
            self._chunk("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keep quiet; the requests are kept for the test to look at."""
