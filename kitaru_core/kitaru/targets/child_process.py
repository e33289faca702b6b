"""A fresh child process for each body, so that its crash does not take the runner along."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from kitaru.errors import KitaruWorkerDiedError
from kitaru.targets.api import WORKER

if TYPE_CHECKING:
    from kitaru.targets.api import Task

__all__ = ["ChildProcessTarget"]

_GRACE: Final = 2.0
_LOOK: Final = 0.05


class ChildProcessTarget:
    """Starts this interpreter anew for every task, and ends it when the task is cancelled or takes too long."""

    def run(self, task: Task) -> bytes:
        """Carry a task out in a child process.

        Args:
            task: The task.

        Returns:
            The reply.

        Raises:
            KitaruWorkerDiedError: The child died before it could reply.
            TimeoutError: It took longer than it may, and was ended.
        """
        with tempfile.TemporaryDirectory(prefix="kitaru-") as folder:
            order, reply = Path(folder, "order"), Path(folder, "reply")
            order.write_bytes(task.order)
            environment = {**os.environ, **task.environment}
            environment.pop("KITARU_CRASH_AT", None)
            command = [sys.executable, *WORKER, str(order), str(reply)]
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603 - our own interpreter and module
            _attend(task, child)
            if not reply.exists():
                _died(task, child.returncode)
            return reply.read_bytes()


def _attend(task: Task, child: subprocess.Popen[bytes]) -> None:
    end = None if task.timeout is None else time.monotonic() + task.timeout
    try:
        while True:
            try:
                child.wait(_LOOK)
            except subprocess.TimeoutExpired:
                task.check()
                if end is not None and time.monotonic() > end:
                    msg = (
                        f"Checkpoint {task.invocation_id!r} took longer than its timeout of {task.timeout:g} s and "
                        "was ended."
                    )
                    raise TimeoutError(msg) from None
            else:
                return
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _died(task: Task, code: int | None) -> NoReturn:
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
    msg = (
        f"The child process of checkpoint {task.invocation_id!r} {how} before it could reply. The runner is unharmed; "
        "retry the execution, or give the checkpoint retries."
    )
    raise KitaruWorkerDiedError(msg, exit_code=code)
