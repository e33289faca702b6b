"""`kitaru executions check` as a gate: its document, its exit codes, what a person reads."""

from __future__ import annotations

import json

import pexpect
import pytest
from rich.text import Text

CODE = """
import kitaru
print("read")

@kitaru.checkpoint
def look():
    print("body")
    return 1

@kitaru.flow
def visit():
    print("flow")
    import os; os.system("echo child")
    return look() if kitaru.wait(name="come", timeout=0) else 0
"""


@pytest.fixture
def gate(tmp_path, monkeypatch, piped):
    """Check `visits.py`, after it was written anew."""
    monkeypatch.chdir(tmp_path)

    def check(*options, code=CODE, target="visits:visit"):
        (tmp_path / "visits.py").write_text(code)
        return piped("executions", "check", target, *options, PYTHONDONTWRITEBYTECODE="1")

    return check


@pytest.fixture
def waiting(tmp_path, script):
    """An execution of `visits.py` that waits."""
    (tmp_path / "visits.py").write_text(CODE)
    return script("import visits; visits.visit.run()")


def test_the_document_is_all_of_standard_output(gate, waiting):
    shown = gate("-o", "json")
    assert shown.item["counts"] == {"checked": 1, "resumes": 1, "reruns": 0, "diverges": 0, "fails": 0}
    assert set(shown.item) == {"target", "flow", "passed", "allowed", "counts", "elsewhere", "executions"}
    (one,) = shown.item["executions"]
    assert set(one) == {"exec_id", "status", "verdict", "passed", "reason", "at", "message", "missed", "drifted"}
    assert (one["verdict"], one["at"], one["passed"]) == ("resumes", "come", True)
    assert shown.err.split() == ["read", "flow", "child"], "what the code prints goes to standard error"


def test_a_change_that_does_harm_closes_the_gate_unless_it_is_allowed(gate, waiting):
    harmful = CODE.replace("return look()", "look()\n    return look()").replace('name="come"', 'name="go"')
    for options, code in (((), 1), (("--allow", "reruns"), 0), (("--allow", "diverges"), 1)):
        shown = gate(*options, "-o", "json", code=harmful)
        assert (shown.code, json.loads(shown.out)["item"]["passed"]) == (code, code == 0)


def test_nothing_to_check_passes(gate):
    shown = gate("--status", "failed")
    assert (shown.code, "none waits, has failed or is running" in shown.out) == (0, True)


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [
        ("nowhere:visit", CODE, "cannot be loaded"),
        ("visits:visit", "def (", "raises SyntaxError"),
        ("visits:visit", "import no_such_thing", "no_such_thing"),
        ("visits:visit", "raise ZeroDivisionError('oops')", "ZeroDivisionError: oops"),
        ("visits:look", CODE, "is no flow"),
        ("visits", CODE, "must be MODULE:FLOW"),
    ],
)
def test_code_that_cannot_be_read_closes_the_gate(gate, target, code, told):
    shown = gate("-o", "json", target=target, code=code)
    assert (shown.code, shown.out) == (1, "")
    assert told in json.loads(shown.err.splitlines()[-1])["error"]["message"]


def test_a_script_is_the_same_flow_when_it_is_imported(gate, tmp_path, script):
    (tmp_path / "visits.py").write_text(CODE + "\nif __name__ == '__main__':\n    visit.run()\n")
    script(tmp_path / "visits.py")
    assert gate("-o", "json", target="visits.py:visit").item["counts"]["resumes"] == 1


@pytest.mark.parametrize("width", [80, 140])
def test_a_person_reads_one_paragraph_for_each(gate, terminal, waiting, width):
    gate(code=CODE.replace('name="come"', 'name="go"'))
    child = terminal("executions", "check", "visits:visit", width=width)
    child.expect(pexpect.EOF)
    shown = Text.from_ansi(child.before.replace("\r\n", "\n")).plain
    assert max(map(len, shown.splitlines())) <= width
    assert f"  {waiting}  waiting  reruns\n    asks 'go', which is not recorded" in shown
    assert shown.rstrip().endswith("Not passed: 1 reruns")
