from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # many processes, on a machine that may be busy
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _campaign(tmp_path: Path, *words: str) -> dict[str, dict[str, int]]:
    account = tmp_path / "account.json"
    command = [sys.executable, str(BENCHMARKS / "crash_campaign.py"), "--report", str(account), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(account.read_text())


def test_two_hundred_random_schedules_lose_nothing_and_repeat_nothing(tmp_path):
    counts = _campaign(tmp_path, "--schedules", "200")["counts"]
    assert counts["schedules"] == 200
    assert counts["killed"] > 200
    assert (counts["lost"], counts["doubled"], counts["overlapped"], counts["wrong"], counts["stuck"]) == (0,) * 5


def test_a_disk_that_loses_power_keeps_what_was_acknowledged(tmp_path):
    counts = _campaign(tmp_path, "--schedules", "0", "--cuts", "8")["counts"]
    if "power cuts" not in counts:
        pytest.skip("needs root, mkfs.ext4 and loop devices")
    assert counts["lost"] == counts["doubled"] == counts["stuck"] == 0


def test_a_campaign_that_is_stopped_reports_what_it_had_judged(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, str(BENCHMARKS / "crash_campaign.py"), "--schedules", "400", "--report", str(report)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        first = running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        table, _ = running.communicate(timeout=60)
    told = json.loads(report.read_text())
    assert first.startswith("  5 %: 20 of 400 schedules with kills, 0 faults")
    assert running.returncode == 130
    assert told["stopped"]
    assert 20 <= told["counts"]["schedules"] < 400
    assert f"| schedules | {told['counts']['schedules']} |" in table


@pytest.fixture
def judge(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from crashes.judge import judge

    return judge


def _line(event: str, **facts: object) -> dict[str, object]:
    return {"event": event, "pid": 1, "execution": "e", **facts}


def _end(**facts: object) -> dict[str, object]:
    sound = {"status": "completed", "completed": ["step"], "result": [VALUE], "used": ["n1"], "fault": None}
    return _line("state", **{**sound, **facts})


VALUE = {"number": 0, "nonce": "n1"}
SOUND = [
    _line("started"),
    _line("enter", call="step", nonce="n1", number=0),
    _line("received", number=0, value=VALUE),
    _end(),
]
PROGRAM = [["step", 0, 0]]


def test_a_sound_ledger_has_no_faults(judge):
    assert judge(SOUND, PROGRAM, None).faults == []


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (_line("enter", call="step", nonce="n2", number=0), "doubled"),
        (_line("received", number=0, value={"number": 0, "nonce": "n1", "changed": 1}), "lost"),
        (_line("received", number=1, value={"nonce": "never written"}), "wrong"),
        (_end(completed=[], result=["other"]), "lost"),
        (_end(used=[]), "lost"),
        (_end(used=["n1", "n1"]), "doubled"),
        (_end(fault="record 3 is missing"), "lost"),
        (_line("started", execution="never finished"), "stuck"),
    ],
)
def test_the_judge_sees_each_kind_of_fault(judge, extra, fault):
    assert judge([*SOUND, extra], PROGRAM, None).counts[fault] >= 1


def test_the_judge_sees_two_runners_at_once(judge):
    lines = [_line("enter", call=f"step_{n}", nonce=f"n{n}", number=n) | {"pid": n % 2} for n in range(3)]
    assert judge(lines, PROGRAM, None).counts["overlapped"] == 1


def test_the_judge_sees_an_answer_that_is_asked_for_again(judge):
    answered = _line("answered", wait="pause_0", value=3)
    asked = _line("seen", status="waiting", completed=[], pending="pause_0")
    assert judge([answered, _line("looks"), asked], PROGRAM, None).counts["lost"] == 1
    assert judge([_line("looks"), answered, asked], PROGRAM, None).faults == []
