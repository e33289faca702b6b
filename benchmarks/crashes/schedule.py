"""One schedule: a random program, driven through random deaths until it is done, then judged."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crashes import lives
from crashes.judge import Account, judge
from crashes.leash import die_with_parent
from crashes.ledger import Ledger
from crashes.programs import Program, anchor_of, draw
from kitaru import crash_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashes.disk import CutDisk

__all__ = ["run_schedule"]

MOST_LIVES = 30


@dataclass(frozen=True)
class Death:
    """How a life ends, if it does not end by itself.

    Attributes:
        point: Named crash point at which the process kills itself, or `None`.
        passage: Which passage of that point.
        after: Seconds after which the parent kills it, or `None`.
    """

    point: str | None = None
    passage: int = 1
    after: float | None = None


def _draw_death(source: random.Random) -> Death:
    if source.random() < 0.6:
        return Death(point=source.choice(sorted(crash_points.POINTS)), passage=source.choice((1, 1, 2, 3, 5)))
    return Death(after=source.random() ** 2 * 0.08)


class Child:
    """A forked process that lives one life.

    Args:
        life: What it does.
        death: How it dies, if it does.
        log: Where it writes a traceback if it fails by itself.
    """

    def __init__(self, life: Callable[[], None], death: Death, log: Path) -> None:
        self.death = death
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            die_with_parent(parent)
            self._live(life, log)
        self._handle = os.pidfd_open(self.pid)

    def _live(self, life: Callable[[], None], log: Path) -> None:
        code = 1
        try:
            if self.death.point is not None:
                crash_points.arm(self.death.point, self.death.passage)
            life()
            code = 0
        except BaseException:  # noqa: BLE001 - the parent judges; the child must not run the parent's code
            log.write_text(traceback.format_exc())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def ended_within(self, seconds: float | None) -> bool:
        """Return whether it ends by itself within this time."""
        return bool(select.select([self._handle], [], [], seconds)[0])

    def kill(self) -> None:
        """Send it SIGKILL."""
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in its tracks and return when it stands still."""
        signal.pidfd_send_signal(self._handle, signal.SIGSTOP)
        os.waitid(os.P_PIDFD, self._handle, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def reap(self) -> str:
        """Collect it.

        Returns:
            `killed`, `failed` or `done`.
        """
        found = os.waitid(os.P_PIDFD, self._handle, os.WEXITED)
        os.close(self._handle)
        if found is not None and found.si_code == os.CLD_KILLED:
            return "killed"
        return "done" if found is not None and found.si_status == 0 else "failed"


class Schedule:
    """Everything about one schedule.

    Args:
        seed: What it is drawn from.
        base: Folder for its files.
        disk: A disk to cut, if power cuts are asked for.
    """

    def __init__(self, seed: str, base: Path, disk: CutDisk | None) -> None:
        self._source = random.Random(seed)  # noqa: S311 - reproducible schedules, no secrets
        self._folder = Path(tempfile.mkdtemp(prefix="schedule-", dir=base))
        self._disk = disk
        self._name = self._folder.name
        store = self._folder if disk is None else disk.mounted / self._name
        store.mkdir(exist_ok=True)
        program: Program = draw(self._source, live=disk is None)
        self._plan = lives.Plan(
            folder=self._folder,
            store=store,
            program=program,
            awaited=self._source.random() < 0.3,
            inline=self._source.random() < 0.5,
        )
        self._ledger = Ledger(self._folder / "ledger")
        self._deaths = self._source.randint(1, 4)
        self._live = any(kind == "live" for kind, _, _ in program)
        self.account = Account()

    def run(self) -> Account:
        """Drive the program to its end and judge what happened.

        Returns:
            The account.
        """
        self._until_done("started", self._begin)
        wanted = self._draw_replay()
        started = self._ledger.last("started")
        if wanted is None or started is None or self._open("started"):
            wanted = None
        else:
            self._deaths = self._source.randint(0, 2)
            self._until_done("replayed", partial(self._replay, started["execution"], wanted))
        self.account.counts["schedules"] += 1
        self.account.merge(judge(self._ledger.read(), self._plan.program, wanted))
        return self.account

    def _begin(self) -> None:
        lives.begin(self._plan)  # looked up when the life begins: the store moves when power is cut

    def _replay(self, source: str, wanted: lives.Replay) -> None:
        lives.replay(self._plan, source, wanted)

    def keep(self, folder: Path) -> None:
        """Copy its ledger and its store, to look at a fault."""
        shutil.copytree(self._folder, folder, dirs_exist_ok=True)
        shutil.copytree(self._plan.store, folder, dirs_exist_ok=True)

    def close(self) -> None:
        """Remove its files."""
        self._ledger.close()
        shutil.rmtree(self._plan.store, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _draw_replay(self) -> lives.Replay | None:
        program, awaited = self._plan.program, self._plan.awaited
        single = [number for kind, number, _ in program if kind in {"step", "retrying"}]
        if self._source.random() < 0.5:
            return None
        anchor = self._source.choice(single)
        selector = anchor_of(program, anchor, awaited=awaited)
        if self._source.random() < 0.5:
            return lives.Replay(anchor, selector)
        number = self._source.choice(single)
        value = {"number": number, "child": -1}
        overrides = {f"checkpoint.{anchor_of(program, number, awaited=awaited)}": value}
        return lives.Replay(anchor, selector, (number, value), overrides)

    def _open(self, event: str) -> str | None:
        """Return the execution that an event names, unless it has completed."""
        named = self._ledger.last(event)
        if named is None:
            return None
        done = any(
            entry["event"] == "state" and entry["execution"] == named["execution"] and entry["status"] == "completed"
            for entry in self._ledger.read()
        )
        return None if done else str(named["execution"])

    def _until_done(self, event: str, first: Callable[[], None]) -> None:
        for _ in range(MOST_LIVES):
            execution = self._open(event)
            if execution is None and self._ledger.last(event) is not None:
                return
            if execution is None:
                self._life(first)
            else:
                rivals = self._disk is None and self._source.random() < 0.15
                self._life(partial(lives.proceed, self._plan, execution), rivals=rivals)

    def _life(self, life: Callable[[], None], *, rivals: bool = False) -> None:
        """Live one life, with an answering process beside it and now and then a rival."""
        death = _draw_death(self._source) if self._deaths > 0 else Death()
        if self._disk is not None and self._deaths > 0:
            death = Death(after=self._source.random() ** 2 * 0.08)
        helper = None
        if self._live:
            helper = self._fork(partial(lives.answer_live_waits, self._plan), Death())
        child = self._fork(life, death)
        rival = self._fork(life, Death()) if rivals else None
        self._end(child)
        if rival is not None:
            self.account.counts["rivals"] += 1
            self._end(rival)
        if helper is not None:
            helper.kill()
            helper.reap()

    def _fork(self, life: Callable[[], None], death: Death) -> Child:
        self.account.counts["lives"] += 1
        return Child(life, death, self._folder / "traceback")

    def _end(self, child: Child) -> None:
        """Let a child end, or kill it when its time has come, and count how it went."""
        limit = child.death.after if child.death.after is not None else lives.PATIENCE + 5
        if not child.ended_within(limit):
            if child.death.after is not None and self._disk is not None:
                self._cut_power(child, self._disk)
            else:
                child.kill()
        how = child.reap()
        self.account.counts[how] += 1
        if how == "killed":
            self._deaths -= 1
            self.account.counts[f"at {child.death.point or 'an instant'}"] += 1
            if child.death.after is None and child.death.point is None:
                self.account.fault("stuck", "a life did not end")
        elif how == "failed":
            self.account.fault("wrong", f"a life failed:\n{(self._folder / 'traceback').read_text()}")

    def _cut_power(self, child: Child, disk: CutDisk) -> None:
        child.stop()
        disk.cut()
        child.kill()
        self.account.counts["power cuts"] += 1
        self._plan = replace(self._plan, store=disk.mounted / self._name)
        self._plan.store.mkdir(exist_ok=True)


def run_schedule(seed: str, base: Path, disk: CutDisk | None = None, keep: Path | None = None) -> Account:
    """Run and judge one schedule.

    Args:
        seed: What it is drawn from; the same seed draws the same program and the same deaths.
        base: Folder for its files.
        disk: A disk to cut; no disk means that processes are killed and the machine lives.
        keep: Where to copy ledger and store if there is a fault.

    Returns:
        The account.
    """
    schedule = Schedule(seed, base, disk)
    try:
        account = schedule.run()
        if account.faults and keep is not None:
            schedule.keep(keep / seed.replace(":", "-"))
        return account
    finally:
        schedule.close()
        if disk is not None:
            disk.settle()
