"""The framework's own guard for code inside a unit: what would not happen again on reuse is refused there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic_ai.durable_exec import BaseDurabilityCapability

from kitaru_adapters.pydantic_ai.boundary import ENGINE, UnitBackend
from kitaru_adapters.pydantic_ai.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_ai.tools import RunContext
    from pydantic_ai.usage import RunUsage

__all__ = ["guarded"]


class _Guard(BaseDurabilityCapability[object]):
    engine_spec = ENGINE

    @property
    def in_durable_context(self) -> bool:
        return True

    def get_durable_operation_backend(self) -> UnitBackend:
        return UnitBackend(Settings())

    @contextmanager
    def scope(self, ctx: RunContext[object]) -> Iterator[RunContext[object]]:
        with self._durable_run_context_scope(ctx) as guarded_ctx:
            yield guarded_ctx


_GUARD = _Guard()


@contextmanager
def guarded(ctx: RunContext[object], usage: RunUsage) -> Iterator[RunContext[object]]:
    """Give a tool a context of its own for the time of its unit.

    `ctx.enqueue()` and `ctx.cancel()` raise in it, because a reused unit would not do them again, and its usage is a
    private copy, so that parallel tools do not count each other's work.

    Args:
        ctx: The framework's context of the call.
        usage: The private copy.

    Yields:
        The context for the tool, also installed as the ambient one.
    """
    with _GUARD.scope(ctx) as unit_ctx:
        unit_ctx.usage = usage
        yield unit_ctx
