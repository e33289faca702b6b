"""The framework's run context in a form that crosses a process border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai.durable_exec import DurableRunContext

from kitaru_adapters.pydantic_ai.boundary import ENGINE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_ai.agent import AbstractAgent
    from pydantic_ai.tools import RunContext

__all__ = ["KitaruRunContext"]


class KitaruRunContext(DurableRunContext[Any]):
    """A run context rebuilt from plain data; what could not cross raises where it is asked for."""

    @classmethod
    def dump(cls, ctx: RunContext[object]) -> dict[str, object]:
        """Return the parts of a context that cross, as plain data; the dependencies are never among them.

        Args:
            ctx: The framework's context.
        """
        return cls.serialize_run_context(ctx)

    @classmethod
    def load(
        cls, data: Mapping[str, object], *, deps: object, agent: AbstractAgent[Any, object] | None = None
    ) -> RunContext[Any]:
        """Rebuild a context.

        Args:
            data: What `dump` returned.
            deps: Dependencies, made anew on this side.
            agent: The agent on this side.

        Returns:
            The context.
        """
        return cls.restore(data, deps=deps, agent=agent, engine_spec=ENGINE)
