"""Processes of their own that continue executions: what is said when one cannot even begin."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kitaru import KitaruRuntimeError
from kitaru.operating.worker import start_worker


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("size", [0, 1 << 20], ids=["a short order", "an order longer than a pipe"])
def test_a_worker_that_dies_at_once_is_told_by_its_code(monkeypatch, size):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    before = open_files()
    with pytest.raises(KitaruRuntimeError, match="ended with code 1"):
        start_worker("replay", "x", {"inputs": {"text": "x" * size}})
    assert open_files() == before


def test_a_worker_that_cannot_be_started_leaves_no_file_open(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = open_files()
    with pytest.raises(FileNotFoundError):
        start_worker("retry", "x")
    assert open_files() == before
