"""What a person sees at 80 and at 140 columns, line by line; the pictures stand in `pictures/`."""

from __future__ import annotations

import re
from pathlib import Path

import pexpect
import pytest
from rich.text import Text

PICTURES = Path(__file__).with_name("pictures")
CHANGING = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-4000-8000-000000000000"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "2026-01-01T12:00:00"),
    (r"\d+[sm] ago", "now"),
    (r" *(<1 ms|\d+ ms|\d+\.\d s)\b", "  TOOK"),
)


def settled(shown):
    """Return a picture without colours, ids, times and the blanks they bring."""
    text = Text.from_ansi(shown.replace("\r\n", "\n")).plain
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return "\n".join(re.sub(r"(now|TOOK) +", r"\1 ", line).rstrip() for line in text.splitlines()).strip() + "\n"


@pytest.mark.parametrize("width", [80, 140])
def test_the_views_of_executions_look_as_they_should(terminal, started, width):
    started("quick", "milk")
    failed, waiting = started("purchase", "tea"), started("order", "tea")
    commands = [
        "executions list",
        f"executions get {failed}",
        f"executions get {waiting}",
        "waits",
        "artifacts list {}",
    ]
    seen = []
    for command in commands:
        child = terminal(*command.format(waiting).split(), width=width)
        child.expect(pexpect.EOF)
        seen.append(settled(child.before))
    assert "\n".join(seen) == (PICTURES / f"executions_{width}.txt").read_text(encoding="utf-8")
