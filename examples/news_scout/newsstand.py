"""A loopback web server with stored pages, so that the example reads real feeds over real HTTP without the internet."""

from __future__ import annotations

import threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Newsstand", "serve", "stored_site"]

PAGES = Path(__file__).parent / "pages"


class Newsstand(ThreadingHTTPServer):
    """The server; it counts requests, and can be told to fail for a path.

    Attributes:
        requests: Paths that were asked for, in order.
        failing: How many more times a path is answered with an error.
    """

    daemon_threads = True

    def __init__(self) -> None:
        """Bind a free port of this machine; nothing outside can reach it."""
        self.requests: list[str] = []
        self.failing: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(PAGES)))

    @property
    def url(self) -> str:
        """Address of the site."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(SimpleHTTPRequestHandler):
    server: Newsstand

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        left = self.server.failing.get(self.path, 0)
        if left:
            self.server.failing[self.path] = left - 1
            self.send_error(503, "The page is not to be had at the moment")
            return
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        del format, args


@contextmanager
def serve() -> Iterator[Newsstand]:
    """Run a newsstand for the time of a block.

    Yields:
        The server.
    """
    server = Newsstand()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@cache
def stored_site() -> str:
    """Return the address of a newsstand that lives as long as this process, started on first use."""
    server = Newsstand()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server.url
