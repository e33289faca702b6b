"""Importing kitaru: how long it takes, and that nothing else happens."""

from __future__ import annotations

import json
import subprocess
import sys

WATCHED = """
import json, logging, os, signal, sys, threading
seen, environment, handlers = [], dict(os.environ), list(logging.getLogger().handlers)
signals = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

def watch(event, arguments):
    wrote = event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1])
    if wrote or event.startswith(("socket.", "subprocess.", "os.mkdir", "sqlite3.", "os.putenv")):
        seen.append([event, repr(arguments)])

sys.addaudithook(watch)
sys.dont_write_bytecode = True
import kitaru
for name in kitaru.__all__:
    getattr(kitaru, name)
changed = {
    "environment": dict(os.environ) != environment,
    "logging": logging.getLogger().handlers != handlers or logging.getLogger("kitaru").level != logging.NOTSET,
    "signals": any(signal.getsignal(one) != before for one, before in signals.items()),
    "threads": threading.active_count() != 1,
}
print(json.dumps([seen, [name for name, different in changed.items() if different]]))
"""
TIMED = "import time; began = time.process_time(); import kitaru; print(time.process_time() - began)"


def program(text):
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_every_public_name_leaves_no_trace():
    events, changes = program(WATCHED)
    assert (events, changes) == ([], [])


def test_importing_takes_little_time():
    # The time of the processor, and the best of some: what else the machine does must not count.
    assert min(program(TIMED) for _ in range(3)) < 0.15
