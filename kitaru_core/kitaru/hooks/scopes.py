"""A plugin's context manager around a body, held to its promises."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from kitaru.hooks.isolation import describe

if TYPE_CHECKING:
    from types import TracebackType

    from kitaru.hooks.isolation import Listener

__all__ = ["PluginScope"]


class PluginScope(AbstractContextManager[None]):
    """Wraps a plugin's scope: its faults name the plugin, and it cannot swallow the body's exception."""

    __slots__ = ("_listener", "_scope")

    def __init__(self, listener: Listener, scope: object) -> None:
        if not isinstance(scope, AbstractContextManager):
            trouble = f"It answered with a {type(scope).__name__} where a context manager is needed."
            raise listener.origin.fault(trouble, hook=listener.hook)
        self._listener = listener
        self._scope = scope

    def __enter__(self) -> None:
        """Enter the plugin's scope.

        Raises:
            KitaruPluginError: The plugin failed.
        """
        try:
            self._scope.__enter__()
        except Exception as error:
            raise self._fault(error, when="entering") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the plugin's scope; the body's exception goes on whatever the plugin answers.

        Raises:
            KitaruPluginError: The plugin failed.
        """
        try:
            self._scope.__exit__(kind, error, trace)
        except Exception as raised:
            if raised is error:  # the plugin let the body's own exception through by raising it again
                return
            raise self._fault(raised, when="leaving") from raised

    def _fault(self, error: Exception, *, when: str) -> Exception:
        trouble = f"Its scope failed on {when} with {describe(error)}."
        return self._listener.origin.fault(trouble, hook=self._listener.hook)
