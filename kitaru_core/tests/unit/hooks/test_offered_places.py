"""Stores, targets and kinds of stack of installed distributions, used by real runs in processes of their own."""

from __future__ import annotations

import json

import pytest

from kitaru.hooks import get_manager

PLUGIN = '''
"""Offers a store, a target and a kind of stack; each notes its use in a file."""

import hashlib, os, pathlib, subprocess, sys, tempfile
from kitaru.errors import KitaruNotFoundError, KitaruUsageError
from kitaru.hooks import ArtifactStoreDriver, PluginCard, StackKind, TargetDriver, hookimpl

ROOT = pathlib.Path(os.environ["ACME_ROOT"])

def note(what):
    with open(ROOT / "used", "a") as file:
        file.write(what + "\\n")

class Store:
    def __init__(self, address):
        note(f"open {address}")

    def put(self, data):
        digest = hashlib.sha256(data).hexdigest()
        (ROOT / digest).write_bytes(data)
        note("put")
        return digest

    def get(self, digest):
        try:
            return (ROOT / digest).read_bytes()
        except FileNotFoundError:
            raise KitaruNotFoundError(digest) from None

    def has(self, digest):
        return (ROOT / digest).exists()

    def delete(self, digest):
        note("delete")
        (ROOT / digest).unlink()
        return True

class Cluster:
    def run(self, task):
        from kitaru.targets.api import WORKER
        note(f"task {task.invocation_id} attempt {task.attempt}")
        with tempfile.TemporaryDirectory() as folder:
            order, reply = pathlib.Path(folder, "o"), pathlib.Path(folder, "r")
            order.write_bytes(task.order)
            environment = {**os.environ, **task.environment, "WHERE": "cluster"}
            subprocess.run([sys.executable, *WORKER, str(order), str(reply)], env=environment, check=True)
            return reply.read_bytes()

class Cloud:
    def components(self, settings):
        if "region" not in settings:
            raise KitaruUsageError("A cloud stack needs a region.")
        return {"runner": {"kind": "local", "isolated": "cluster"}, "storage": {"region": settings["region"]}}

@hookimpl
def kitaru_plugin_card():
    return PluginCard(name="acme", hookspec=1)

@hookimpl
def kitaru_artifact_stores():
    return [ArtifactStoreDriver(schemes=("memtest",), load=lambda: Store)]

@hookimpl
def kitaru_execution_targets():
    return [TargetDriver(name="cluster", remote=True, load=Cluster)]

@hookimpl
def kitaru_stack_kinds():
    return [StackKind(name="cloud", fields={"region": "Where jobs run."}, load=Cloud)]
'''

LARGE = """
import kitaru

@kitaru.checkpoint
def fetch():
    return b"x" * (5 << 20)

@kitaru.checkpoint
def count(data):
    return len(data)

@kitaru.flow
def measure():
    return count(fetch())

handle = measure.run()
print(handle.wait(), handle.exec_id)
"""

AGAIN = """
import sys, kitaru
from kitaru.engine.journals import default_journal
client = kitaru.KitaruClient()
(one,) = client.executions.list()
(fetch,) = [call for call in client.executions.get(one.exec_id).checkpoints if call.name == "fetch"]
print(len(fetch.artifacts[0].load()), client.executions.verify(one.exec_id).fault is None)
client.executions.delete(one.exec_id)
"""

ELSEWHERE = """
import os, kitaru

@kitaru.checkpoint(runtime={word!r})
def where(name):
    return name + os.environ.get("WHERE", "here")

@kitaru.checkpoint(runtime={word!r})
def fail():
    raise LookupError("no such star")

@kitaru.flow
def ask():
    try:
        fail()
    except LookupError as error:
        return where("it is ") + ", " + str(error)

print(ask.run().wait())
"""

STACK = """
import kitaru
kitaru.create_stack("eu", kind="cloud", settings={"region": "eu-1"})
"""


@pytest.fixture
def acme(site, tmp_path):
    """Install the plugin, and return a function that runs a program beside it."""
    site.install("acme-plugin", "2.5", "acme", PLUGIN)
    places = {
        "KITARU_STORE": str(tmp_path / "kitaru.db"),
        "KITARU_CONFIG_PATH": str(tmp_path / "config"),
        "ACME_ROOT": str(tmp_path),
    }

    def run(source, **environ):
        name = tmp_path / "program.py"
        name.write_text(source)
        return site.run(f"import runpy; runpy.run_path({str(name)!r}, run_name='program')", **places, **environ)

    return run


