from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from reconciler.config import Freeze
from reconciler.plan.freeze import frozen

FRIDAY_EVENING = Freeze(cron="0 16 * * FRI", duration="62h", time_zone="Europe/Berlin", reason="weekend")
HOLIDAYS = Freeze(start="2026-12-24", end="2027-01-02T08:00", time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        pytest.param(datetime(2026, 11, 20, 14, 59, tzinfo=UTC), False, id="a minute before the window opens"),
        pytest.param(datetime(2026, 11, 20, 15, 0, tzinfo=UTC), True, id="the very minute it opens"),
        pytest.param(datetime(2026, 11, 21, 3, 0, tzinfo=UTC), True, id="in the middle of it"),
        pytest.param(datetime(2026, 11, 23, 5, 0, tzinfo=UTC), False, id="the very minute it closes"),
    ],
)
def test_a_cron_window_is_open_from_its_begin_for_its_duration(now, is_frozen):
    assert bool(frozen([FRIDAY_EVENING], now)) is is_frozen


def test_the_reason_says_until_when_in_the_windows_own_zone():
    said = frozen([FRIDAY_EVENING], datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
    assert said == "a freeze window is open until 2026-11-23 06:00 CET (weekend)"


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        (datetime(2026, 12, 23, 22, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 23, 23, 0, tzinfo=UTC), True),
        (datetime(2027, 1, 2, 6, 59, tzinfo=UTC), True),
        (datetime(2027, 1, 2, 7, 0, tzinfo=UTC), False),
    ],
)
def test_a_dated_window_is_read_in_its_time_zone(now, is_frozen):
    assert bool(frozen([HOLIDAYS], now)) is is_frozen


def test_windows_that_overlap_or_meet_end_where_the_last_of_them_does():
    night = Freeze(cron="0 22 * * *", duration="10h", reason="night")
    party = Freeze(start="2026-12-02T07:00", end="2026-12-02T12:00", reason="party")
    after = Freeze(start="2026-12-02T12:00", end="2026-12-02T13:00", reason="after")
    apart = Freeze(start="2026-12-02T13:01", end="2026-12-03", reason="apart")
    now = datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
    assert frozen([night, party, after, apart], now) == "a freeze window is open until 2026-12-02 13:00 UTC (after)"
    assert frozen([after, party, night], now).endswith("13:00 UTC (after)")
    assert frozen([night, apart], now).endswith("2026-12-02 08:00 UTC (night)")


def test_windows_of_one_cron_expression_that_overlap_end_with_the_last_of_them():
    often = Freeze(cron="0 8-10 * * *", duration="90m")
    assert frozen([often], datetime(2026, 12, 1, 8, 30, tzinfo=UTC)).endswith("until 2026-12-01 11:30 UTC")


def test_many_short_windows_are_followed_by_the_longest_ends():
    now = datetime(2026, 12, 1, tzinfo=UTC)
    minutes = Freeze(cron="* 0-21 * * *", duration="2h")
    assert frozen([minutes], now).endswith("until 2026-12-01 23:59 UTC")
    december = Freeze(cron="* * * 12 *", duration="1m")
    move = Freeze(start="2026-11-30", end="2027-01-05", reason="we move")
    assert frozen([december, move], now).endswith("until 2027-01-05 00:00 UTC (we move)")


def test_a_window_that_stands_twice_counts_once():
    assert frozen([HOLIDAYS, HOLIDAYS], datetime(2026, 12, 25, tzinfo=UTC)).endswith("until 2027-01-02 08:00 CET")


def test_windows_without_a_gap_are_cut_off_somewhere():
    always = Freeze(cron="0 0 * * *", duration="24h")
    assert frozen([always], datetime(2026, 12, 1, tzinfo=UTC)).endswith("until 2029-08-27 00:00 UTC")


def test_without_windows_nothing_is_frozen():
    assert frozen([], datetime(2026, 1, 1, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either cron and duration, or start and end"),
        ({"cron": "0 1 * * *", "start": "2026-01-01"}, "either cron and duration, or start and end"),
        ({"cron": "0 1 * * *"}, "needs a duration"),
        ({"cron": "61 1 * * *", "duration": "1h"}, "is not a cron expression"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "start must be before end"),
        ({"end": "2026-01-01"}, "with end needs start"),
        ({"cron": "0 0 30 2 *", "duration": "1h"}, "is not a cron expression"),
        ({"cron": "0 1 * * *", "duration": "9999999999d"}, "between 0s and 366d"),
        ({"start": "2026-01-01", "end": "2026-01-01"}, "start must be before end"),
        ({"start": "soon", "end": "later"}, "is not a date"),
        ({"cron": "0 1 * * *", "duration": "1h", "time_zone": "Mars/Base"}, "is not known"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_when_the_config_is_read(fields, said):
    with pytest.raises(ValidationError, match=said):
        Freeze(**fields)
