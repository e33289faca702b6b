"""Tells a web address about each question that a flow asks, signed, so that somebody can be called to answer it.

Set `KITARU_WEBHOOK_URL` and `KITARU_WEBHOOK_SECRET`. Each opened wait is sent as one POST with a JSON body and three
headers: the delivery's id, a timestamp, and a signature over both timestamp and body. `verify_signature` is what a
receiver written in Python needs.

A notice is sent at least once: it is tried again for a while, and when the process is killed or the server cannot be
reached, the next process that opens the journal on this machine sends it. A receiver tells repeated ones by the
delivery's id. The question itself is in the journal; `kitaru waits` lists it.
"""

from __future__ import annotations

from kitaru_plugins.notify_webhook.signing import sign, verify_signature

__all__ = ["sign", "verify_signature"]
