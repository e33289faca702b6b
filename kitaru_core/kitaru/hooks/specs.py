"""Every hook of kitaru, in the order of a plugin's life.

Each docstring says when the hook is called and how often, what it is given, what becomes of the answer, and what an
exception means. Three rules hold for all of them:

* hooks are plain functions with plain parameters, and take only those parameters they need;
* no answer may depend on the order of plugins;
* wrappers are refused, except where a hook says that it takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

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
    from kitaru.hooks.facts import (
        CommandGroup,
        Route,
        RuntimeConfig,
        RuntimeInfo,
        ServerContext,
        Summary,
        Tool,
        Usage,
    )
    from kitaru.records.boundary import Boundary
    from kitaru.records.record import Record

__all__ = [
    "kitaru_adapters",
    "kitaru_artifact_stores",
    "kitaru_checkpoint_admit",
    "kitaru_checkpoint_identity",
    "kitaru_checkpoint_scope",
    "kitaru_checkpoint_summary",
    "kitaru_checkpoint_usage",
    "kitaru_cli_commands",
    "kitaru_closing",
    "kitaru_codecs",
    "kitaru_configured",
    "kitaru_execution_targets",
    "kitaru_journals",
    "kitaru_mcp_tools",
    "kitaru_model_providers",
    "kitaru_plugin_card",
    "kitaru_record_committed",
    "kitaru_result_caches",
    "kitaru_secret_stores",
    "kitaru_server_routes",
    "kitaru_stack_kinds",
]


@hookspec
def kitaru_plugin_card() -> PluginCard:
    """Say who the plugin is.

    Called once when plugins are loaded, before any other hook of the plugin. Every plugin implements it.

    Returns:
        The plugin's name, the hook-spec level it was written for and the frameworks it supports.

    An exception, or a level that this release does not know, refuses the plugin.
    """


@hookspec
def kitaru_adapters() -> Sequence[AdapterCard]:
    """Offer adapters for agent frameworks.

    Called once when plugins are loaded.

    Returns:
        One card for each adapter. Loading a card imports the framework; returning it must not.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec
def kitaru_journals() -> Sequence[JournalDriver]:
    """Offer journals by address scheme.

    Called once when plugins are loaded.

    Returns:
        One card for each driver.

    An exception refuses the plugin; so does a scheme that another plugin claims.
    """


@hookspec
def kitaru_artifact_stores() -> Sequence[ArtifactStoreDriver]:
    """Offer places for large payloads by address scheme.

    Called once when plugins are loaded.

    Returns:
        One card for each driver.

    An exception refuses the plugin; so does a scheme that another plugin claims.
    """


@hookspec
def kitaru_codecs() -> Sequence[CodecCard]:
    """Offer codecs for types that kitaru does not know.

    Called once when plugins are loaded. A stored value is read by the name of the codec that wrote it.

    Returns:
        One card for each codec and version.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec
def kitaru_execution_targets() -> Sequence[TargetDriver]:
    """Offer places where the body of a checkpoint can run.

    Called once when plugins are loaded.

    Returns:
        One card for each target.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec
def kitaru_stack_kinds() -> Sequence[StackKind]:
    """Offer kinds of stack.

    Called once when plugins are loaded.

    Returns:
        One card for each kind.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec
def kitaru_model_providers() -> Sequence[ModelProvider]:
    """Offer providers of models for `llm()`.

    Called once when plugins are loaded.

    Returns:
        One card for each prefix.

    An exception refuses the plugin; so does a prefix that another plugin claims.
    """


@hookspec
def kitaru_secret_stores() -> Sequence[SecretStoreDriver]:
    """Offer places that keep secrets.

    Called once when plugins are loaded.

    Returns:
        One card for each store.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec
def kitaru_result_caches() -> Sequence[ResultCacheDriver]:
    """Offer stores for results that executions share (`cache=True`).

    Called once when plugins are loaded.

    Returns:
        One card for each store.

    An exception refuses the plugin; so does a name that another plugin claims.
    """


@hookspec(historic=True)
def kitaru_configured(config: RuntimeConfig) -> None:
    """Learn the configuration.

    Called once in a process, before its first run is recorded. A plugin that is registered later is called when it is
    registered.

    Args:
        config: The frozen configuration.

    An exception refuses the plugin.
    """


