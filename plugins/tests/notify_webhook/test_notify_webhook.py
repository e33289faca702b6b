"""Signed notices of opened waits, sent to a real server on loopback."""

from __future__ import annotations

import json
import logging
import os
import queue
import shlex
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from signal import SIGKILL
from threading import Thread

import pytest

import kitaru
from kitaru import flow
from kitaru.errors import KitaruPluginError
from kitaru.hooks import HookManager, RuntimeInfo, close_manager
from kitaru.records.facts import ExecutionPaused, WaitOpened
from kitaru.records.record import Record
from kitaru_plugins.notify_webhook import plugin, sign, verify_signature
from kitaru_plugins.notify_webhook.notice import Notice
from kitaru_plugins.notify_webhook.sender import Sender

SECRET = "a secret of some length"


class Receiver:
    """A web server that keeps what it is sent, and answers as told."""

    def __init__(self):
        self.seen = queue.Queue()
        self.answers = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.put((dict(self.headers), body))
                code, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self):
        return self.seen.get(timeout=10)


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def sender(receiver):
    found = Sender(receiver.url, SECRET, pauses=(0.01, 0.01))
    yield found
    found.close()


def opened(wait_id="w-1"):
    fact = WaitOpened(
        at=1.5, wait_id=wait_id, name="approve", base_name="approve", question="Ship it?", metadata={"version": "1.2"}
    )
    return Record("e-1", 4, fact)


