"""The child process of an isolated checkpoint: reads an order, runs the function, writes a reply."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from kitaru.artifacts.codecs import decode, encode
from kitaru.engine.isolated import Order, Reply, describe_failure
from kitaru.engine.loader import load_function

__all__ = ["main"]


def main(order_file: str, reply_file: str) -> None:
    """Carry out an order.

    Args:
        order_file: Where the order is.
        reply_file: Where the reply goes; it appears whole or not at all.
    """
    order = msgspec.json.decode(Path(order_file).read_bytes(), type=Order)
    sys.path[:] = order.path
    try:
        function = load_function(order.module, order.qualname, order.file)
        given: Any = decode(order.codec, order.arguments)
        value = function(*given[0], **given[1])
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        encoded = encode(value)
        reply = Reply(codec=encoded.codec, value=encoded.data)
    except BaseException as error:  # noqa: BLE001 - the parent raises it again
        reply = Reply(failure=describe_failure(error))
    unfinished = Path(reply_file + ".part")
    unfinished.write_bytes(msgspec.json.encode(reply))
    os.replace(unfinished, reply_file)  # noqa: PTH105 - one call, atomic


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
