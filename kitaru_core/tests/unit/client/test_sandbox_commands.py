"""Commands in the sandbox of this machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from kitaru import KitaruBackendError, KitaruStateError, KitaruUsageError, run_sandbox_command
from kitaru.errors import KitaruFeatureNotAvailableError
from kitaru.sandbox import commands
from kitaru.settings.stack_names import DEFAULT_STACK, StackEntry

PYTHON = sys.executable


def test_a_command_gives_its_streams_and_its_exit_code():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    found = run_sandbox_command([PYTHON, "-c", code])
    assert (found.stdout, found.stderr, found.exit_code, found.timed_out) == ("out\n", "err\n", 3, False)
    assert (found.stack_name, found.sandbox_name, found.cleanup_succeeded) == ("default", "local", True)


def test_a_text_is_split_and_never_given_to_a_shell():
    found = run_sandbox_command("echo 'two words' ; echo $HOME > file | cat")
    assert found.stdout == "two words ; echo $HOME > file | cat\n"


def test_the_folder_is_fresh_private_and_removed():
    found = run_sandbox_command(
        [PYTHON, "-c", "import os; print(os.getcwd(), oct(os.stat('.').st_mode & 0o777), os.listdir())"]
    )
    folder, mode, content = found.stdout.split()
    assert (folder, mode, content) == (found.cwd, "0o700", "[]")
    assert not Path(folder).exists()


def test_a_closed_session_leaves_its_folder():
    found = run_sandbox_command("touch here", cwd="work", cleanup="close")
    assert Path(found.cwd, "here").is_file()
    assert Path(found.cwd).name == "work"


def test_the_environment_of_the_process_stays_outside_and_what_is_given_is_not_told(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-outside")
    found = run_sandbox_command(
        [PYTHON, "-c", "import os; print(len(os.environ['GIVEN']), 'OPENAI_API_KEY' in os.environ)"],
        env={"GIVEN": "value-canary"},
    )
    assert found.stdout == "12 False\n"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(("limit", "kept", "cut"), [(3, "äää", True), (10, "ä" * 10, False), (0, "", True)])
def test_no_more_characters_are_kept_than_allowed(limit, kept, cut):
    found = run_sandbox_command([PYTHON, "-X", "utf8", "-c", "print('ä' * 10, end='')"], max_chars=limit)
    assert (found.stdout, found.stdout_truncated, found.stderr_truncated) == (kept, cut, False)


def test_much_more_than_is_kept_does_not_stop_the_command():
    found = run_sandbox_command([PYTHON, "-c", "print('x' * 5_000_000)"], max_chars=10)
    assert (found.exit_code, len(found.stdout)) == (0, 10)


def test_a_timeout_ends_the_whole_group(tmp_path):
    note = tmp_path / "pid"
    inner = "import time; time.sleep(60)"
    code = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {inner!r}]);"
        f"open({str(note)!r}, 'w').write(str(p.pid)); print('x', flush=True); p.wait()"
    )
    begun = time.monotonic()
    found = run_sandbox_command([PYTHON, "-c", code], timeout_seconds=1.5)
    assert time.monotonic() - begun < 10
    assert (found.timed_out, found.exit_code, found.stdout) == (True, -1, "")
    assert not is_running(int(note.read_text()))


def is_running(pid):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.01)
    return True


def test_what_a_command_leaves_running_is_ended():
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('done')"
    )
    begun = time.monotonic()
    assert run_sandbox_command([PYTHON, "-c", code]).stdout == "done\n"
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("command", ["no-such-program --token sk-canary", "/"])
def test_what_cannot_be_started_is_a_fault_that_tells_no_secret(command):
    with pytest.raises(KitaruBackendError) as caught:
        run_sandbox_command(command)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": " "},
        {"command": []},
        {"command": ["a", ""]},
        {"command": [1]},
        {"command": b"ls"},
        {"command": "open 'quote"},
        {"max_chars": -1},
        {"max_chars": True},
        {"timeout_seconds": 0},
        {"timeout_seconds": float("inf")},
        {"cleanup": "keep"},
        {"env": {"A": 1}},
        {"env": {"A=B": "c"}},
        {"cwd": "../out"},
        {"cwd": "/no/such/folder"},
        {"cwd": ""},
    ],
)
def test_what_cannot_be_asked_is_refused(wrong):
    with pytest.raises(KitaruUsageError):
        run_sandbox_command(**{"command": "true", **wrong})


@pytest.mark.parametrize(
    ("components", "error"),
    [({}, KitaruStateError), ({"sandbox": {"kind": "remote"}}, KitaruFeatureNotAvailableError)],
)
def test_a_stack_without_a_local_sandbox_is_refused(monkeypatch, components, error):
    bare = StackEntry(id=DEFAULT_STACK.id, name="bare", components=components)
    monkeypatch.setattr(commands, "find_stack", lambda *_: bare)
    with pytest.raises(error, match="bare"):
        run_sandbox_command("true")


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_sandbox_command("true")
    with pytest.raises(KitaruBackendError):
        run_sandbox_command("no-such-program")
    assert list(tmp_path.iterdir()) == []
