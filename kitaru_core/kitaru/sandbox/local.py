"""A session on this machine: a folder of its own, and a group of processes that is ended as a whole."""

from __future__ import annotations

import codecs
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from kitaru.errors import KitaruBackendError, KitaruUsageError

__all__ = ["Ended", "Kept", "Session"]

_CHUNK: Final = 64 * 1024
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_LEFT_OVER: Final = 1.0


class Kept:
    """Takes in a stream to its end and keeps the beginning of it.

    Args:
        stream: The stream.
        limit: How many characters to keep.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._parts: list[str] = []
        self._length = 0
        self.is_cut: bool = False
        self._thread = threading.Thread(target=self._read, name="kitaru-sandbox", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """What was kept."""
        return "".join(self._parts)

    def join(self, seconds: float) -> None:
        """Wait for the end of the stream."""
        self._thread.join(seconds)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._take(decoder.decode(chunk))
            self._take(decoder.decode(b"", final=True))

    def _take(self, text: str) -> None:
        left = self._limit - self._length
        self.is_cut = self.is_cut or len(text) > left
        self._parts.append(text[:left])
        self._length += len(self._parts[-1])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code.
        stdout: What it wrote.
        stderr: What it wrote to its error stream.
        timed_out: Whether its time was over.
    """

    code: int
    stdout: Kept
    stderr: Kept
    timed_out: bool


class Session:
    """A folder in which commands run.

    Args:
        keep: Whether the folder stays when the session ends.

    Attributes:
        id: Its id.
        folder: The folder; only its owner can look into it.
    """

    def __init__(self, *, keep: bool) -> None:
        self.id: str = str(uuid.uuid4())
        self.folder: Path = Path(tempfile.mkdtemp(prefix="kitaru-sandbox-"))
        self._keep = keep

    def folder_for(self, cwd: object) -> Path:
        """Return the folder to run in; a relative one lies in the session's own, and is made there.

        Raises:
            KitaruUsageError: It does not exist, or is a relative one that leads out.
        """
        if cwd is None:
            return self.folder
        if not isinstance(cwd, str) or not cwd.strip() or "\0" in cwd:
            msg = f"cwd must be a path, not {cwd!r}."
            raise KitaruUsageError(msg)
        wanted = Path(cwd)
        if not wanted.is_absolute():
            inside = (self.folder / wanted).resolve()
            if not inside.is_relative_to(self.folder.resolve()):
                msg = f"cwd={cwd!r} leads out of the sandbox; name a folder in it, or an absolute path."
                raise KitaruUsageError(msg)
            inside.mkdir(parents=True, exist_ok=True)
            return inside
        if not wanted.is_dir():
            msg = f"cwd={cwd!r} is no folder on this machine."
            raise KitaruUsageError(msg)
        return wanted

    def run(
        self, words: Sequence[str], folder: Path, env: Mapping[str, str], *, limit: int, timeout: float | None
    ) -> Ended:
        """Run a command to its end, and end what it has left running.

        Raises:
            KitaruBackendError: It could not be started.
        """
        environment = {
            "PATH": os.environ.get("PATH", _PATH),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            **env,
        }
        try:
            process = subprocess.Popen(  # noqa: S603 - running what the caller says is what it is for, and no shell reads it
                list(words),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            msg = f"The sandbox could not start the command: {reason}. Check that the program exists and may be run."
            raise KitaruBackendError(msg) from None
        return self._attend(process, limit, timeout)

    def _attend(self, process: subprocess.Popen[bytes], limit: int, timeout: float | None) -> Ended:
        streams = [Kept(stream, limit) for stream in (process.stdout, process.stderr) if stream is not None]
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            # The whole group: a child that goes on would keep the streams open, and act after its time.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            for stream in streams:
                stream.join(_LEFT_OVER)
        return Ended(-1 if timed_out else code, streams[0], streams[1], timed_out)

    def end(self) -> str | None:
        """Remove the folder unless it is to stay.

        Returns:
            Why that did not work, or `None`.
        """
        if self._keep:
            return None
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            return f"{type(error).__name__}: {error.strerror or error}"
        return None
