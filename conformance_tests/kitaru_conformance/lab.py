"""Where the cases of the adapter contract run scripts: always in other processes, always looked at from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kitaru import Execution, KitaruClient
from kitaru_conformance.beginnings import Beginnings
from kitaru_conformance.child import Action, Result
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.ledger import PATIENCE, PAUSE, Ledger
from kitaru_conformance.loading import reference
from kitaru_conformance.run import Run
from kitaru_conformance.script import Script
from kitaru_conformance.world import DIE_AT, FOLDER, SECRET

__all__ = ["KILLED", "Lab", "Processes", "Run"]

KILLED = -signal.SIGKILL

T = TypeVar("T")


class Processes:
    """The program that forks a process for every action.

    Args:
        harness: The class of the harness.

    Attributes:
        beginnings: The runs that cases began with.
    """

    def __init__(self, harness: type[AdapterHarness]) -> None:
        self._folder = tempfile.mkdtemp(prefix="kitaru-")
        self._path = str(Path(self._folder) / "s")
        self.beginnings = Beginnings(Path(self._folder) / "beginnings")
        self._errors = (Path(self._folder) / "errors").open("w+b")
        command = [sys.executable, "-m", "kitaru_conformance.child", reference(harness), self._path]
        # What whoever runs the tests has set for kitaru, such as strict replays, must not decide what is found.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KITARU_")}
        self._program = subprocess.Popen(  # noqa: S603 - this interpreter, with our own module
            command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors, env=environment
        )

    def carry_out(self, action: Action) -> Result:
        """Have a new process carry an action out, and wait for it.

        Args:
            action: What to do.

        Returns:
            What came of it.
        """
        with self._connect() as connection:
            connection.sendall(msgspec.json.encode(action) + b"\n")
            try:
                received = b"".join(iter(lambda: connection.recv(65536), b""))
            except BaseException:  # the time limit of the case
                sys.stderr.write(f"The process did not end; what it last said:\n{self._said()}\n")
                raise
        *answer, code = received.splitlines() or [b""]
        if not code:
            msg = f"The program that starts the suite's processes has ended:\n{self._said()}"
            raise RuntimeError(msg)
        result = msgspec.json.decode(answer[0], type=Result) if answer else Result()
        return msgspec.structs.replace(result, code=int(code))

    def close(self) -> None:
        """End the program."""
        self._program.terminate()
        self._program.wait()
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _connect(self) -> socket.socket:
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self._path)
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                if self._program.poll() is not None:
                    msg = f"The harness cannot be loaded:\n{self._said()}"
                    raise RuntimeError(msg) from None
                time.sleep(0.01)
            else:
                return connection

    def _said(self) -> str:
        return (Path(self._folder) / "errors").read_text(errors="replace")[-4000:]


class Lab:
    """Runs scripts in a store of its own.

    Args:
        processes: Where they run.
        harness: The harness.
        folder: For the store and the ledgers.

    Attributes:
        harness: The harness.
        store: The journal's file.
    """

    def __init__(self, processes: Processes, harness: AdapterHarness, folder: Path) -> None:
        self.harness = harness
        self.store = folder / "kitaru.db"
        self._processes = processes
        self._folder = folder
        self._reference = reference(type(harness))
        self._ledgers = 0

    @property
    def client(self) -> KitaruClient:
        """The door to the store."""
        return KitaruClient(store=str(self.store))

    @property
    def strategy(self) -> str:
        """The strategy that cases use which do not care: the granular one if there is one."""
        return self.harness.granular or self.harness.whole or ""

    def ledger(self) -> Ledger:
        """Return an empty ledger."""
        self._ledgers += 1
        return Ledger(self._folder / f"ledger-{self._ledgers}")

    def run(
        self,
        script: Script,
        *,
        form: str = "sync",
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        ledger: Ledger | None = None,
        **inputs: object,
    ) -> Run:
        """Run a script as a flow, in a new process, until it has ended or waits.

        Cases that begin with the same run share it: it is made once, and each of them goes on with a copy of its files.

        Args:
            script: The script.
            form: `sync`, `async`, `stream` or the name of an entry point.
            settings: How the adapter is set up.
            environment: Environment variables, such as a place to crash at.
            ledger: Where to note what happens; an empty one if left out.
            **inputs: Further inputs of the flow.

        Returns:
            The execution.
        """
        is_first = ledger is None and not self._ledgers and not self.store.exists()
        ledger = ledger or self.ledger()
        known = set() if is_first else {one.exec_id for one in self.client.executions.list()}
        action = self.action(verb="start", arguments=self._arguments(script, ledger, form, settings) | inputs)
        if is_first:
            key = msgspec.json.encode((action, environment or {}))
            result = self._processes.beginnings.made(key, self._folder, lambda: self.act(action, environment))
        else:
            result = self.act(action, environment)
        made = [one.exec_id for one in self.client.executions.list() if one.exec_id not in known]
        if result.error is not None or not made:
            msg = f"The flow could not be started: {result}"
            raise RuntimeError(msg)
        return Run(self, result.exec_id or made[0], ledger, result)

    def here(
        self,
        script: Script,
        ledger: Ledger,
        *,
        form: str = "sync",
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a script outside of any flow, in a new process.

        Args:
            script: The script.
            ledger: Where to note what happens.
            form: As for `run`, or `plain` for the framework alone.
            settings: As for `run`.
            environment: As for `run`.

        Returns:
            What came of it.
        """
        return self.act(
            self.action(verb="here", arguments=self._arguments(script, ledger, form, settings)), environment
        )

    def plain(self, script: Script) -> Result:
        """Run a script with the framework alone, the first time it is asked for; that gives the same every time.

        Args:
            script: The script.
        """
        key = f"{self._reference}\n{script.encode()}".encode()
        ledger = Ledger(self._folder / "ledger-plain")
        return self._processes.beginnings.told(key, lambda: self.here(script, ledger, form="plain"))

    def action(self, **facts: Any) -> Action:  # noqa: ANN401 - fields of `Action`
        """Return an action of this lab's harness.

        Args:
            **facts: Fields of `Action`.
        """
        return Action(harness=self._reference, **facts)

    def act(self, action: Action, environment: Mapping[str, str] | None = None) -> Result:
        """Have a new process do something with this store.

        Args:
            action: What to do.
            environment: Environment variables.

        Returns:
            What came of it.
        """
        own = {
            "KITARU_STORE": str(self.store),
            "KITARU_CONFIG_PATH": str(self._folder),
            "KITARU_WAIT_TIMEOUT": "0",
            "KITARU_DISABLE_INTERACTIVE_INPUT": "1",
            "KITARU_CRASH_AT": "",
            FOLDER: str(self._folder),
            DIE_AT: "",
            SECRET: "",
        }
        return self._processes.carry_out(msgspec.structs.replace(action, environment={**own, **(environment or {})}))

    @contextlib.contextmanager
    def beside(self, work: Callable[[], T]) -> Iterator[Future[T]]:
        """Do something in another thread while the block goes on.

        Args:
            work: What to do.

        Yields:
            The future of its result.
        """
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(work)

    @property
    def newest(self) -> Execution:
        """The execution that was started last."""
        return self.client.executions.latest()

    def until(self, happened: Callable[[], object]) -> None:
        """Return once something is so.

        Args:
            happened: Tells whether it is.

        Raises:
            TimeoutError: It never was.
        """
        end = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > end:
                msg = f"What the case waits for did not happen in {PATIENCE:g} s."
                raise TimeoutError(msg)
            time.sleep(PAUSE)

    def together(self, *scripts: Script, settings: Settings) -> list[Run]:
        """Run scripts as executions of one process at the same time; they share a ledger.

        Args:
            *scripts: The scripts.
            settings: How the adapter is set up.

        Returns:
            The executions, in the order of the scripts.
        """
        ledger = self.ledger()
        beside = [self._arguments(script, ledger, "sync", settings) for script in scripts]
        result = self.act(self.action(verb="start", arguments=beside[0], beside=tuple(beside[1:])))
        made = [result.exec_id, *result.beside]
        return [Run(self, exec_id, ledger, result) for exec_id in made]

    def size(self) -> int:
        """Return how many bytes the store's contents take, without free pages and logs."""
        copy = self._folder / "copy.db"
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
        size = copy.stat().st_size
        copy.unlink()
        return size

    def contents(self) -> bytes:
        """Return every byte that is kept, of the store and of whatever lies beside it.

        What the store keeps deflated is there as well as it was before, from an export of each execution.
        """
        kept = (one for one in self._folder.rglob("*") if one.is_file() and not one.name.startswith("ledger"))
        return b"".join([*(one.read_bytes() for one in kept), *self._exported()])

    def _exported(self) -> Iterator[bytes]:
        for execution in self.client.executions.list():
            path = self.client.executions.export(execution.exec_id, self._folder / "export.zip")
            with zipfile.ZipFile(path) as archive:
                yield from (archive.read(name) for name in archive.namelist())
            path.unlink()

    def _arguments(self, script: Script, ledger: Ledger, form: str, settings: Settings | None) -> dict[str, object]:
        chosen = settings or Settings(strategy=self.strategy)
        return {
            "script": script.encode(),
            "ledger": ledger.path.name,  # it stands in the journal, which may be a copy in another folder
            "form": form,
            "settings": msgspec.to_builtins(chosen),
        }
