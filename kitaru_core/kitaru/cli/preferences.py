"""`kitaru log-store` and `kitaru analytics`: preferences that are remembered."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.settings import analytics, log_store
from kitaru.settings.stack_names import active_stack_name

__all__ = ["opt_in", "opt_out", "reset_log_store", "set_log_store", "show_log_store", "status"]


def set_log_store(backend: str, *, endpoint: str, api_key: str | None = None, output: OutputOption = "text") -> None:
    """Remember where runtime logs are to go.

    Args:
        backend: Name of the backend.
        endpoint: Address to send them to.
        api_key: Key for it.
        output: text for people, json for programs.
    """
    _show("log-store.set", log_store.set_global_log_store(backend, endpoint=endpoint, api_key=api_key), output)


def show_log_store(*, output: OutputOption = "text") -> None:
    """Show where runtime logs go.

    Args:
        output: text for people, json for programs.
    """
    _show("log-store.show", log_store.resolve_log_store(), output)


def reset_log_store(*, output: OutputOption = "text") -> None:
    """Forget what was set.

    Args:
        output: text for people, json for programs.
    """
    _show("log-store.reset", log_store.reset_global_log_store(), output)


def status(*, output: OutputOption = "text") -> None:
    """Say that nothing is collected.

    Args:
        output: text for people, json for programs.
    """
    _show_analytics("analytics.status", analytics.analytics_status(), output)


def opt_in(*, output: OutputOption = "text") -> None:
    """Keep the preference; nothing is collected all the same.

    Args:
        output: text for people, json for programs.
    """
    _show_analytics("analytics.opt-in", analytics.set_analytics_preference(opt_in=True), output)


def opt_out(*, output: OutputOption = "text") -> None:
    """Keep the preference; nothing is collected anyway.

    Args:
        output: text for people, json for programs.
    """
    _show_analytics("analytics.opt-out", analytics.set_analytics_preference(opt_in=False), output)


def _show_analytics(command: str, found: analytics.AnalyticsStatus, output: OutputOption) -> None:
    item = {"analytics_opt_in": bool(found.preference), "collecting": found.collecting, "message": found.message}
    Output(command, output).item(item, Text(f"Analytics: {found.message}"))


def _show(command: str, found: log_store.ResolvedLogStore, output: OutputOption) -> None:
    kept = log_store.active_stack_log_store()
    warning = log_store.idle_log_store(found)
    item: dict[str, Any] = {
        "backend": found.backend,
        "endpoint": found.endpoint,
        "api_key_configured": found.api_key is not None,
        "source": found.source,
        "active_stack_backend": kept.backend,
        "active_stack_name": active_stack_name(),
        "warning": warning,
    }
    lines = [
        f"Log store: {found.backend}",
        f"  Endpoint: {found.endpoint or 'not available'}",
        f"  API key: {'configured' if found.api_key is not None else 'not configured'}",
        f"  Source: {found.source}",
        *([] if warning is None else [f"  Warning: {warning}"]),
    ]
    Output(command, output).item(item, Text("\n".join(lines)))
