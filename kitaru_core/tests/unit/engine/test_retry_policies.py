"""How long to wait before another attempt."""

from __future__ import annotations

import pytest

from kitaru import RetryPolicy


@pytest.mark.parametrize(
    ("policy", "pauses"),
    [
        (RetryPolicy(max_retries=3, delay=1), [1, 2, 4]),
        (RetryPolicy(max_retries=3, delay=1, backoff=3, max_delay=5), [1, 3, 5]),
        (RetryPolicy(max_retries=3), [0, 0, 0]),
    ],
)
def test_delays_grow_up_to_the_longest(policy, pauses):
    assert [policy.pause(ValueError(), done) for done in range(3)] == pauses


@pytest.mark.parametrize(("delay", "backoff", "expected"), [(0, 2.0, 0), (0.5, 2.0, 60), (0.5, 10, 60)])
def test_delays_stay_numbers_after_thousands_of_retries(delay, backoff, expected):
    policy = RetryPolicy(max_retries=10_000, delay=delay, backoff=backoff)
    assert policy.pause(ValueError(), 9_999) == expected
