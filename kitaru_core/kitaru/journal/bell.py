"""What wakes the thread that commits for coroutines."""

from __future__ import annotations

import socket
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """Wakes one thread, as often as anybody rings.

    A byte through a socket wakes a thread sooner than the release of a lock does: whoever sends it lets go of the
    interpreter meanwhile, so that the one who wakes up need not wait for it a second time.
    """

    __slots__ = ("_inside", "_outside")

    def __init__(self) -> None:
        self._inside, self._outside = socket.socketpair()
        # Whatever a program sets for its own sockets: the one end waits as long as it takes, the other not at all.
        self._inside.settimeout(None)
        self._outside.settimeout(0)

    def ring(self) -> None:
        """Wake the thread; never blocks, and does nothing once the bell is stopped."""
        # A full buffer means that the thread is woken already.
        with suppress(OSError):
            self._outside.send(b"\0")

    def wait(self) -> bool:
        """Sleep until somebody rings, or has rung since the last time.

        Returns:
            Whether to go on: false once the bell is stopped and all rings were heard.
        """
        if self._inside.recv(4096):
            return True
        self._inside.close()
        return False

    def stop(self) -> None:
        """Have the thread end."""
        with suppress(OSError):
            # Closing it would not do: a forked child may have it open as well.
            self._outside.shutdown(socket.SHUT_WR)
        self._outside.close()
