"""A peer as the runner sees it: a child process that takes orders and answers with costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from durable_bench.environments import interpreter

if TYPE_CHECKING:
    from durable_bench.environments import PeerCard

__all__ = ["Costs", "PeerFailedError", "PeerProcess"]

Costs = dict[str, float | None]


class PeerFailedError(Exception):
    """A peer could not be started or did not do what it was asked."""


class PeerProcess:
    """Starts a peer in a fresh folder and talks to it.

    Args:
        card: Which peer.
        base: Folder in which it gets a folder of its own; decides which disk is measured.
        counter: The library that counts syncs, if there is one.
        environment: Variables to set for it.

    Attributes:
        version: What the peer says it is.
    """

    def __init__(
        self, card: PeerCard, base: Path, counter: Path | None, environment: dict[str, str] | None = None
    ) -> None:
        self.card = card
        self.folder = Path(tempfile.mkdtemp(prefix=f"{card.name}-", dir=base))
        env = {**os.environ, **(environment or {})}
        if card.requirements:
            env.pop("PYTHONPATH", None)  # else it would import what belongs to this interpreter
        if counter is not None:
            page = self.folder / "syncs"
            page.write_bytes(bytes(4096))
            env |= {"LD_PRELOAD": str(counter), "BENCH_SYNC_COUNTER": str(page)}
        worker = Path(__file__).with_name("worker.py")
        store = self.folder / "store"
        store.mkdir()
        self._log = (self.folder / "log").open("w+")
        self._process = subprocess.Popen(
            [str(interpreter(card)), str(worker), card.module, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=env,
            cwd=self.folder,
            text=True,
        )
        self.version = str(self._answer()["version"])

    def _answer(self) -> dict[str, float | None]:
        stdout = self._process.stdout
        line = stdout.readline() if stdout is not None else ""
        if not line:
            self._log.seek(0)
            tail = "".join(self._log.readlines()[-12:])
            msg = f"{self.card.name} ended without an answer:\n{tail}"
            raise PeerFailedError(msg)
        answer = json.loads(line)
        if "error" in answer:
            msg = f"{self.card.name} failed:\n{answer['error']}"
            raise PeerFailedError(msg)
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    def ask(self, work: str, **arguments: object) -> Costs:
        """Have the peer do one piece of work.

        Args:
            work: Name of the peer's method.
            **arguments: Its arguments.

        Returns:
            The costs, empty if the peer has no such method.

        Raises:
            PeerFailedError: The peer raised, or died.
        """
        stdin = self._process.stdin
        if stdin is None:
            return {}
        stdin.write(json.dumps({"work": work, "arguments": arguments}) + "\n")
        stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the peer and remove its folder."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
