"""The one thing that the author of an adapter gives: how to run a script on the framework."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, Literal

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru_conformance.script import Turn
from kitaru_conformance.world import World

__all__ = ["AdapterHarness", "Answer", "EntryPoint", "Form", "ModelFailures", "Place", "Settings", "ToolFailures"]

Form = Literal["sync", "async", "stream"]
Place = Literal["recorded", "plain", "refused"]
ToolFailures = Literal["raised", "told"]
ModelFailures = Literal["framework", "adapter"]

_RUNNING = re.compile(r"a?(run|stream|iter|invoke|batch|query|transform|realtime)", re.ASCII)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of one run, in neutral words.

    Attributes:
        text: The final text.
        usage: Input and output tokens of the whole run as the framework's own result reports them.
        chunks: For the streamed form: the pieces of text that the caller saw, of all turns, in order.
    """

    text: str
    usage: tuple[int, int] = (0, 0)
    chunks: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the adapter is to be set up for a run.

    Attributes:
        strategy: The checkpoint strategy; hand it on as it is, even if the adapter does not know it.
        capture: Which capture policy: the adapter's default, everything it can keep for people, or nothing.
        retries: How often kitaru may retry each boundary that fails (the `retries` of its checkpoint settings).
    """

    strategy: str
    capture: Literal["default", "all", "none"] = "default"
    retries: int = 0


class EntryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """How one public method of the wrapped agent or runner behaves at flow scope.

    Attributes:
        treatment: `durable`: its calls are recorded; `opted out`: documented as not recorded; `refused`: it raises.
        call: Runs the world's script through that method, in flow scope. It may be left out for what is opted out.
        reason: Why it is not durable.
    """

    treatment: Literal["durable", "opted out", "refused"]
    call: Callable[[World], object] | None = None
    reason: str = ""


class AdapterHarness(ABC):
    """Runs neutral scripts on one framework, with kitaru and without.

    A subclass is made anew for every run, without arguments, often in another process that loads its file by path. So
    its file stands alone: absolute imports only, nothing that starts a thread or opens a connection when it is
    imported.

    A fake model answers with `world.turn(index, results)`, or `world.stream(index, results)`, and a tool function does
    nothing but return `world.use(name, value)`.

    Attributes:
        adapter: Name that the adapter claims in its `AdapterCard`.
        capabilities: What else can be examined, of:

            * `parallel`: tools of one turn run side by side;
            * `approvals`: `Tool.approval`; `asks`: `Tool.asks`;
            * `delegates`: `Tool.agent`; `mcp`: `Tool.mcp`;
            * `usage`: tokens reach both the framework's result and kitaru's usage records;
            * `capture`: `Settings.capture`; `retries`: `Settings.retries`;
            * `handled`: `Tool.handled`; `opt_out`: `Tool.durable`; `effects`: `Tool.effect`;
            * `override_model`: `model_value`;
            * `cancel`: a running tool of a cancelled execution ends, and nothing runs behind it.
        granular: The strategy in which no boundary holds more than one model call or one tool call, or `None`.
        whole: The strategy in which a whole run with all its calls is one boundary, or `None`.
        bookkeeping: Types of the boundaries that the adapter opens beside model and tool calls in the granular
            strategy, such as the record of a finished run. They are left out where a case counts calls or looks at
            their order; they are killed at like any other.
        forms: Which of `run`, `run_async` and `stream` there are.
        outside_flow: What a run does outside any flow: `recorded` in a flow that it opens itself, `plain` without a
            record, or `refused`. A mapping says it for each strategy.
        inside_checkpoint: The same for a run inside a checkpoint, where `plain` passes straight through to the
            framework, because that checkpoint is the boundary.
        tool_failures: What the framework does about the exception of a tool: `raised` ends the run with it, `told`
            tells the model of it like of any other result.
        model_failures: Whose exception leaves a run when a model call failed: that of the `framework`, or one that the
            `adapter` exports and documents, caused by it.
        dear: Whether every run takes seconds, as when it starts a program of its own; a case that would kill a whole
            run at each of its calls then kills it at two of them.
    """

    adapter: ClassVar[str]
    capabilities: ClassVar[frozenset[str]] = frozenset()
    granular: ClassVar[str | None] = None
    whole: ClassVar[str | None] = None
    bookkeeping: ClassVar[frozenset[str]] = frozenset()
    forms: ClassVar[tuple[Form, ...]] = ("sync",)
    outside_flow: ClassVar[Place | Mapping[str, Place]] = "recorded"
    inside_checkpoint: ClassVar[Place | Mapping[str, Place]] = "plain"
    tool_failures: ClassVar[ToolFailures] = "raised"
    model_failures: ClassVar[ModelFailures] = "framework"
    dear: ClassVar[bool] = False

    def serve(self, world: World) -> AbstractContextManager[object]:
        """Stand up what the model side needs, such as a loopback server; entered around every run, also plain ones.

        Args:
            world: The world of the run.

        Returns:
            A context manager; by default one that does nothing.
        """
        del world
        return nullcontext()

    @abstractmethod
    def run(self, world: World, settings: Settings) -> Answer:
        """Run the script durably; where the adapter has no synchronous form, with `asyncio.run`.

        It is called in flow scope, outside of flows and inside a checkpoint. Approvals and questions are handled in
        the way that the adapter documents, so that the execution waits and this method is called again once it
        continues. Errors pass.

        Args:
            world: What the model and the tools call.
            settings: How to set the adapter up.

        Returns:
            What came out.
        """

    async def run_async(self, world: World, settings: Settings) -> Answer:
        """Run the script durably on the running event loop; needed for the form `async`.

        Args:
            world: As for `run`.
            settings: As for `run`.

        Returns:
            What came out.
        """
        del world, settings
        raise _missing(self, "run_async", "or leave `async` out of `forms`")

    async def stream(self, world: World, settings: Settings) -> Answer:
        """Run the script durably and read it as a stream to its end; needed for the form `stream`.

        Args:
            world: As for `run`; its model streams.
            settings: As for `run`.

        Returns:
            What came out, with the pieces of text that arrived.
        """
        del world, settings
        raise _missing(self, "stream", "or leave `stream` out of `forms`")

    @abstractmethod
    def plain(self, world: World) -> Answer:
        """Run the script with the framework alone, as somebody would who does not know kitaru.

        Args:
            world: As for `run`. Its tools need no person.

        Returns:
            What came out.
        """

    def approval(self, *, approved: bool) -> object:
        """Return the value with which a person answers the wait of a `Tool.approval`.

        Args:
            approved: Whether the call may run.
        """
        return approved

    def bad_approval(self) -> object:
        """Return a value which the wait of a `Tool.approval` must refuse."""
        return "neither yes nor no"

    def model_value(self, turn: Turn) -> object:
        """Return what a person writes to replace the result of a model call, for `override_model`.

        Args:
            turn: What the model is to have said; it calls no tool.
        """
        return turn.text

    def surface(self) -> object:
        """Return the class of the framework, or of the adapter, whose methods run an agent; `None` for none."""
        return None

    def entry_points(self) -> Mapping[str, EntryPoint]:
        """Return how each method of `surface` that runs an agent is treated, by name."""
        return {}

    def running_methods(self) -> Iterator[str]:
        """Yield the public methods of `surface` whose names say that they run something."""
        surface = self.surface()
        for name in dir(surface):
            words = name.split("_")
            if (
                words[0] not in {"", "is", "has", "get"}
                and any(_RUNNING.fullmatch(word) for word in words)
                and callable(getattr(surface, name))
            ):
                yield name


def _missing(harness: AdapterHarness, method: str, why: str) -> KitaruUsageError:
    return KitaruUsageError(f"{type(harness).__name__} has no {method}(). Write it; {why}.")
