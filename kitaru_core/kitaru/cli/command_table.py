"""All commands of the program and what each is for; their code is imported when one of them is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cyclopts import App

if TYPE_CHECKING:
    from kitaru.hooks.facts import CommandGroup

__all__ = ["COMMANDS", "GROUPS", "LazyCommand", "add_commands"]


class LazyCommand(NamedTuple):
    """A command whose module is imported when it is called.

    Attributes:
        target: Module and function, as `module:function` in this package.
        purpose: What it is for.
    """

    target: str
    purpose: str

    def add_to(self, app: App, word: str) -> None:
        """Add it to an application, under a word."""
        app.command(f"kitaru.cli.{self.target}", name=word, help=self.purpose)


_CHECK = (
    "Hold every waiting, failed or running execution of a flow against the present code.\n\n"
    "The flow's own code runs from its top, with the recorded values and answers handed back to it, up to the first "
    "call or question that is not recorded. No checkpoint body runs, no model is called, nothing is recorded; but what "
    "the flow's code itself does between its calls is done, so keep effects inside checkpoints.\n\n"
    "An execution resumes (it goes on where it stands), reruns (it comes to a call or question the journal does not "
    "know while recorded ones are left), diverges (it leaves out something recorded) or fails (it cannot go on, and "
    "why). The exit code is 0 when all of them resume, fail as they had failed before, or are allowed; else 1."
)

COMMANDS: Final = {
    "init": ("project:init", "Mark a folder as a kitaru project."),
    "status": ("diagnostics:status", "Show in short what kitaru works with here."),
    "info": ("diagnostics:info", "Show everything about this installation, for people who look for a fault."),
    "waits": ("waits:waits", "List the open waits of all executions."),
    "crashtest": ("crashtest:crashtest", "Kill a flow of yours at every boundary, and see that it goes on."),
    "completion": ("completion:completion", "Print a script that completes commands in a shell."),
    "logout": ("server:logout", "Forget the remembered connection to a server."),
    "login": ("server:login", "Connect to a kitaru server; comes with the server."),
    "build": ("server:build", "Build a flow version; comes with the server."),
    "deploy": ("server:deploy", "Deploy a flow version; comes with the server."),
    "invoke": ("server:invoke", "Start a deployed flow; comes with the server."),
    "flow": ("server:flow", "Look at deployed flows; comes with the server."),
    "auth": ("server:auth", "Tokens and service accounts; comes with the server."),
}
"""Target and purpose of each command that stands alone."""

GROUPS: Final = {
    "executions": (
        "Inspect executions, answer their waits, go on with them.",
        {
            "list": ("executions:list_executions", "List executions, newest first."),
            "get": ("executions:get", "Show one execution: its state, its calls, what it waits for, why it failed."),
            "watch": ("watching:watch", "Follow an execution until it has ended."),
            "input": ("answering:input_", "Answer an open wait, or review the open waits one by one."),
            "retry": ("continuing:retry", "Go on with a failed execution from its last completed boundary."),
            "resume": ("continuing:resume", "Go on with an execution whose waits are answered."),
            "replay": ("continuing:replay", "Derive a new execution: reuse what came before a call, run from there."),
            "cancel": ("executions:cancel", "Cancel an execution."),
            "why": ("exploring:why", "Name the one thing an execution waits for."),
            "check": ("checking:check", _CHECK),
            "messages": ("exploring:messages", "Show the conversation that a model was asked with."),
            "diff": ("exploring:diff", "Compare two executions call by call."),
            "logs": ("logs:logs", "Show what the code of an execution printed and logged."),
            "events": ("exploring:events", "Tell what the checkpoints of an execution tell, as it happens."),
            "statistics": ("exploring:statistics", "Count and measure executions in groups."),
            "export": ("keeping:export", "Write an execution with all its values into one file."),
            "import": ("keeping:import_", "Bring an exported execution into this store."),
            "delete": ("keeping:delete", "Delete an execution with everything it has stored."),
            "prune": ("keeping:prune", "Delete executions that ended long ago."),
            "verify": ("executions:verify", "Prove that an execution's history is complete and unaltered."),
        },
    ),
    "artifacts": (
        "See the values that executions have stored.",
        {
            "list": ("artifacts:list_artifacts", "List the stored values of an execution."),
            "get": ("artifacts:get", "Show a stored value."),
        },
    ),
    "adapter": (
        "Write an adapter for a framework of your own.",
        {"new": ("adapters:new", "Write the beginning of an adapter: one boundary, its plugin and a test.")},
    ),
    "plugins": (
        "See what is plugged in.",
        {"list": ("plugins:list_plugins", "List the plugins: where each comes from, and which hooks it has.")},
    ),
    "stack": (
        "Choose where executions run.",
        {
            "list": ("stacks:list_stacks", "List the stacks."),
            "current": ("stacks:current", "Show the active stack."),
            "show": ("stacks:show", "Show a stack and what it is made of."),
            "use": ("stacks:use", "Make a stack the active one."),
            "create": ("stacks:create", "Create a local stack."),
            "delete": ("stacks:delete", "Forget a stack; nothing outside of kitaru is deleted."),
        },
    ),
    "model": (
        "Keep aliases for models.",
        {
            "register": (
                "models:register",
                "Remember an alias; the first one becomes the default, and an existing one is replaced.",
            ),
            "list": ("models:list_aliases", "List the aliases that hold here."),
            "show": ("models:show", "Show what an alias stands for."),
            "test": ("models:call", "Call a model once, to see that it answers."),
            "default": ("models:default", "Make an alias the default one."),
            "unregister": ("models:unregister", "Forget an alias."),
        },
    ),
    "secrets": (
        "Keep named values encrypted.",
        {
            "set": ("secrets:set_secret", "Create a secret, or change some of its values; NAME --KEY=value ..."),
            "show": ("secrets:show", "Show a secret."),
            "list": ("secrets:list_secrets", "List the secrets, without their values."),
            "delete": ("secrets:delete", "Delete a secret."),
            "rekey": ("secrets:rekey", "Encrypt all secrets of this machine with a new key."),
        },
    ),
    "log-store": (
        "Say where runtime logs go.",
        {
            "set": ("preferences:set_log_store", "Remember where runtime logs are to go."),
            "show": ("preferences:show_log_store", "Show where runtime logs go."),
            "reset": ("preferences:reset_log_store", "Forget what was set."),
        },
    ),
    "clean": (
        "Delete what kitaru has written; look first with --dry-run.",
        {
            "project": ("cleaning:project", "Delete the .kitaru folder of the project."),
            "global": ("cleaning:global_", "Delete settings, secrets and the store of this machine."),
            "all": ("cleaning:all_", "Delete both."),
        },
    ),
    "analytics": (
        "Nothing is collected; see for yourself.",
        {
            "status": ("preferences:status", "Say that nothing is collected."),
            "opt-in": ("preferences:opt_in", "Keep the preference; nothing is collected all the same."),
            "opt-out": ("preferences:opt_out", "Keep the preference; nothing is collected anyway."),
        },
    ),
}
"""Purpose and commands of each group."""


def add_commands(cli: CommandGroup) -> None:
    """Add all commands.

    Args:
        cli: Where to add them.
    """
    for name, (target, purpose) in COMMANDS.items():
        cli.command(LazyCommand(target, purpose), name=name)
    for name, (about, commands) in GROUPS.items():
        group = App(name=name, help=about, result_action="return_value")
        for word, (target, purpose) in commands.items():
            LazyCommand(target, purpose).add_to(group, word)
        cli.command(group, name=name)
