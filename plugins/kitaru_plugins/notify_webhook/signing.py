"""The signature of a notice, for the sender and for whoever receives it."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Final

__all__ = ["DELIVERY_HEADER", "SIGNATURE_HEADER", "TIMESTAMP_HEADER", "sign", "verify_signature"]

DELIVERY_HEADER: Final = "Kitaru-Delivery"
SIGNATURE_HEADER: Final = "Kitaru-Signature"
TIMESTAMP_HEADER: Final = "Kitaru-Timestamp"

_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a notice: `v1=` and an HMAC-SHA256 in hexadecimal.

    Args:
        secret: What sender and receiver share.
        timestamp: The value of the timestamp header.
        body: The bytes of the body.

    Returns:
        The value of the signature header.
    """
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify_signature(secret: str, timestamp: str, body: bytes, signature: str, *, tolerance: float = 300) -> bool:
    """Tell whether a notice comes from who knows the secret, and was sent just now.

    Args:
        secret: What sender and receiver share.
        timestamp: The value of the timestamp header.
        body: The bytes of the body, as they arrived.
        signature: The value of the signature header.
        tolerance: Seconds by which the clocks may differ, and for which a recorded notice could be sent again.

    Returns:
        Whether the notice may be believed. One delivery may arrive more than once; its id is the same each time.
    """
    if not _SECONDS.fullmatch(timestamp):
        return False
    fresh = abs(time.time() - int(timestamp)) <= tolerance
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode(errors="replace")) and fresh
