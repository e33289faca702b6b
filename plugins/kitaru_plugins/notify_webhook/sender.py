"""Sends notices on a thread of its own, so that no run waits for a web server."""

from __future__ import annotations

import http.client
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from kitaru_plugins.notify_webhook.signing import DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

if TYPE_CHECKING:
    from kitaru_plugins.notify_webhook.notice import Notice

__all__ = ["Sender"]

logger = logging.getLogger("kitaru.plugins.notify_webhook")

_MOST_WAITING: Final = 1000
_PAUSES: Final = (0.2, 1.0, 5.0, 30.0)
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a signed notice goes to the address that was set, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


class Sender:
    """Delivers notices in order, each tried a few times."""

    def __init__(self, address: str, secret: str, *, pauses: tuple[float, ...] = _PAUSES, timeout: float = 10) -> None:
        """Start the thread.

        Args:
            address: Where to send to.
            secret: What to sign with.
            pauses: Seconds to wait before each further attempt.
            timeout: Seconds a server may take to answer.
        """
        self._address = address
        self._secret = secret
        self._pauses = pauses
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._waiting: queue.Queue[tuple[Notice, Future[object]] | None] = queue.Queue(_MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kitaru-notify-webhook", daemon=True)
        self._thread.start()

    def send(self, notice: Notice) -> Future[object]:
        """Queue a notice and return at once.

        Returns:
            Is done when the notice was sent, or when it is certain that it never can be; fails with a
            `ConnectionError` when it may be tried again by a later process.
        """
        sent: Future[object] = Future()
        try:
            self._waiting.put_nowait((notice, sent))
        except queue.Full:
            trouble = "too many others wait to be sent"
            logger.warning("The notice about wait %s is left for later: %s.", notice.delivery, trouble)
            sent.set_exception(ConnectionError(trouble))
        return sent

    def close(self, *, patience: float = 5) -> None:
        """Deliver what is queued, each notice with one attempt more, and stop the thread.

        Args:
            patience: Seconds to wait for that.
        """
        self._closing.set()
        try:
            self._waiting.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            notice, sent = waiting
            trouble = self._deliver(notice)
            if trouble is not None and trouble.transient:
                sent.set_exception(ConnectionError(str(trouble)))
            else:
                sent.set_result(None)

    def _deliver(self, notice: Notice) -> _Trouble | None:
        trouble = self._attempt(notice)
        for pause in self._pauses:
            if trouble is None or not trouble.transient:
                break
            last = self._closing.wait(pause)
            trouble = self._attempt(notice)
            if last:
                break
        if trouble is not None:
            logger.warning("No notice could be sent about wait %s: %s.", notice.delivery, trouble)
        return trouble

    def _attempt(self, notice: Notice) -> _Trouble | None:
        """Send a notice once; return what went wrong, in words that do not hold the address."""
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "kitaru-notify-webhook",
            DELIVERY_HEADER: notice.delivery,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._secret, timestamp, notice.body),
        }
        request = urllib.request.Request(self._address, notice.body, headers, method="POST")  # noqa: S310 - http(s) only, checked when the plugin was loaded
        try:
            with self._opener.open(request, timeout=self._timeout):
                return None
        except urllib.error.HTTPError as error:
            with error:
                return _Trouble(f"the server answered {error.code}", transient=error.code in _TRANSIENT)
        except (OSError, ValueError, http.client.HTTPException) as error:  # a proxy that cannot be is a ValueError
            reason = getattr(error, "reason", error)
            return _Trouble(f"the server was not reached ({type(reason).__name__})", transient=True)


class _Trouble:
    """Why an attempt failed, and whether another one may succeed."""

    def __init__(self, text: str, *, transient: bool) -> None:
        self.text = text
        self.transient = transient

    def __str__(self) -> str:
        return self.text
