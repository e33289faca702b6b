"""One typed method for each hook; nothing else in kitaru calls a plugin.

The methods have the names of the hooks without the prefix, and the same parameters. A caller in a hot place first looks
at `boundary_hooks_active` or `record_hooks_active`, two plain attributes, and calls nothing when nobody listens.

There is one manager to a process, made on first use with all installed plugins. A plugin that is broken is an error,
not a gap: a policy that silently stayed away would be worse than a run that does not start.
"""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from kitaru.errors import KitaruPluginError
from kitaru.hooks.cards import (
    AdapterCard,
    ArtifactStoreDriver,
    CodecCard,
    JournalDriver,
    ModelProvider,
    PluginCard,
    ResultCacheDriver,
    SecretStoreDriver,
    StackKind,
    TargetDriver,
)
from kitaru.hooks.commands import collect_commands
from kitaru.hooks.distributions import installed_version
from kitaru.hooks.facts import Route, RuntimeInfo, Summary, Tool, Usage
from kitaru.hooks.isolation import Listener, answers, report, tell, tracing
from kitaru.hooks.loading import survey
from kitaru.hooks.registrar import Registrar
from kitaru.hooks.scopes import PluginScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kitaru.hooks.facts import CommandGroup, RuntimeConfig, ServerContext
    from kitaru.records.boundary import Boundary
    from kitaru.records.record import Record

__all__ = ["HookManager", "close_manager", "get_manager"]

_T = TypeVar("_T")

_lock = threading.RLock()
_manager: HookManager | None = None


class HookManager(Registrar):
    """The registered plugins, behind one typed method per hook."""

    def plugin_card(self) -> Mapping[str, PluginCard]:
        """Return the cards of all registered plugins by the name each is registered under."""
        return {name: part.card for name, part in self._parts.items()}

    def adapters(self) -> Mapping[str, AdapterCard]:
        """Return the adapters by name."""
        return self._offers("kitaru_adapters", AdapterCard)

    def journals(self) -> Mapping[str, JournalDriver]:
        """Return the journal drivers by address scheme."""
        return self._offers("kitaru_journals", JournalDriver)

    def artifact_stores(self) -> Mapping[str, ArtifactStoreDriver]:
        """Return the artifact stores by address scheme."""
        return self._offers("kitaru_artifact_stores", ArtifactStoreDriver)

    def codecs(self) -> Mapping[str, CodecCard]:
        """Return the codecs by name."""
        return self._offers("kitaru_codecs", CodecCard)

    def execution_targets(self) -> Mapping[str, TargetDriver]:
        """Return the execution targets by name."""
        return self._offers("kitaru_execution_targets", TargetDriver)

    def stack_kinds(self) -> Mapping[str, StackKind]:
        """Return the kinds of stack by name."""
        return self._offers("kitaru_stack_kinds", StackKind)

    def model_providers(self) -> Mapping[str, ModelProvider]:
        """Return the model providers by prefix."""
        return self._offers("kitaru_model_providers", ModelProvider)

    def secret_stores(self) -> Mapping[str, SecretStoreDriver]:
        """Return the secret stores by name."""
        return self._offers("kitaru_secret_stores", SecretStoreDriver)

    def result_caches(self) -> Mapping[str, ResultCacheDriver]:
        """Return the result caches by name."""
        return self._offers("kitaru_result_caches", ResultCacheDriver)

    def configured(self, config: RuntimeConfig) -> None:
        """Tell every plugin the configuration, and keep it for those that come later.

        Args:
            config: The frozen configuration.

        Raises:
            KitaruPluginError: A plugin refuses it.
        """
        with self._lock:
            self._config = config
            for listener in self._listeners["kitaru_configured"]:
                listener(config=config)

    def checkpoint_admit(self, boundary: Boundary) -> None:
        """Ask every plugin whether a body may run.

        Args:
            boundary: The call that is about to run.

        Raises:
            BoundaryRefused: A plugin refuses it.
            KitaruPluginError: A plugin failed.
        """
        for listener in self._listeners["kitaru_checkpoint_admit"]:
            listener(boundary=boundary)

    def checkpoint_identity(self, boundary: Boundary) -> str | None:
        """Ask what makes a call different from a like one.

        Args:
            boundary: The call.

        Returns:
            The first text a plugin gives, or `None`.

        Raises:
            KitaruPluginError: A plugin failed, or gave something that is no text.
        """
        found = next(answers(self._listeners["kitaru_checkpoint_identity"], boundary=boundary), None)
        return None if found is None else _expect(str, *found)

    def checkpoint_scope(self, boundary: Boundary) -> list[AbstractContextManager[None]]:
        """Ask for the scopes of an attempt, to be entered in this order.

        Args:
            boundary: The call that runs.

        Returns:
            The scopes; their faults on entering and leaving are plugin errors, and none can swallow an exception.

        Raises:
            KitaruPluginError: A plugin failed, or gave something that is no context manager.
        """
        given = answers(self._listeners["kitaru_checkpoint_scope"], boundary=boundary)
        return [PluginScope(listener, scope) for listener, scope in given]

    def checkpoint_summary(self, boundary: Boundary, value: object) -> Summary | None:
        """Ask what came out, in a few words. A plugin's failure is logged and gives an empty summary.

        Args:
            boundary: The call that ran.
            value: What its body returned.

        Returns:
            The first summary a plugin gives, as wrappers leave it; `None` when nobody gives one.
        """
        hook = "kitaru_checkpoint_summary"
        listeners = self._listeners[hook]
        if not listeners:
            return None
        names = "+".join(listener.origin.name for listener in listeners)
        try:
            with tracing(hook, names, boundary, value) if self._trace else nullcontext():
                found = self._relay.hook.kitaru_checkpoint_summary(boundary=boundary, value=value)
            return None if found is None else _expect(Summary, listeners[0], found)
        except KitaruPluginError as error:
            report(error)
        except Exception as error:  # noqa: BLE001 - a summary must never fail the call it is about
            fault = self._culprit(hook, error)
            fault.__cause__ = error
            report(fault)
        return Summary()

    def checkpoint_usage(self, boundary: Boundary, value: object) -> Usage | None:
        """Ask for tokens and cost. A plugin's failure is logged.

        Args:
            boundary: The call that ran.
            value: What its body returned.

        Returns:
            The first answer a plugin gives, or `None`.
        """
        try:
            for listener, usage in answers(self._listeners["kitaru_checkpoint_usage"], boundary=boundary, value=value):
                return _expect(Usage, listener, usage)
        except KitaruPluginError as error:
            report(error)
        return None

    def record_committed(self, record: Record) -> list[Future[object]]:
        """Show a durable record to every observer; one that fails is logged, and the others still see it.

        Args:
            record: The record.

        Returns:
            What observers are still busy with.
        """
        return _deliveries(tell(self._listeners["kitaru_record_committed"], record=record))

    def record_owed(self, record: Record) -> list[Future[object]]:
        """Show a record again that observers may have missed, to those that asked for it.

        Args:
            record: The record.

        Returns:
            What observers are still busy with.
        """
        return _deliveries(tell(self._owed, record=record))

    def cli_commands(self, cli: CommandGroup) -> None:
        """Let every plugin add its commands; those of a plugin that fails are left out with a warning.

        Args:
            cli: Where to add them.

        Raises:
            KitaruPluginError: Two plugins add the same command; none was added.
        """
        collect_commands(self._listeners["kitaru_cli_commands"], cli)

    def server_routes(self, server: ServerContext) -> Sequence[Route]:
        """Collect the routes of all plugins.

        Args:
            server: The server that starts.

        Returns:
            The routes.

        Raises:
            KitaruPluginError: A plugin failed, or gave something that is no route.
        """
        return _gather(Route, self._listeners["kitaru_server_routes"], server)

    def mcp_tools(self, server: ServerContext) -> Sequence[Tool]:
        """Collect the tools of all plugins.

        Args:
            server: The server that starts.

        Returns:
            The tools.

        Raises:
            KitaruPluginError: A plugin failed, or gave something that is no tool.
        """
        return _gather(Tool, self._listeners["kitaru_mcp_tools"], server)

    def closing(self, runtime: RuntimeInfo) -> None:
        """Tell every plugin that the runtime closes; one that fails is logged.

        Args:
            runtime: The runtime that closes.
        """
        tell(self._listeners["kitaru_closing"], runtime=runtime)


