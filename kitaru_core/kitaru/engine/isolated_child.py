"""The worker of a checkpoint that runs elsewhere: reads an order, runs the function, writes a reply."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from kitaru.artifacts.codecs import decode, encode
from kitaru.deferred import asyncio
from kitaru.engine.isolated import Order, Reply, describe_failure
from kitaru.engine.loader import load_function

__all__ = ["carry_out", "main"]


def main(order_file: str, reply_file: str) -> None:
    """Carry out the order in a file.

    Args:
        order_file: Where the order is.
        reply_file: Where the reply goes; it appears whole or not at all.
    """
    order = Path(order_file).read_bytes()
    sys.path[:] = msgspec.json.decode(order, type=Order).path
    reply = carry_out(order)
    unfinished = Path(reply_file + ".part")
    unfinished.write_bytes(reply)
    os.replace(unfinished, reply_file)  # noqa: PTH105 - one call, atomic


def carry_out(order: bytes) -> bytes:
    """Carry out an order, and write down what came of it.

    Args:
        order: The order.

    Returns:
        The reply: the function's value, or what it raised.
    """
    given = msgspec.json.decode(order, type=Order)
    try:
        function = load_function(given.module, given.qualname, given.file)
        arguments: Any = decode(given.codec, given.arguments)
        value = function(*arguments[0], **arguments[1])
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        encoded = encode(value)
        reply = Reply(codec=encoded.codec, value=encoded.data)
    except BaseException as error:  # noqa: BLE001 - the flow's process raises it again
        reply = Reply(failure=describe_failure(error))
    return msgspec.json.encode(reply)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
