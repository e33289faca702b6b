"""A secret in prompts, arguments and errors."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import broken
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn
from kitaru_conformance.world import SECRET

__all__ = ["Secrets"]

_CANARY = "c4n4ry5f2e9b7d1a"
_ENVIRONMENT = {SECRET: _CANARY}


class Secrets:
    """Cases about a value that kitaru knows as a secret."""

    harness: type[AdapterHarness]

    @requirement("A-140")
    def test_a_secret_in_an_error_is_never_stored(self, lab: Lab, strategy: str) -> None:
        """A secret in the message of an exception reaches no byte of the store.

        If this fails: the adapter writes the message down itself; leave failures to the seam, or redact them.
        """
        run = lab.run(broken(self.harness), settings=Settings(strategy=strategy), environment=_ENVIRONMENT)
        assert run.error is not None
        assert _CANARY.encode() not in lab.contents()

    @requirement("A-141")
    def test_a_secret_in_an_argument_is_not_shown(self, lab: Lab, strategy: str) -> None:
        """A secret in the argument of a tool is not shown among names, inputs, metadata, usage or live events.

        If this fails: hand what is only to be looked at to the seam as `inputs`, which redacts it.
        """
        turns = (Turn(calls=(ToolCall("a", "{secret}", "c1"),)), Turn(text="done"))
        script = Script(turns=turns, tools=(Tool(name="a", result="A"),))
        run = lab.run(script, settings=Settings(strategy=strategy), environment=_ENVIRONMENT)
        assert run.error is None
        assert _CANARY not in run.shown

    @requirement("A-142")
    def test_a_secret_in_a_prompt_is_not_shown(self, lab: Lab, strategy: str) -> None:
        """A secret in a prompt is not shown among names, inputs, metadata, usage or live events.

        If this fails: repair A-141 first.
        """
        script = Script(prompt="use {secret}", turns=(Turn(text="done"),))
        run = lab.run(script, settings=Settings(strategy=strategy), environment=_ENVIRONMENT)
        assert run.error is None
        assert _CANARY not in run.shown

    @requirement("A-143", needs={"approvals"})
    def test_a_secret_in_an_argument_is_not_shown_to_whoever_approves(self, lab: Lab) -> None:
        """A secret in the argument of a guarded tool is not shown by the wait.

        If this fails: redact the metadata of the wait.
        """
        turns = (Turn(calls=(ToolCall("a", "{secret}", "c1"),)), Turn(text="done"))
        script = Script(turns=turns, tools=(Tool(name="a", result="A", approval=True),))
        (wait,) = lab.run(script, environment=_ENVIRONMENT).waits
        assert _CANARY not in f"{wait.name} {wait.question} {wait.metadata}"