@hookspec
def kitaru_checkpoint_admit(boundary: Boundary) -> None:
    """Refuse a boundary before its body runs: the place for policy.

    Called before each attempt of a body; not for a result that is reused.

    Args:
        boundary: The call that is about to run.

    `BoundaryRefused` fails the call as a decision of policy, and is not retried. Any other exception fails it as a
    fault of the plugin. The first exception decides; plugins after it are not asked.
    """


@hookspec(firstresult=True)
def kitaru_checkpoint_identity(boundary: Boundary) -> str | None:
    """Add what makes a call different from a like one: a project, a region, a client.

    Called when the key of a boundary is made, on every rerun as well, so the answer must follow from the argument
    alone.

    Args:
        boundary: The call; its attempt is 1 and its input digest not yet known.

    Returns:
        A text, or `None`. The first text counts.

    An exception fails the call.
    """


@hookspec
def kitaru_checkpoint_scope(boundary: Boundary) -> AbstractContextManager[None] | None:
    """Hand out a context manager that is entered around a body.

    Called for each attempt of a body that really runs, synchronous or not, in the process and on the task where it
    runs; not for a result that is reused. Scopes are left in the opposite order, also by the exception of a body, which
    they see and cannot swallow.

    Args:
        boundary: The call that runs.

    Returns:
        A context manager, or `None`.

    An exception from here, or from entering or leaving the scope, fails the attempt.
    """


@hookspec(firstresult=True)
def kitaru_checkpoint_summary(boundary: Boundary, value: object) -> Summary | None:
    """Say in a few words what came out. Takes wrappers, which may redact.

    Called after a body, before its record is written. It cannot change the value that is saved.

    Args:
        boundary: The call that ran.
        value: What the body returned; it must not be changed or kept.

    Returns:
        A summary, or `None`. The first summary counts.

    An exception is logged, and the summary is empty.
    """


@hookspec(firstresult=True)
def kitaru_checkpoint_usage(boundary: Boundary, value: object) -> Usage | None:
    """Read tokens and cost out of a result.

    Called after a body, before its record is written.

    Args:
        boundary: The call that ran.
        value: What the body returned; it must not be changed or kept.

    Returns:
        Tokens and cost, or `None`. The first answer counts.

    An exception is logged, and no usage is recorded.
    """


@hookspec
def kitaru_record_committed(record: Record) -> Future[object] | None:
    """See a record after it is durable.

    Called for each record in the order of its execution's journal, at least once: when a process was killed, the next
    one that opens the journal on this machine shows again what may not have been shown, so a record may come twice. It
    is called on the thread that committed, so slow work belongs on a thread of the plugin. Waits, artifacts, usage and
    changes of status are all records; look at `record.kind`. What a short call used stands in its own end;
    `kitaru.records.facts.usage_in(record.fact)` reads it wherever it stands. Records of model calls may hold messages
    (`history`), so what leaves the machine is better chosen field by field.

    Args:
        record: The record.

    Returns:
        `None` when the plugin is done with it; or a future, when the work goes on elsewhere. Until that future has a
        result the record counts as not delivered, and will be shown again should the process die; one that ends with
        an exception leaves it to the next process.

    An exception is logged with the plugin's name; the other plugins are still called, and the record stays.
    """


@hookspec
def kitaru_cli_commands(cli: CommandGroup) -> None:
    """Add commands to the `kitaru` program.

    Called once, when the program builds its commands.

    Args:
        cli: Where to add them.

    An exception leaves the plugin's commands out, with a warning. A command that another plugin adds too is an error.
    """


@hookspec
def kitaru_server_routes(server: ServerContext) -> Sequence[Route]:
    """Add routes to the HTTP server.

    Called once, when a server starts.

    Args:
        server: The server.

    Returns:
        The routes.

    An exception keeps the server from starting.
    """


@hookspec
def kitaru_mcp_tools(server: ServerContext) -> Sequence[Tool]:
    """Add tools to the MCP server.

    Called once, when a server starts.

    Args:
        server: The server.

    Returns:
        The tools.

    An exception keeps the server from starting.
    """


@hookspec
def kitaru_closing(runtime: RuntimeInfo) -> None:
    """Let go of what the plugin holds: flush, stop threads, close files.

    Called once, when the runtime closes; at the latest when the interpreter ends.

    Args:
        runtime: The runtime that closes.

    An exception is logged; the other plugins are still called.
    """
