"""The preference about analytics: accepted and kept so that scripts go on working.

Nothing is ever collected or sent, whatever the preference says.
"""

from __future__ import annotations

import os

import msgspec

from kitaru.settings import values
from kitaru.settings.user_file import section, update_user_file

__all__ = ["AnalyticsStatus", "analytics_status", "kept_preference", "set_analytics_preference"]


class AnalyticsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for analytics.

    Attributes:
        collecting: Whether anything is collected; always `False`.
        preference: What was asked for, if anything was.
        source: Where the preference was set: `environment`, `config` or `default`.
        message: One sentence for people.
    """

    collecting: bool = False
    preference: bool | None = None
    source: str = "default"
    message: str = "off; nothing is collected"


def analytics_status() -> AnalyticsStatus:
    """Return what holds for analytics: nothing is collected, whatever was asked for.

    Raises:
        KitaruUsageError: `KITARU_ANALYTICS_OPT_IN` or the settings file holds something else than a truth value.
    """
    given = os.environ.get("KITARU_ANALYTICS_OPT_IN", "").strip()
    if given:
        return AnalyticsStatus(preference=values.flag(given, "KITARU_ANALYTICS_OPT_IN"), source="environment")
    kept = kept_preference()
    return AnalyticsStatus() if kept is None else AnalyticsStatus(preference=kept, source="config")


def kept_preference() -> bool | None:
    """Return the preference in the settings file, if there is one.

    Raises:
        KitaruUsageError: The settings file is malformed, or holds something else than a truth value.
    """
    kept = section("analytics").get("opt_in")
    return None if kept is None else values.flag(kept, "`opt_in` of `analytics` in kitaru.yaml")


def set_analytics_preference(*, opt_in: object) -> AnalyticsStatus:
    """Keep a preference about analytics, which changes nothing.

    Args:
        opt_in: The preference.

    Returns:
        What holds now.

    Raises:
        KitaruUsageError: It is no truth value.
    """
    wanted = values.flag(opt_in, "The preference")
    with update_user_file() as content:
        content["analytics"] = {"opt_in": wanted}
    return analytics_status()