def used(tmp_path):
    return (tmp_path / "used").read_text().splitlines()


def test_a_large_value_goes_to_the_store_whose_scheme_is_set_and_comes_back_from_it(acme, tmp_path):
    address = {"KITARU_ARTIFACT_STORE": "memtest://bucket/kitaru"}
    done = acme(LARGE, **address)
    assert done.stdout.startswith("5242880 "), done.stderr
    assert used(tmp_path) == ["open memtest://bucket/kitaru", "put"]
    assert (tmp_path / "kitaru.db").stat().st_size < 1 << 20
    again = acme(AGAIN, **address)
    assert again.stdout.split() == ["5242880", "True"], again.stderr
    assert used(tmp_path)[-1] == "delete"


def test_a_store_that_no_plugin_offers_fails_the_call_and_says_which_there_are(acme):
    done = acme(LARGE, KITARU_ARTIFACT_STORE="carrier-pigeon://coop")
    assert "for 'carrier-pigeon' addresses; there are: file://, memtest://" in done.stderr


def test_a_body_runs_at_the_target_its_word_names(acme, tmp_path):
    (tmp_path / "stars.py").write_text(ELSEWHERE.format(word="cluster").replace("print(", "def main(): print("))
    done = acme("import stars; stars.main()")
    assert done.stdout == "it is cluster, no such star\n", done.stderr
    assert used(tmp_path) == ["task fail attempt 1", "task where attempt 1"]


def test_a_word_that_nobody_offers_is_refused_where_it_is_written(acme):
    done = acme(ELSEWHERE.format(word="clutser"))
    assert "runtime='clutser' is not known; use one of: cluster, inline, isolated" in done.stderr


def test_isolated_bodies_run_where_the_kind_of_the_stack_says(acme, tmp_path):
    assert acme(STACK).returncode == 0
    (tmp_path / "stars.py").write_text(ELSEWHERE.format(word="isolated").replace("print(", "def main(): print("))
    done = acme("import stars; stars.main()")
    assert done.stdout == "it is cluster, no such star\n", done.stderr


def test_a_stack_of_an_offered_kind_is_created_and_shown_by_the_program(acme):
    program = "import sys; from kitaru.cli.main import main; sys.exit(main({!r}))"
    created = acme(program.format(["stack", "create", "eu", "--type", "cloud", "--set", "region=eu-1"]))
    assert created.stdout.startswith("Created stack: eu (cloud)"), created.stderr
    shown = acme(program.format(["stack", "show", "eu", "--output", "json"]))
    assert json.loads(shown.stdout)["item"]["stack_type"] == "cloud"


@pytest.mark.parametrize(
    ("call", "trouble"),
    [
        ("kind='claud'", "There is no kind of stack 'claud'; it can be: cloud, local."),
        ("kind='cloud'", "A cloud stack needs a region."),
        ("kind='cloud', settings={'regoin': 'x'}", "has no setting 'regoin'. Did you mean 'region'?"),
        ("settings={'region': 'x'}", "A stack of the kind 'local' has no setting 'region'."),
    ],
)
def test_a_stack_that_cannot_be_is_refused_and_not_remembered(acme, call, trouble):
    done = acme(f"import kitaru; kitaru.create_stack('eu', {call})")
    assert trouble in done.stderr
    left = acme("import kitaru; print([one.name for one in kitaru.list_stacks()])")
    assert left.stdout == "['default']\n"


@pytest.mark.parametrize(
    ("hook", "offered"),
    [
        ("artifact_stores", {"file"}),
        ("execution_targets", {"inline", "isolated"}),
        ("journals", {"memory", "sqlite"}),
        ("model_providers", {"anthropic", "openai"}),
        ("result_caches", {"diskcache"}),
        ("secret_stores", {"environment", "local"}),
        ("stack_kinds", {"local"}),
    ],
)
def test_what_is_built_in_comes_through_the_same_hooks(hook, offered):
    found = getattr(get_manager(), hook)()
    assert offered <= set(found)
    assert all(callable(found[name].load) for name in offered)


def test_the_inline_target_carries_a_task_out_like_any_other(tmp_path):
    targets = get_manager().execution_targets()
    from kitaru.targets.api import Task

    task = Task(
        execution_id="e",
        invocation_id="think",
        call_id="c",
        attempt=1,
        order=b"",
        environment={"TOKEN": "private"},
        timeout=None,
        check=lambda: None,
        carry_out=lambda: b"reply",
    )
    assert targets["inline"].load().run(task) == b"reply"
    assert "private" not in repr(task)
