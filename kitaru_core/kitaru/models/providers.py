"""Calling a model: finding its provider, and turning whatever happens there into errors of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Final, cast

from kitaru.artifacts.redaction import Redactor, shared_redactor
from kitaru.errors import KitaruBackendError, KitaruError, KitaruRuntimeError, KitaruUsageError
from kitaru.hooks.manager import get_manager
from kitaru.models.aliases import ResolvedModelSelection
from kitaru.models.api import ModelProviderClient, ModelReply, ModelRequest, StreamingModelProviderClient

__all__ = ["Target", "find_provider"]

_TOLD: Final = 2000


class Target:
    """A provider and the model to call there.

    Args:
        name: The provider's prefix.
        client: The provider.
        model: The model, without the prefix.
    """

    __slots__ = ("client", "model", "name")

    def __init__(self, name: str, client: ModelProviderClient, model: str) -> None:
        self.name: str = name
        self.client: ModelProviderClient = client
        self.model: str = model

    def call(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.

        Returns:
            The answer, which has a text.

        Raises:
            KitaruBackendError: The provider failed; its words are in the message, without credentials.
            KitaruRuntimeError: The answer has no text.
            KitaruUsageError: The provider cannot take such messages.
        """
        try:
            reply = self.client.complete(request)
        except KitaruError:
            raise
        except Exception as error:  # noqa: BLE001 - each SDK has errors of its own, and all of them may quote a credential
            raise self._failure(error, request) from None
        return self._checked(reply)

    async def call_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop; see `call`.

        Args:
            request: The call.
        """
        try:
            reply = await self.client.complete_async(request)
        except KitaruError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise self._failure(error, request) from None
        return self._checked(reply)

    def stream(self, request: ModelRequest) -> Generator[str | ModelReply, None, None]:
        """Call the model and hand its text out while it is written; see `call`.

        Args:
            request: The call.

        Yields:
            The pieces of the text, one piece if the provider does not stream, and at the end the answer.
        """
        if not hasattr(self.client, "stream"):
            reply = self.call(request)
            yield from (reply.text, reply)
            return
        ended = False
        try:
            with closing(cast("StreamingModelProviderClient", self.client).stream(request)) as items:
                for item in items:
                    ended = isinstance(item, ModelReply)
                    yield self._checked(item) if isinstance(item, ModelReply) else item
        except KitaruError:
            raise
        except Exception as error:  # noqa: BLE001 - as above; what the consumer raises does not come by here
            raise self._failure(error, request) from None
        self._check_end(ended=ended)

    async def stream_async(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """Hand the text out on the caller's event loop; see `stream`.

        Args:
            request: The call.
        """
        if not hasattr(self.client, "stream_async"):
            reply = await self.call_async(request)
            yield reply.text
            yield reply
            return
        ended = False
        try:
            async with aclosing(cast("StreamingModelProviderClient", self.client).stream_async(request)) as items:
                async for item in items:
                    ended = isinstance(item, ModelReply)
                    yield self._checked(item) if isinstance(item, ModelReply) else item
        except KitaruError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise self._failure(error, request) from None
        self._check_end(ended=ended)

    def _check_end(self, *, ended: bool) -> None:
        if not ended:
            msg = f"{self.name}/{self.model} stopped in the middle of its answer. Call again, or without on_text=."
            raise KitaruBackendError(msg)

    def _failure(self, error: Exception, request: ModelRequest) -> KitaruBackendError:
        # The SDK's own exception is not chained: its text and the request in it may hold the credential.
        redactor = Redactor(request.credentials.values())
        told = shared_redactor().text(redactor.text(f"{type(error).__name__}: {error}"))
        told = told if len(told) <= _TOLD else f"{told[:_TOLD]}..."
        return KitaruBackendError(f"The provider {self.name!r} could not answer for {self.model!r}. {told}")

    def _checked(self, reply: ModelReply) -> ModelReply:
        if reply.text.strip():
            return reply
        reason = f" (it stopped because of {reply.finish_reason!r})" if reply.finish_reason else ""
        msg = f"{self.name}/{self.model} answered without any text{reason}. Allow more tokens, or change the prompt."
        raise KitaruRuntimeError(msg)


def find_provider(selection: ResolvedModelSelection) -> Target:
    """Find who serves a model.

    Args:
        selection: The model, as `provider/model`.

    Returns:
        The provider.

    Raises:
        KitaruUsageError: The text names no provider, nobody offers it, or its SDK is not installed.
    """
    offered = get_manager().model_providers()
    known = ", ".join(sorted(offered)) or "none; `kitaru plugins list` says why"
    provider, separator, model = selection.resolved_model.partition("/")
    if not separator or not provider or not model.strip():
        msg = (
            f"{selection.resolved_model!r} is neither an alias nor provider/model. Register it with `kitaru model "
            f"register`, or put a provider in front (providers: {known})."
        )
        raise KitaruUsageError(msg)
    card = offered.get(provider) or offered.get(provider.casefold())
    if card is None:
        msg = f"Nobody serves {selection.resolved_model!r}: there is no provider {provider!r} (providers: {known})."
        raise KitaruUsageError(msg)
    return Target(card.name, cast("ModelProviderClient", card.load()), model.strip())