@pytest.fixture
def manager(receiver, monkeypatch):
    monkeypatch.setenv("KITARU_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("KITARU_WEBHOOK_SECRET", SECRET)
    found = HookManager()
    found.register(plugin, name="notify_webhook")
    yield found
    found.closing(RuntimeInfo(version="", pid=0))


def test_an_opened_wait_is_sent_with_what_a_person_needs(manager, receiver):
    manager.record_committed(opened())
    headers, body = receiver.next()
    notice = json.loads(body)
    assert (notice["question"], notice["metadata"]) == ("Ship it?", {"version": "1.2"})
    assert notice["answer_with"].startswith("kitaru executions input e-1 --wait approve")
    assert headers["Kitaru-Delivery"] == "w-1"


def test_a_name_goes_into_the_command_as_one_word(manager, receiver):
    name = "ship it?; rm -r $HOME"
    manager.record_committed(Record("e-1", 4, WaitOpened(at=1.5, wait_id="w-1", name=name, base_name=name)))
    command = json.loads(receiver.next()[1])["answer_with"]
    assert shlex.split(command)[:6] == ["kitaru", "executions", "input", "e-1", "--wait", name]


def test_the_signature_covers_timestamp_and_body(manager, receiver):
    manager.record_committed(opened())
    headers, body = receiver.next()
    stamp, signature = headers["Kitaru-Timestamp"], headers["Kitaru-Signature"]
    assert verify_signature(SECRET, stamp, body, signature)
    assert not verify_signature(SECRET, stamp, body + b" ", signature)
    assert not verify_signature(SECRET, str(int(stamp) + 1), body, signature)
    assert not verify_signature("another secret of some length", stamp, body, signature)


def test_an_old_or_malformed_notice_is_not_believed():
    now = int(time.time())
    for stamp, believed in [(now - 250, True), (now - 350, False), (now + 350, False), (f"{now}.0", False)]:
        signature = sign(SECRET, str(stamp), b"{}")
        assert verify_signature(SECRET, str(stamp), b"{}", signature) is believed
    assert not verify_signature(SECRET, str(now), b"{}", "v1=\u00e9")
    assert not verify_signature(SECRET, str(now), b"{}", "v1=\udce9")


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_timestamp_that_is_no_time_is_not_believed(digits):
    stamp = "9" * digits
    assert not verify_signature(SECRET, stamp, b"{}", sign(SECRET, stamp, b"{}"))


def test_other_records_are_not_sent(manager, receiver):
    manager.record_committed(Record("e-1", 5, ExecutionPaused(at=2.0, waits=["approve"])))
    manager.record_committed(opened("w-2"))
    assert receiver.next()[0]["Kitaru-Delivery"] == "w-2"


def test_closing_delivers_what_is_queued(manager, receiver):
    for number in range(20):
        manager.record_committed(opened(f"w-{number}"))
    manager.closing(RuntimeInfo(version="", pid=0))
    assert [receiver.seen.get_nowait()[0]["Kitaru-Delivery"] for _ in range(20)] == [f"w-{n}" for n in range(20)]


def test_a_server_in_trouble_is_tried_again_with_the_same_delivery(sender, receiver):
    receiver.answers = [(503, {}), (429, {})]
    sender.send(Notice("w-1", b"{}"))
    assert {receiver.next()[0]["Kitaru-Delivery"] for _ in range(3)} == {"w-1"}


def test_a_server_that_refuses_is_not_tried_again(sender, receiver, caplog):
    receiver.answers = [(403, {})]
    sender.send(Notice("w-1", b"{}"))
    sender.send(Notice("w-2", b"{}"))
    assert [receiver.next()[0]["Kitaru-Delivery"] for _ in range(2)] == ["w-1", "w-2"]
    assert "the server answered 403" in caplog.text


def test_redirects_are_not_followed(sender, receiver, caplog):
    elsewhere = Receiver()
    receiver.answers = [(307, {"Location": elsewhere.url})]
    sender.send(Notice("w-1", b"{}"))
    sender.close()
    assert elsewhere.seen.empty()
    assert "answered 307" in caplog.text
    elsewhere.server.shutdown()
    elsewhere.server.server_close()


def test_an_unreachable_server_is_logged_without_its_address(receiver, caplog):
    receiver.server.shutdown()
    receiver.server.server_close()
    sender = Sender(receiver.url + "?token=private", SECRET, pauses=(0.01,))
    sender.send(Notice("w-1", b"{}"))
    sender.close()
    assert "not reached (ConnectionRefusedError)" in caplog.text
    assert "private" not in caplog.text


def test_a_proxy_that_cannot_be_does_not_end_the_sender(receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http:/nowhere")
    sender = Sender(receiver.url, SECRET, pauses=())
    sent = [sender.send(Notice(name, b"{}")) for name in ("w-1", "w-2")]
    assert [type(one.exception(timeout=10)) for one in sent] == [ConnectionError] * 2
    sender.close()


def test_sending_never_waits_for_the_server(caplog):
    caplog.set_level(logging.WARNING)
    sender = Sender("http://127.0.0.1:1/", SECRET, pauses=(60,))
    begin = time.monotonic()
    for number in range(1100):
        sender.send(Notice(f"w-{number}", b"{}"))
    assert time.monotonic() - begin < 5
    assert "is left for later: too many" in caplog.text
    sender.close(patience=0.1)


@pytest.mark.parametrize(
    ("address", "secret", "trouble"),
    [
        ("http://example.org/hook", SECRET, "must be an https:// address"),
        ("ftp://127.0.0.1/hook", SECRET, "must be an https:// address"),
        ("example.org", SECRET, "must be an https:// address"),
        ("https://example.org:99999/private", SECRET, "must be an https:// address"),
        ("https://[::1/private", SECRET, "must be an https:// address"),
        ("https://private\u2100.org/", SECRET, "must be an https:// address"),
        ("https://private..org/", SECRET, "must be an https:// address"),
        ("https://example.org/private h\u00f6ok", SECRET, "must be an https:// address"),
        ("https://me:private@example.org", SECRET, "must not hold a user"),
        ("https://example.org/hook", "short", "KITARU_WEBHOOK_SECRET must have at least 16"),
        ("https://example.org/hook", "", "KITARU_WEBHOOK_SECRET must have at least 16"),
    ],
)
def test_settings_that_will_not_do_refuse_the_plugin(monkeypatch, address, secret, trouble):
    monkeypatch.setenv("KITARU_WEBHOOK_URL", address)
    monkeypatch.setenv("KITARU_WEBHOOK_SECRET", secret)
    with pytest.raises(KitaruPluginError, match=trouble) as caught:
        HookManager().register(plugin, name="notify_webhook")
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://example.org/hook", "http://localhost:1/", "http://[::1]:1/"])
def test_settings_that_will_do_make_the_plugin_listen(monkeypatch, address):
    monkeypatch.setenv("KITARU_WEBHOOK_URL", address)
    monkeypatch.setenv("KITARU_WEBHOOK_SECRET", SECRET)
    manager = HookManager()
    manager.register(plugin, name="notify_webhook")
    assert manager.record_hooks_active


def test_without_an_address_the_plugin_is_idle(monkeypatch):
    monkeypatch.delenv("KITARU_WEBHOOK_URL", raising=False)
    assert HookManager().register(plugin, name="notify_webhook").state == "idle"


def test_a_forked_child_has_a_sender_of_its_own(manager, receiver):
    manager.record_committed(opened("parent"))
    child = os.fork()
    if child == 0:
        manager.record_committed(opened("child"))
        manager.closing(RuntimeInfo(version="", pid=0))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {receiver.next()[0]["Kitaru-Delivery"] for _ in range(2)} == {"parent", "child"}


@flow
def ask():
    return kitaru.wait(name="approve", schema=bool, question="Ship it?", timeout=0)


def test_a_question_of_a_real_flow_is_sent_before_the_process_ends(receiver, monkeypatch, tmp_path):
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("KITARU_WEBHOOK_SECRET", SECRET)
    close_manager()
    handle = ask.run()
    headers, body = receiver.next()
    close_manager()
    assert json.loads(body)["execution_id"] == handle.exec_id
    assert verify_signature(SECRET, headers["Kitaru-Timestamp"], body, headers["Kitaru-Signature"])


ASK = """
import os, signal
import kitaru
from kitaru.engine.runner import live_run

@kitaru.flow
def ask():
    return kitaru.wait(name="approve", schema=bool, question="Ship it?", timeout=0)

handle = ask.run()
live_run(handle.exec_id).done.wait(10)
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_program(source, tmp_path, receiver, **environ):
    settings = {
        "KITARU_STORE": str(tmp_path / "kitaru.db"),
        "KITARU_CONFIG_PATH": str(tmp_path / "config"),
        "KITARU_WEBHOOK_URL": receiver.url,
        "KITARU_WEBHOOK_SECRET": SECRET,
    }
    return subprocess.run([sys.executable, "-c", source], env={**os.environ, **settings, **environ}, check=False)


def test_a_question_committed_just_before_a_kill_is_sent_by_the_next_process(receiver, tmp_path):
    died = run_program(ASK, tmp_path, receiver, KITARU_CRASH_AT="journal.after_commit:2")
    assert died.returncode == -SIGKILL
    assert receiver.seen.empty()
    run_program("import kitaru; kitaru.KitaruClient().executions.list()", tmp_path, receiver)
    assert json.loads(receiver.next()[1])["question"] == "Ship it?"


def test_a_question_that_was_on_its_way_when_the_process_was_killed_is_sent_by_the_next_one(receiver, tmp_path):
    receiver.answers = [(503, {})] * 2
    assert run_program(ASK, tmp_path, receiver).returncode == -SIGKILL
    failed = [receiver.next() for _ in range(receiver.seen.qsize())]
    receiver.answers = []
    run_program("import kitaru; kitaru.KitaruClient().executions.list()", tmp_path, receiver)
    headers, body = receiver.next()
    assert json.loads(body)["wait_id"] == headers["Kitaru-Delivery"]
    assert all(one["Kitaru-Delivery"] == headers["Kitaru-Delivery"] for one, _ in failed)


def test_a_notice_that_was_sent_is_not_sent_again_by_the_next_process(receiver, tmp_path):
    ends_well = ASK.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
    assert run_program(ends_well, tmp_path, receiver).returncode == 0
    receiver.next()
    run_program("import kitaru; kitaru.KitaruClient().executions.list()", tmp_path, receiver)
    assert receiver.seen.empty()


@pytest.mark.parametrize(("code", "fails"), [(204, False), (403, False), (503, True)])
def test_a_delivery_is_done_unless_a_later_attempt_may_succeed(sender, receiver, code, fails):
    receiver.answers = [(code, {})] * 3
    sent = sender.send(Notice("w-1", b"{}"))
    assert (sent.exception(timeout=10) is not None) is fails
