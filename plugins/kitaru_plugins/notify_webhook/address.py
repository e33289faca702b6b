"""Which addresses and secrets will do."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kitaru.errors import KitaruUsageError

__all__ = ["check_settings"]

_SHORTEST_SECRET: Final = 16


def check_settings(address: str, secret: str) -> None:
    """Check the address and the secret of the webhook.

    Args:
        address: Where notices are sent; never repeated in an error, as it may hold a token.
        secret: What they are signed with.

    Raises:
        KitaruUsageError: The address is not encrypted, has a user in it or is none; or the secret is missing or short.
    """
    parts = _parts(address)
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.hostname or ""))):
        msg = "KITARU_WEBHOOK_URL must be an https:// address (http:// is taken for this machine only)."
        raise KitaruUsageError(msg)
    if parts.username is not None:
        msg = "KITARU_WEBHOOK_URL must not hold a user or a password; receivers check the signature instead."
        raise KitaruUsageError(msg)
    if len(secret) < _SHORTEST_SECRET:
        msg = (
            f"KITARU_WEBHOOK_SECRET must have at least {_SHORTEST_SECRET} characters, as notices are signed with it. "
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
        raise KitaruUsageError(msg)


def _parts(address: str) -> SplitResult | None:
    """Take an address apart; `None` for one that no request can be sent to."""
    if not all("!" <= character <= "~" for character in address):
        return None
    try:
        parts = urlsplit(address)
        can_be_reached = parts.port != 0 and bool((parts.hostname or "").encode("idna"))
    except ValueError:  # a port or a host that cannot be; the text of this error may hold the address
        return None
    return parts if can_be_reached else None


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
