"""What `llm` does: an order, checked before anything is recorded, and the work on it in the body of a boundary."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kitaru.authoring.llm_forms import Form
from kitaru.authoring.llm_pieces import Listener, Teller, canned_pieces
from kitaru.deferred import asyncio
from kitaru.engine.unit import Unit
from kitaru.errors import KitaruUsageError
from kitaru.models.aliases import resolve_model_selection
from kitaru.models.api import ModelReply, ModelRequest, with_schema_in_words
from kitaru.models.credentials import find_credentials
from kitaru.models.messages import check_limits, normalise
from kitaru.models.providers import Target, find_provider
from kitaru.models.usage import CallFacts, call_metadata, cost_of, usage_record
from kitaru.records.plain import JsonMapping, JsonObject
from kitaru.settings.resolve import llm_estimated_costs

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["Order", "Work"]

_MOCK_VARIABLE: Final = "KITARU_LLM_MOCK_RESPONSE"


class Order:
    """What was asked for, checked before anything is recorded.

    Args:
        prompt: A text or messages.
        system: A text to put first, as the system's.
        model: An alias or `provider/model`.
        schema: The type of the answer, `None` for a text.
        on_text: Who is told the text while it is written.
        **limits: `temperature` and `max_tokens`.

    Raises:
        KitaruUsageError: One of them cannot be.
    """

    __slots__ = ("form", "limits", "messages", "model", "on_text")

    def __init__(
        self,
        prompt: object,
        system: object,
        *,
        model: str | None,
        schema: object = None,
        on_text: object = None,
        **limits: float | None,
    ) -> None:
        self.messages: list[JsonObject] = normalise(prompt, system)
        check_limits(limits["temperature"], limits["max_tokens"])
        if model is not None and (not isinstance(model, str) or not model.strip()):
            msg = f"llm(model=) must be an alias or provider/model, not {model!r}."
            raise KitaruUsageError(msg)
        if on_text is not None and not callable(on_text):
            msg = f"llm(on_text=) must be a function that takes a text, not {on_text!r}."
            raise KitaruUsageError(msg)
        self.model: str | None = model
        self.form: Form | None = None if schema is None else Form(schema)
        self.on_text: Listener | None = on_text
        self.limits: JsonObject = limits

    def unit(self, name: str) -> Unit:
        """Describe the boundary of a call in a flow's body.

        Args:
            name: Name of the call.
        """
        # The messages are kept once, as the call's prompt; here they only count for noticing drift.
        shown = {"model": self.model, **self.limits}
        form = self.form
        wanted = {} if form is None else {"schema": form.schema}
        return Unit(
            name=name,
            kind="model",
            type="llm_call",
            inputs={key: value for key, value in (shown | wanted).items() if value is not None},
            identity={"messages": self.messages, **shown, **wanted},
            validate=None if form is None else form.text_of,
        )

    def value(self, text: str) -> Any:  # noqa: ANN401 - of the type that was asked for
        """Turn the text of an answer into what was asked for.

        Args:
            text: The text.

        Raises:
            KitaruRuntimeError: It does not fit.
        """
        return text if self.form is None else self.form.read(text, source="The recorded call")


class Work:
    """The call itself, in the body of a boundary.

    Args:
        order: What was asked for.
        call: The boundary.
        name: Name of the call of the model.
        is_whole: Whether the boundary consists of this call alone.
    """

    __slots__ = ("_call", "_facts", "_is_whole", "_name", "_order", "_started", "_teller")

    def __init__(self, order: Order, call: Call, name: str, *, is_whole: bool) -> None:
        self._order = order
        self._call = call
        self._name = name
        self._is_whole = is_whole
        # Told again, a listener stands outside of the boundary, so it does not stand in it at first either.
        self._teller = None if order.on_text is None else Teller(order.on_text, apart=is_whole)
        self._started = 0.0
        selection = resolve_model_selection(order.model, frozen=call.run.facts.settings.get("model_registry"))
        provider = selection.resolved_model.partition("/")[0]
        self._facts = CallFacts(name=name, selection=selection, provider=provider)

    def run(self) -> str:
        """Call the model.

        Returns:
            Its text.

        Raises:
            KitaruUsageError: Nothing says which model to use, or nobody serves it.
            KitaruRuntimeError: The credentials are missing, or the answer has no text or another form.
            KitaruBackendError: The provider failed.
        """
        canned = self._begin()
        if canned is not None:
            if self._teller is not None:
                for piece in canned_pieces(canned):
                    self._teller.tell(piece)
            return self._mocked(canned)
        target, request = self._address()
        try:
            teller = self._teller
            reply = target.call(request) if teller is None else self._streamed(target, request, teller)
        except Exception:
            self._failed()
            raise
        return self._answered(reply)

    async def run_async(self) -> str:
        """Call the model on the caller's event loop; see `run`."""
        canned = self._begin()
        if canned is not None:
            if self._teller is not None:
                for piece in canned_pieces(canned):
                    await self._teller.tell_async(piece)
            return self._mocked(canned)
        # The first call imports the provider's SDK, which takes longer than a loop may be held up.
        target, request = await asyncio.to_thread(self._address)
        try:
            teller = self._teller
            if teller is None:
                reply = await target.call_async(request)
            else:
                reply = await self._streamed_async(target, request, teller)
        except Exception:
            self._failed()
            raise
        return self._answered(reply)

    def _streamed(self, target: Target, request: ModelRequest, teller: Teller) -> ModelReply:
        reply = ModelReply(text="")
        with closing(target.stream(request)) as items:
            for item in items:
                if isinstance(item, ModelReply):
                    reply = item
                elif item:
                    teller.tell(item)
        return reply

    async def _streamed_async(self, target: Target, request: ModelRequest, teller: Teller) -> ModelReply:
        reply = ModelReply(text="")
        async with aclosing(target.stream_async(request)) as items:
            async for item in items:
                if isinstance(item, ModelReply):
                    reply = item
                elif item:
                    await teller.tell_async(item)
        return reply

    def _begin(self) -> str | None:
        """Keep the prompt; return the canned answer if the environment has one."""
        self._call.save_messages(f"{self._name}_prompt", self._order.messages)
        self._started = time.perf_counter()
        return os.environ.get(_MOCK_VARIABLE)

    def _address(self) -> tuple[Target, ModelRequest]:
        selection = self._facts.selection
        target = find_provider(selection)
        credentials = find_credentials(target.client, selection)
        self._facts = msgspec.structs.replace(self._facts, provider=target.name, credential_source=credentials.source)
        messages: Sequence[JsonMapping] = self._order.messages
        schema = None if self._order.form is None else self._order.form.schema
        if schema is not None and not getattr(target.client, "structured", False):
            messages, schema = with_schema_in_words(messages, schema), None
        request = ModelRequest(
            model=target.model,
            messages=messages,
            credentials=credentials.values,
            schema=schema,
            **self._order.limits,
        )
        self._started = time.perf_counter()
        return target, request

    def _mocked(self, text: str) -> str:
        self._facts = msgspec.structs.replace(self._facts, mocked=True)
        return self._answered(ModelReply(text=text))

    def _answered(self, reply: ModelReply) -> str:
        self._stop()
        cost = cost_of(self._facts, reply, llm_estimated_costs())
        self._call.save(f"{self._name}_response", reply.text, type="response")
        self._call.log(llm_calls={self._name: call_metadata(self._facts, reply, cost)})
        self._call.record_usage(usage_record(self._facts, reply, cost))
        if self._order.form is not None:
            # An answer that does not fit was paid for all the same: it fails the call after it is recorded.
            source = self._facts.selection.resolved_model
            self._order.form.read(reply.text, source=source, stopped=reply.finish_reason)
        if self._is_whole and self._teller is not None:
            self._call.carry(self._teller.carried)
        return reply.text

    def _failed(self) -> None:
        self._stop()
        self._facts = msgspec.structs.replace(self._facts, status="failed")
        self._call.record_usage(usage_record(self._facts, None, cost_of(self._facts, None, "off")))

    def _stop(self) -> None:
        taken = round((time.perf_counter() - self._started) * 1000, 3)
        self._facts = msgspec.structs.replace(self._facts, latency_ms=taken)
