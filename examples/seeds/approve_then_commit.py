"""Nothing irreversible happens before a person agrees, and then it happens once, in a checkpoint of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from kitaru import KitaruClient, KitaruExecutionError, Reconciled, checkpoint, current_call, flow, wait

SENT: dict[str, str] = {}
"""The mail server of this example; it takes each key once."""


@dataclass
class Mail:
    """A mail that is ready to go."""

    to: str
    text: str


@checkpoint
def prepare(to: str) -> Mail:
    """Write the mail; this may be done as often as one likes."""
    return Mail(to, f"Dear {to}, your order is on its way.")


def was_sent(mail: Mail) -> Reconciled:
    """Find out what became of a mail whose sender died in the middle of sending it."""
    return Reconciled("completed", value="sent") if mail.text in SENT.values() else Reconciled("not_executed")


@checkpoint(effect="irreversible", reconcile=was_sent)
def send(mail: Mail) -> str:
    """Send it; the key is the same however often the run is continued."""
    call = current_call()
    key = call.idempotency_key if call is not None else mail.to
    SENT.setdefault(key, mail.text)
    return "sent"


@flow
def notify(to: str) -> str:
    """Prepare, ask, commit."""
    mail = prepare(to)
    wait(name="send_it", schema=None, question=f"Send to {mail.to}: {mail.text}", timeout=0)
    return send(mail)


def main() -> tuple[str, str]:
    """Agree to one mail, and break another one off.

    Returns:
        How each of them ended.
    """
    SENT.clear()
    executions = KitaruClient().executions
    agreed, refused = notify.run("Ada"), notify.run("Bob")
    for handle in (agreed, refused):
        executions.wait(handle.exec_id)
    executions.input(agreed.exec_id, wait="send_it", value=None, resume=True)
    executions.abort_wait(refused.exec_id, wait="send_it")
    try:
        refused.wait()
    except KitaruExecutionError as error:
        sys.stdout.write(f"{error}\n")
    ended = (agreed.wait(), str(refused.status))
    sys.stdout.write(f"{ended}; mails that went out: {list(SENT.values())}\n")
    return ended


if __name__ == "__main__":
    main()
