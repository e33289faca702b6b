"""A flow that changes between two deployments."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import sys

import pytest

from kitaru import KitaruClient

FIRST = """
import os
from dataclasses import dataclass
from pathlib import Path

import kitaru


def note(word):
    with Path(os.environ["RAN"]).open("a") as file:
        file.write(word + "\\n")


@dataclass
class Bill:
    amount: int


@kitaru.checkpoint
def price(item):
    note("price")
    return Bill(3)


@kitaru.checkpoint
def charge(bill):
    note("charge")
    return f"charged {bill.amount}"


@kitaru.checkpoint
def ship(item):
    note("ship")
    if not Path(os.environ["OPEN"]).exists():
        raise ConnectionError("closed")
    return f"shipped {item}"


@kitaru.flow
def order(item):
    bill = price(item)
    receipt = charge(bill)
    sure = kitaru.wait(name="sure", question="Ship it?", timeout=0)
    return ship(item) if sure else receipt
"""


class Till:
    """The flow's module, as often as it is written anew."""

    def __init__(self, folder):
        self.file = folder / "till.py"
        self.ran = folder / "ran"
        self.client = KitaruClient()
        self.write(FIRST)

    def write(self, text):
        """Deploy other code; it replaces the module, as a new process would have it."""
        self.text = text
        self.file.write_text(text)
        spec = importlib.util.spec_from_file_location(self.file.stem, self.file)
        self.module = sys.modules[self.file.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def move(self, name):
        """Deploy the same code as another module; the old file is left empty."""
        self.file.write_text("")
        self.file = self.file.with_name(f"{name}.py")
        self.write(self.text)

    def change(self, *pairs):
        """Deploy code in which texts are replaced."""
        text = self.text
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.write(text)

    def start(self, item="tea"):
        """Run the flow until it rests."""
        return self.client.executions.wait(self.module.order.run(item).exec_id, timeout=30).exec_id

    def fail(self, item="tea"):
        """Run the flow until it fails, because the shop is closed."""
        execution = self.start(item)
        self.client.executions.input(execution, wait="sure", value=True)
        self.client.executions.resume(execution, block=True)
        return execution

    def check(self, **chosen):
        return self.client.executions.check(self.module.order, **chosen)

    def only(self):
        """Return what was found of the only execution."""
        (found,) = self.check().executions
        return found

    def bodies(self):
        return self.ran.read_text().split() if self.ran.exists() else []


@pytest.fixture
def till(tmp_path, monkeypatch):
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setenv("OPEN", str(tmp_path / "open"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions may be written within one second
    yield Till(tmp_path)
    for name in ("till", "counter"):
        sys.modules.pop(name, None)


@pytest.fixture
def dump(store):
    """Return everything that stands in the store."""

    def read():
        with contextlib.closing(sqlite3.connect(store)) as database:
            return list(database.iterdump())

    return read