def _expect(kind: type[_T], listener: Listener, answer: object) -> _T:
    if not isinstance(answer, kind):
        trouble = f"It answered with a {type(answer).__name__} where a {kind.__name__} is needed."
        raise listener.origin.fault(trouble, hook=listener.hook)
    return answer


def _deliveries(answers: Sequence[object]) -> list[Future[object]]:
    return [answer for answer in answers if isinstance(answer, Future)]


def _gather(kind: type[_T], listeners: Sequence[Listener], server: ServerContext) -> list[_T]:
    return [
        _expect(kind, listener, one)
        for listener, given in answers(listeners, server=server)
        for one in _expect(list, listener, list(given) if isinstance(given, tuple) else given)
    ]


def get_manager() -> HookManager:
    """Return the manager of this process, with all installed plugins; they are loaded on the first call.

    Returns:
        The manager.

    Raises:
        KitaruPluginError: A plugin is broken, or two claim one name. It names plugin, distribution, version and hook;
            further faults are notes on it. The next call tries again.
    """
    return _manager if _manager is not None else _load()


def close_manager() -> None:
    """Tell all plugins that the runtime closes, and forget them; done by itself when the interpreter ends."""
    global _manager
    with _lock:
        manager, _manager = _manager, None
    if manager is not None:
        manager.closing(RuntimeInfo(version=installed_version("kitaru-core") or "", pid=os.getpid()))


def _load() -> HookManager:
    global _manager  # noqa: PLW0603 - there is one manager to a process
    with _lock:
        if _manager is None:
            found = survey()
            if found.faults:
                first, *others = found.faults
                for fault in others:
                    first.add_note(f"Also: {fault}")
                raise first
            manager = HookManager(trace=os.environ.get("KITARU_TRACE_HOOKS") == "1")
            manager.add(found.parts)
            _manager = manager
        return _manager


atexit.register(close_manager)
