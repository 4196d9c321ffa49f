"""What headers say of the rate limit, whatever they hold."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.live.fetch import LONGEST_PAUSE, Budget
from tests.support.virtual_time import EPOCH


@pytest.mark.parametrize(
    ("headers", "budget"),
    [
        ({}, Budget()),
        ({"retry-after": "12"}, Budget(retry_after=12.0)),
        ({"retry-after": "1.5"}, Budget(retry_after=1.5)),
        ({"retry-after": format_datetime(EPOCH + timedelta(seconds=9), usegmt=True)}, Budget(retry_after=9.0)),
        ({"retry-after": "999999"}, Budget(retry_after=LONGEST_PAUSE)),
        ({"retry-after": "soon"}, Budget()),
        ({"retry-after": "-3"}, Budget()),
        ({"retry-after": "nan"}, Budget()),
        ({"retry-after": "²"}, Budget()),
        ({"ratelimit-limit": "5000", "ratelimit-remaining": "4816"}, Budget(limit=5000, remaining=4816)),
        ({"ratelimit-reset": "1"}, Budget(resets_in=0.0)),
        ({"ratelimit-remaining": "", "ratelimit-reset": "x"}, Budget()),
    ],
)
def test_the_budget_is_read_from_headers_whatever_they_say(headers: dict[str, str], budget: Budget) -> None:
    spelled = httpx.Headers({name: value.encode() for name, value in headers.items()})
    assert Budget.read(spelled, EPOCH) == budget


@given(
    st.dictionaries(
        st.sampled_from(["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "date"]),
        st.text(max_size=30),
    )
)
def test_no_header_breaks_the_budget_or_makes_it_wait_for_ever(headers: dict[str, str]) -> None:
    spelled = httpx.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    budget = Budget.read(spelled, EPOCH)
    assert 0.0 <= budget.used_up <= LONGEST_PAUSE
    assert 0.0 <= (budget.retry_after or 0.0) <= LONGEST_PAUSE
