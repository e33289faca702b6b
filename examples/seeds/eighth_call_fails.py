"""The eighth page cannot be read. A retry of the run reads that page again, and none of the seven before it."""

from __future__ import annotations

import sys

from kitaru import KitaruClient, KitaruUserCodeError, checkpoint, flow

READ: list[int] = []
BROKEN = {8}


@checkpoint(type="tool_call")
def read_page(number: int) -> str:
    """Read one page."""
    READ.append(number)
    if number in BROKEN:
        msg = f"page {number} did not answer"
        raise TimeoutError(msg)
    return f"text of page {number}"


@flow
def read_all(pages: int) -> int:
    """Read all pages one after another and count their characters."""
    return sum(len(read_page(number)) for number in range(1, pages + 1))


def main() -> list[int]:
    """Fail at the eighth page, mend it, and go on.

    Returns:
        The pages that were read after the repair.
    """
    READ.clear()
    BROKEN.add(8)
    handle = read_all.run(8)
    try:
        handle.wait()
    except KitaruUserCodeError as error:
        sys.stdout.write(f"{error}\n")
    READ.clear()
    BROKEN.clear()
    execution = KitaruClient().executions.retry(handle.exec_id, block=True)
    sys.stdout.write(f"{execution.status}; read again: {READ}; result {execution.result()}\n")
    return list(READ)


if __name__ == "__main__":
    main()
