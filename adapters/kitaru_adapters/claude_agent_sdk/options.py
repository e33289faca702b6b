"""Options of one attempt: the user's, joined with the request and with what the attempt needs; never changed."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from claude_agent_sdk import ClaudeAgentOptions

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest

__all__ = ["owns_session", "request_options", "with_partial_messages"]


def request_options(
    request: ClaudeRunRequest,
    *,
    static: ClaudeAgentOptions | None,
    factory: Callable[[ClaudeRunRequest], ClaudeAgentOptions | None] | None,
) -> ClaudeAgentOptions:
    """Return the options for a request.

    Args:
        request: The request.
        static: Options given once for all requests; fields of the request fill what they leave open.
        factory: Makes the options for a request; what it returns is taken as it is, but for what it leaves open.

    Returns:
        New options.

    Raises:
        KitaruUsageError: Static options and request name different values for the same thing, or the factory
            returned something else.
    """
    if factory is not None:
        made: object = factory(request)
        if made is None:
            made = ClaudeAgentOptions()
        if not isinstance(made, ClaudeAgentOptions):
            msg = f"options_factory returned {type(made).__name__}; it must return ClaudeAgentOptions or None."
            raise KitaruUsageError(msg)
        return _filled(made, request, strict=False)
    return _filled(static or ClaudeAgentOptions(), request, strict=True)


def _filled(options: ClaudeAgentOptions, request: ClaudeRunRequest, *, strict: bool) -> ClaudeAgentOptions:
    wanted = {"cwd": request.cwd, "max_turns": request.max_turns, "resume": request.resume_session_id}
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        found = getattr(options, name)
        if value is None or (found is not None and _same(found, value)):
            continue
        if found is None:
            changes[name] = value
        elif strict:
            msg = (
                f"The request asks for {name}={value!r}, but the static options say {found!r}. Leave one of them out, "
                "or decide between them in an options_factory."
            )
            raise KitaruUsageError(msg)
    return replace(options, **changes)


def _same(found: object, wanted: object) -> bool:
    return found == wanted or (isinstance(found, os.PathLike) and os.fspath(found) == wanted)


def owns_session(options: ClaudeAgentOptions) -> bool:
    """Return whether the user decided about the session, so that no id may be derived for it."""
    return bool(options.session_id or options.resume or options.continue_conversation)


def with_partial_messages(options: ClaudeAgentOptions, warnings: list[str]) -> ClaudeAgentOptions:
    """Return a copy that also yields partial messages; where a copy is not possible, say so and go on without.

    Args:
        options: The options.
        warnings: Where to say it.
    """
    try:
        return replace(copy.copy(options), include_partial_messages=True)
    except Exception as error:  # noqa: BLE001 - a subclass of the user's may refuse to be copied in any way
        warnings.append(f"The options cannot be copied ({type(error).__name__}), so partial messages are not streamed.")
        return options
