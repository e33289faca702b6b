"""Where and how flows run: settings of this process, stacks of this machine, and secrets nobody prints."""

from __future__ import annotations

import sys

from kitaru import (
    checkpoint,
    configure,
    create_secret,
    create_stack,
    current_stack,
    delete_secret,
    delete_stack,
    flow,
    get_secret,
    list_stacks,
    use_stack,
)


@checkpoint(runtime="isolated", retries=1)
def sign(text: str) -> str:
    """Sign a text with a secret, in a process of its own that may crash without the run."""
    key = get_secret("signing").get("SIGNING_KEY") or ""
    return f"{text} ({len(key)} characters of key)"


@flow(retries=1)
def signed(text: str) -> str:
    """Sign once."""
    return sign(text)


def main() -> tuple[str, str]:
    """Set everything up, run, and put everything back.

    Returns:
        The signed text, and the stack it was signed on.
    """
    before = current_stack().name
    create_stack("laboratory", activate=False)
    create_secret("signing", {"SIGNING_KEY": "correct horse"})
    try:
        use_stack("laboratory")
        configure(retries=2)
        handle = signed.run("hello", stack="laboratory")
        result = handle.wait(), str(handle.execution.stack_name)
        sys.stdout.write(f"{result} of {[stack.name for stack in list_stacks()]}; {get_secret('signing')!r}\n")
        return result
    finally:
        configure(retries=None)
        use_stack(before)
        delete_stack("laboratory")
        delete_secret("signing")


if __name__ == "__main__":
    main()
