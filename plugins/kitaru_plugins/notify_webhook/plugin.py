"""What the plugin listens to: records of opened waits."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from kitaru.hooks import PluginCard, hookimpl

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kitaru.records.record import Record
    from kitaru_plugins.notify_webhook.sender import Sender

__all__ = ["kitaru_closing", "kitaru_plugin_card", "kitaru_record_committed"]

_lock = threading.Lock()
_senders: dict[int, Sender] = {}


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Name the plugin; without an address it has nothing to do.

    Raises:
        KitaruUsageError: The address or the secret cannot be used.
    """
    address = os.environ.get("KITARU_WEBHOOK_URL", "")
    if address:
        from kitaru_plugins.notify_webhook.address import check_settings

        check_settings(address, os.environ.get("KITARU_WEBHOOK_SECRET", ""))
    return PluginCard(name="notify_webhook", hookspec=1, enabled=bool(address))


@hookimpl
def kitaru_record_committed(record: Record) -> Future[object] | None:
    """Send a notice of an opened wait, on a thread of the plugin.

    Args:
        record: The record.

    Returns:
        Is done when the notice was sent; `None` for other records.
    """
    if record.kind != "wait.opened":
        return None
    from kitaru_plugins.notify_webhook.notice import make_notice

    return _sender().send(make_notice(record))


@hookimpl
def kitaru_closing() -> None:
    """Deliver what is under way, for a few seconds at most."""
    with _lock:
        sender = _senders.pop(os.getpid(), None)
    if sender is not None:
        sender.close()


def _sender() -> Sender:
    """Return the sender of this process; a forked child has its own, as threads do not survive a fork."""
    from kitaru_plugins.notify_webhook.sender import Sender

    with _lock:
        found = _senders.get(os.getpid())
        if found is None:
            found = Sender(os.environ["KITARU_WEBHOOK_URL"], os.environ["KITARU_WEBHOOK_SECRET"])
            _senders[os.getpid()] = found
        return found
