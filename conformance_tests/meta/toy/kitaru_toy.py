"""An adapter for the toy framework, on kitaru's public names only: the smallest one that passes the whole contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from toy_agents import Agent, Call, Listener, Message, Result, Runner, ToolRetryError, settled

from kitaru import seam
from kitaru.errors import KitaruUsageError

__all__ = ["DurableRunner"]

STRATEGIES = ("calls", "run")

_place: ContextVar[str] = ContextVar("toy_place")
_turn: ContextVar[int] = ContextVar("toy_turn", default=0)
_calling: ContextVar[Call] = ContextVar("toy_calling")


class DurableRunner(Runner):
    """Runs an agent so that its calls, or its whole run, survive the process."""

    adapter = "toy"

    def __init__(
        self,
        agent: Agent,
        *,
        strategy: str = "calls",
        capture: str = "default",
        retries: int = 0,
        tools: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(agent)
        self.check(strategy)
        self.strategy = strategy
        self.capture = capture
        self.retries = retries
        self.options = tools or {}

    def check(self, strategy: str) -> None:
        if strategy not in STRATEGIES:
            raise KitaruUsageError(f"There is no strategy {strategy!r}; there are: {', '.join(STRATEGIES)}.")

    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        if seam.in_checkpoint():
            return await super().run(prompt, on_text)
        if seam.in_flow():
            return await self.at_flow_scope(prompt, on_text)
        return await seam.automatic_flow_async(f"{self.agent.name}_flow", lambda: self.at_flow_scope(prompt, on_text))

    async def run_backwards(self, prompt: str) -> Result:
        raise KitaruUsageError(f"A run backwards cannot be recorded; use run({prompt[::-1]!r}).")

    async def at_flow_scope(self, prompt: str, on_text: Listener | None) -> Result:
        place = self.place()
        token = _place.set(place)
        try:
            if self.strategy == "calls":
                return await super().run(prompt, on_text)
            return await self.as_one(place, prompt, on_text)
        finally:
            _place.reset(token)

    def place(self) -> str:
        return f"{self.agent.name}#{seam.occurrence(self.agent.name)}"

    async def as_one(self, place: str, prompt: str, on_text: Listener | None) -> Result:
        async def body(_: seam.Call) -> dict[str, Any]:
            result = await Runner.run(self, prompt, on_text)
            return {"text": result.text, "usage": list(result.usage)}

        unit = self.unit("run", place, retries=self.retries, **self.seen(prompt=prompt))
        outcome = await self.at_boundary(unit, body)
        if not outcome.executed and on_text is not None:
            on_text(outcome.value["text"])
        return Result(outcome.value["text"], tuple(outcome.value["usage"]))

    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        return await seam.run_unit_async(unit, body)

    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        name = f"{self.agent.name}_{what or kind}"
        group = f"{_place.get()}/tools/{_turn.get()}" if kind == "tool" else None
        return seam.Unit(name=name, adapter=self.adapter, kind=kind, type=kind, key=key, group=group, **more)

    def seen(self, **inputs: object) -> dict[str, Any]:
        return {"identity": inputs} if self.capture == "none" else {"inputs": inputs}

    async def ask(self, messages: Sequence[Message], on_text: Listener | None) -> Message:
        number = sum(message.role == "model" for message in messages)
        _turn.set(number)

        async def body(call: seam.Call) -> dict[str, Any]:
            said = await self.said(call, messages, on_text)
            self.count(call, number, said)
            return pack(said)

        if (call := seam.current_call()) is not None or not seam.in_flow():
            said = await super().ask(messages, on_text)
            if call is not None:
                self.count(call, number, said)
            return said
        history = [pack(message) for message in messages]
        told = {"history": history, "identity": history}
        unit = self.unit("model", f"{_place.get()}/model/{number}", retries=self.retries, **told)
        outcome = await self.at_boundary(unit, body)
        said = self.unpack(outcome.value)
        if not outcome.executed and on_text is not None:
            on_text(said.text)
        return said

    async def said(self, _: seam.Call, messages: Sequence[Message], on_text: Listener | None) -> Message:
        return await Runner.ask(self, messages, on_text)

    def unpack(self, data: Any) -> Message:
        return Message("model", data) if isinstance(data, str) else unpack(data)  # a text is what a person wrote

    def count(self, call: seam.Call, number: int, said: Message) -> None:
        tokens = {"input_tokens": said.usage[0], "output_tokens": said.usage[1], "total_tokens": sum(said.usage)}
        call.record_usage(
            {"adapter": self.adapter, "model": "toy", "record_id": f"{self.agent.name}/{number}", "usage": tokens}
        )

    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        asked = {call.id: self.question(call) for call in calls if self.agent.tools[call.tool].approval}
        if not asked or seam.in_checkpoint():
            return await super().use_all(calls)
        known = {one.name: one.answered for one in seam.open_questions(list(asked.values()))}
        free = [call for call in calls if call.id not in asked or known.get(asked[call.id].name)]
        done = dict(zip([call.id for call in free], await self.decided(free, asked), strict=True))
        left = [call for call in calls if call not in free]
        if left:
            settled(list(done.values()))
            done |= dict(zip([call.id for call in left], await self.decided(left, asked), strict=True))
        return settled([done[call.id] for call in calls])

    async def decided(self, calls: Sequence[Call], asked: Mapping[str, seam.Question]) -> list[Message | BaseException]:
        questions = [asked[call.id] for call in calls if call.id in asked]
        given = await seam.ask_async(questions) if questions else []
        answers = dict(zip([one.name for one in questions], given, strict=True))

        async def one(call: Call) -> Message:
            if call.id in asked and not answers[asked[call.id].name]:
                return Message("tool", "denied", call_id=call.id)
            return await self.use(call)

        return await asyncio.gather(*map(one, calls), return_exceptions=True)

    def question(self, call: Call) -> seam.Question:
        shown = {"tool": call.tool, "value": call.value}
        name = f"approve_{call.tool}_{call.id}"
        return seam.Question(name=name, key=f"{_place.get()}/{name}", metadata=shown, bound_to=shown, timeout=0)

    async def execute(self, call: Call) -> str:
        options = self.options.get(call.tool, {})
        token = _calling.set(call)
        try:
            if not seam.in_flow() or not options.get("durable", True) or self.agent.tools[call.tool].asks:
                return await super().execute(call)
            return await self.execute_once(call, options.get("effect"))
        finally:
            _calling.reset(token)

    async def execute_once(self, call: Call, effect: Any) -> str:
        async def body(_: seam.Call) -> Any:
            return await self.tried(call)

        seen = self.seen(value=call.value)
        unit = self.unit("tool", self.tool_key(call), what=call.tool, effect=effect, retries=self.retries, **seen)
        value = (await self.at_boundary(unit, body)).value
        if isinstance(value, dict):
            raise ToolRetryError(value["retry"])
        return str(value)

    async def tried(self, call: Call) -> Any:
        try:
            return await Runner.execute(self, call)
        except ToolRetryError as error:
            return {"retry": str(error)}

    def tool_key(self, call: Call) -> str:
        return f"{_place.get()}/tool/{call.id}"

    def beside(self, agent: Agent) -> Runner:
        return type(self)(agent, capture=self.capture)

    def ask_person(self, question: str) -> str:
        call = _calling.get()
        asked = seam.Question(name=f"{call.tool}_{call.id}", schema=str, question=question, timeout=0)
        return str(seam.ask([asked])[0])


def pack(message: Message) -> dict[str, Any]:
    calls = [[call.id, call.tool, call.value] for call in message.calls]
    texts = {"role": message.role, "text": message.text, "call_id": message.call_id}
    return {**texts, "calls": calls, "usage": list(message.usage)}


def unpack(data: Any) -> Message:
    calls = tuple(Call(*call) for call in data["calls"])
    return Message(data["role"], data["text"], calls, data["call_id"], tuple(data["usage"]))
